"""`capgen review --base`: both sides of a change of a real git repository, in one document that does not change by itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.controlplane import ControlPlane

import capgen.cli

ENVIRONMENT = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: production}\nkubernetes: {namespace: monitoring}\ndeliver: {prometheus: operator}\n"
SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, owner: storefront}
sources:
  host: {exporter: node, existing: true}
signals:
  host.cpu: {levels: {warning: 50%, critical: 80%}, for: 5m}
workloads:
  shop:
    kind: Deployment
    namespace: shop
    containers: {shop: {requests: {cpu: 500m}}}
    horizontal:
      replicas: {min: 2, max: 4}
      targets: {cpu: 70%}
      simulate: {at_max: "< 1h/week"}
"""
DEMAND = "t,cpu\n" + "".join(f"{n * 300},{0.5 + (n % 288) / 144}\n" for n in range(576))


def git(*words: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(
        ["git", *who, *words], check=True, capture_output=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path("specs/production.yaml").write_text(ENVIRONMENT)
    Path("specs/shop.yaml").write_text(SPEC)
    Path("demand.csv").write_text(DEMAND)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "before")

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            capgen.cli.main(["review", "--base", "HEAD", *words])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def change(*pairs: tuple[str, str]) -> None:
    text = Path("specs/shop.yaml").read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    Path("specs/shop.yaml").write_text(text)


def told(shell: Any, *words: str) -> Any:
    return json.loads(shell("--format", "json", *words)[1])


def test_nothing_changed(shell: Any) -> None:
    found = told(shell)
    assert (found["changes"], found["files"], found["new_findings"]) == ([], [], [])
    assert any("no history was named" in text for text in found["unknown"])


def test_changes_in_words_with_units_the_risky_first(shell: Any) -> None:
    change(("critical: 80%", "critical: 90%"), ("for: 5m", "for: 2m"), ("max: 4", "max: 20"), ("cpu: 70%", "cpu: 60%"))
    found = told(shell)
    assert [(one["risk"], one["text"]) for one in found["changes"]] == [
        ("high", "host.cpu is critical from 90% on instead of 80%"),
        ("medium", "host.cpu has to stand 2m instead of 5m"),
        ("medium", "shop aims at 60% of cpu instead of 70%"),
        ("medium", "shop has at most 20 replicas instead of 4"),
    ]
    assert {"path": "production/shop/hpa-shop.yaml", "change": "changed"} in found["files"]
    assert not any("capgen-review" in text for text in (json.dumps(found), shell()[1]))


RICH = (
    SPEC.replace(
        "containers: {shop: {requests: {cpu: 500m}}}", "containers: {shop: {requests: {cpu: 500m, memory: 1Gi}}}"
    )
    + """\
notify:
  chat: {webhook: {env: CHAT_URL}}
  pager: {pagerduty: {env: PAGER_KEY}, severities: [critical, emergency]}
jobs:
  web: {schedule: "* * * * *", probe: {url: "http://localhost:8080", health: /health, slower_than: 2s}}
"""
)
WORDS = (
    ("severities: [critical, emergency]", "severities: [emergency]", "high", "pager (pagerduty) is told of emergency alerts instead of critical and emergency alerts"),
    ("  chat: {webhook: {env: CHAT_URL}}\n", "", "high", "chat (webhook) is told no more"),
    ("env: PAGER_KEY", "env: OTHER_KEY", "high", "pager (pagerduty) is reached with another secret"),
    ('"* * * * *"', '"*/2 * * * *"', "medium", "the job web runs at '*/2 * * * *' instead of '* * * * *'"),
    ("slower_than: 2s", "slower_than: 9s", "medium", "the job web does something else: see its script"),
    ("cpu: 500m", "cpu: 250m", "high", "shop requests 250m of cpu for shop instead of 500m"),
    ("memory: 1Gi", "memory: 2Gi", "medium", "shop requests 2Gi of memory for shop instead of 1Gi"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "risk", "words"), WORDS, ids=[words for *_, words in WORDS])
def test_what_surrounds_the_levels_is_told_in_words(shell: Any, old: str, new: str, risk: str, words: str) -> None:
    Path("specs/shop.yaml").write_text(RICH)
    git("commit", "--quiet", "--all", "--message", "rich")
    change((old, new))
    found = told(shell)
    assert {"risk": risk, "environment": "production", "service": "shop", "text": words} in found["changes"]
    assert "KEY" not in "".join(change["text"] for change in found["changes"])


def test_what_holds_for_a_whole_environment_is_told_once(shell: Any) -> None:
    Path("specs/production.yaml").write_text(ENVIRONMENT.replace("monitoring}", "watching}"))
    found = [one for one in told(shell)["changes"] if not one["service"]]
    assert [one["text"] for one in found] == [
        "what watches is delivered to the namespace watching instead of monitoring"
    ]


def test_from_inside_the_folder_of_the_specs(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(("max: 4", "max: 9"))
    monkeypatch.chdir("specs")
    assert [one["text"] for one in told(shell, ".")["changes"]] == ["shop has at most 9 replicas instead of 4"]


def test_replicas_before_and_after_and_a_bound_that_is_not_kept(shell: Any) -> None:
    replayed = ("--env", "production", "--demand", "demand.csv", "--pod-hour", "0.1")
    change(("max: 4", "max: 3"))
    status, out, _ = shell(*replayed)
    assert status == 3
    assert "error CG927" in out
    assert "\n1 change, 1 of high risk; " in out
    pictures = [line.split() for line in out.splitlines() if line.startswith(("   before ", "    after "))]
    assert [name for name, _ in pictures] == ["before", "after"]
    assert "█" in pictures[0][1]
    assert "█" not in pictures[1][1], "three replicas are drawn lower than four"
    rows = {row["name"]: (row["before"], row["after"]) for row in told(shell, *replayed)["replays"][0]["rows"]}
    assert rows["replicas"] == ("2 to 4", "2 to 3")
    assert float(rows["money"][0]) > float(rows["money"][1])
    change(("max: 3", "max: 20"))
    assert shell(*replayed)[0] == 0


def test_each_autoscaler_has_a_demand_of_its_own(shell: Any) -> None:
    Path("specs/cart.yaml").write_text(SPEC.replace("name: shop, owner", "name: cart, owner").replace("shop", "cart"))
    git("add", ".")
    git("commit", "--quiet", "--message", "two")
    replayed = ("--env", "production", "--demand")
    both = told(shell, *replayed, "demand.csv")
    assert len(both["replays"]) == 2
    assert any("is replayed for each of 2 autoscalers" in text for text in both["unknown"])
    Path("demand/cart").mkdir(parents=True)
    Path("demand/cart/cart.csv").write_text("t,cpu\n0,9\n3600,9\n")
    own = told(shell, *replayed, "demand")
    assert [one["service"] for one in own["replays"]] == ["cart"]
    assert any("shop: shop is not replayed, since there is no demand/shop/shop.csv" in text for text in own["unknown"])
    Path("demand/cart/cart.csv").unlink()
    status, _, err = shell(*replayed, "demand")
    assert status == 2
    assert "<service>/<workload>.csv" in err


def test_pods_without_requests_stop_no_review(shell: Any) -> None:
    change(("    containers: {shop: {requests: {cpu: 500m}}}\n", ""))
    status, out, err = shell("--env", "production", "--demand", "demand.csv", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["replays"] == []
    assert any("shop is not replayed: the target for cpu is a share" in text for text in json.loads(out)["unknown"])


def test_an_autoscaler_that_is_taken_away_stops_no_review(shell: Any) -> None:
    text = Path("specs/shop.yaml").read_text()
    Path("specs/shop.yaml").write_text(text[: text.index("    horizontal:")])
    found = told(shell, "--env", "production", "--demand", "demand.csv")
    assert {"risk": "high", "environment": "production", "service": "shop", "text": "shop has no autoscaler any more"} in found["changes"]  # fmt: skip
    assert any("nothing is scaled" in text for text in found["unknown"])


def cpu_history() -> None:
    """Four weeks of a value a minute; for half an hour of every day 85 %, once 95 %."""
    Path("history").mkdir()
    rows = [f"{1_790_000_000 + 60 * n},{0.95 if n == 5000 else 0.85 if n % 1440 < 30 else 0.3}" for n in range(40_320)]
    Path("history/host.cpu.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")


def test_pages_before_and_after(shell: Any) -> None:
    cpu_history()
    change(("critical: 80%", "critical: 90%"))
    words = ("--env", "production", "--history", "history")
    pages = told(shell, *words)["pages"]
    assert (len(pages["before"]["pages"]), len(pages["after"]["pages"])) == (28, 0)
    assert pages["before"]["pages_a_week"] == pytest.approx(7, abs=0.01)
    assert not pages["exact"]
    text = shell(*words)[1]
    assert "| pages a week | 7.0 | 0.0 |" in text
    assert text == shell(*words)[1]
    page = shell(*words, "--format", "html")[1]
    assert page.count('<line class="before"') == 28
    assert '<line class="after"' not in page


def test_money_from_the_costs_of_the_spec(shell: Any) -> None:
    planning = (
        "planning:\n  compute: {nodes: 3, node: {cpu: 4, memory: 16Gi}, used: {cpu: 60%, memory: 50%}, keep_below: 80%, "
        "months: 12, growth: {cpu: {points: 5}, memory: {points: 5}}}\n"
        "  cost: {currency: EUR, months: 12, compute: {instances: 3, each: 146}}\n"
    )
    Path("specs/shop.yaml").write_text(SPEC + planning)
    out = shell("--env", "production", "--demand", "demand.csv")[1]
    # Half a core of four, of a node of 146 a month of 730 hours.
    assert "a pod takes 12.5% of a node by its cpu: 0.025000 EUR an hour" in out
    assert "| money |" in out


def test_what_applying_would_change(shell: Any) -> None:
    root = "\ndirectory: {root: ./deploy}\n"
    host = (
        ENVIRONMENT.replace("production", "host")
        .replace("kubernetes: {namespace: monitoring}", "")
        .replace("operator", "files")
    )
    Path("specs/host.yaml").write_text(host.rstrip() + root)
    found = told(shell, "--env", "host", "--live")
    assert "to create" in found["delivery"]["summary"]
    assert any(one["what"].startswith("+ ") for one in found["delivery"]["changes"])
    assert not any("cluster" in text for text in found["unknown"])
    assert "**Applying it:" in shell("--env", "host", "--live")[1]


def test_a_cluster_and_a_prometheus_that_do_not_answer(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", os.devnull)
    monkeypatch.setattr("capgen.history.prometheus._TRIES", 1)
    change(("max: 4", "max: 20"))
    found = told(shell, "--env", "production", "--live", "--prometheus", "http://127.0.0.1:1", "--to", "2026-11-01")
    assert (found["pages"], found["delivery"]) == (None, None)
    for what in ("pages a week", "replicas and money"):
        assert any(f"{what}: http://127.0.0.1:1 did not answer" in text for text in found["unknown"])
    assert any("what applying would change in production" in text for text in found["unknown"])
    assert found["changes"], "the rest is told all the same"


def test_what_applying_would_change_in_a_cluster(
    shell: Any, control_plane: ControlPlane, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written; without rights each object says why nothing is known of it, and the rest is told all the same."""
    Path("specs/production.yaml").write_text(
        ENVIRONMENT.replace("{namespace: monitoring}", f"{{namespace: {namespace}, context: admin}}")
    )
    Path("specs/shop.yaml").write_text(SPEC.replace("namespace: shop", f"namespace: {namespace}"))
    git("commit", "--quiet", "--all", "--message", "namespaced")
    kubeconfig = str(control_plane.kubeconfig())
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as applied:
        patch.setenv("KUBECONFIG", kubeconfig)
        capgen.cli.main(["apply", "--env", "production", "--yes"])
    assert applied.value.code == 0
    capsys.readouterr()
    change(("max: 4", "max: 20"))
    live = ("--env", "production", "--live")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", kubeconfig)
        with control_plane.recorded() as seen:
            found = told(shell, *live)["delivery"]
            first, again = shell(*live)[1], shell(*live)[1]
        assert seen
        assert not [request for request in seen if request.writes]
    assert first == again
    assert "1 to update" in found["summary"]
    assert any("maxReplicas" in line and "20" in line for one in found["changes"] for line in one["lines"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(control_plane.kubeconfig("nobody")))
        Path("specs/production.yaml").write_text(
            ENVIRONMENT.replace("{namespace: monitoring}", f"{{namespace: {namespace}, context: nobody}}")
        )
        found = told(shell, *live)
    assert "2 blocked" in found["delivery"]["summary"]
    assert any("cannot list" in line for one in found["delivery"]["changes"] for line in one["lines"])
    assert "shop has at most 20 replicas instead of 4" in [one["text"] for one in found["changes"]]


def test_a_service_that_is_gone_and_one_that_is_new(shell: Any) -> None:
    Path("specs/cart.yaml").write_text(SPEC.replace("name: shop, owner", "name: cart, owner"))
    Path("specs/shop.yaml").unlink()
    found = {(one["service"], one["risk"]) for one in told(shell)["changes"]}
    assert found == {("shop", "high"), ("cart", "medium")}


def test_the_same_change_gives_the_same_bytes_and_fits_a_comment(shell: Any) -> None:
    for number in range(150):
        text = SPEC.replace("shop", f"shop-{number}-of-a-department-with-a-long-name").replace(
            "80%", f"{80 + number % 9}%"
        )
        Path(f"specs/shop-{number}.yaml").write_text(text)
    first = shell()[1]
    assert first == shell()[1]
    assert 65_000 < len(first) <= 65_536
    assert first.startswith("<!-- capgen -->\n")


def test_what_a_spec_says_is_text_in_every_form(shell: Any) -> None:
    change(("owner: storefront", "owner: a b"), ("host.cpu: {", 'host.cpu: {title: "<script>alert(1)</script> @all", '))
    for form in ("markdown", "html"):
        out = shell("--format", form)[1]
        assert "<script>" not in out
        assert "@all" not in out
    page = shell("--format", "html", "--env", "production", "--demand", "demand.csv")[1]
    assert page.count("<svg") == 1
    assert "http" not in page, "the page needs nothing from outside"


def test_a_base_without_valid_specs(shell: Any) -> None:
    Path("specs/shop.yaml").write_text("nonsense: true\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "broken")
    Path("specs/shop.yaml").write_text(SPEC)
    assert any("no valid specs" in text for text in told(shell)["unknown"])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--demand", "demand.csv"), "name it with --env"),
        (("--env", "production", "--incidents", "nowhere.yaml"), "held against a history"),
        (
            ("--env", "production", "--prometheus", "http://me:hush@localhost:9090", "--to", "2026-11-01"),
            "`prometheus: {auth: …}`",
        ),
        (
            ("--env", "production", "--prometheus", "me:hush@localhost", "--to", "2026-11-01"),
            "leave the user and the password out",
        ),
        (("--base", "nowhere"), "git knows no commit 'nowhere' here"),
    ],
)
def test_what_would_be_passed_over_is_refused(shell: Any, words: tuple[str, ...], complaint: str) -> None:
    status, out, err = shell(*words)
    assert (status, out) == (2, "")
    assert complaint in err
    assert "hush" not in err


@pytest.mark.parametrize("base", ["nowhere", "--upload-pack=touch", ""])
def test_a_base_that_is_none(shell: Any, base: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        capgen.cli.main(["review", f"--base={base}"])
    assert done.value.code == 2


def test_a_folder_without_a_repository(
    shell: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    status, out, err = shell()
    assert (status, out) == (2, "")
    assert "in no git repository" in err


def test_specs_outside_of_the_repository(shell: Any) -> None:
    status, out, err = shell("../elsewhere")
    assert (status, out) == (2, "")
    assert "inside the repository" in err
