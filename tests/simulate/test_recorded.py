"""Replays over what a real Prometheus has recorded: the same as over a file with the same numbers, and honest about the rest."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.command import Ran
from harness.prometheus import backfilled, serving_history
from history.answering import answering, recording

import capgen.cli

STEP, ROWS = 60, 360
BEGIN = 1_790_000_040 // STEP * STEP
END = BEGIN + STEP * (ROWS - 1)
PODS = ("shop-5d9f7c-bb4zk", "shop-5d9f7c-x2wvq", "shop-5d9f7c-zz4kk")
GAP = range(200, 220)
Run = Callable[..., Ran]
OF = ("--env", "production")
RECORDED = (*OF, "--prometheus", "--from", str(BEGIN), "--to", str(END))
ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: production}
kubernetes: {namespace: monitoring}
deliver: {prometheus: operator, metrics: SERVES}
prometheus: {url: "URL", auth: {bearer: {env: TOKEN}}, trigger_authentication: {name: login}}
"""
SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: NAME, owner: storefront}
sources:
  app: {exporter: http, job: shop-app, existing: true}
signals:
  app.backlog: {title: Backlog, source: app, expr: 'sum by (queue) (queue_depth{$selector})', unit: short, ladder: utilisation, levels: {warning: 1000}}
workloads:
  NAME:
    kind: Deployment
    namespace: shop
    containers: {app: {requests: {cpu: 500m, memory: 1Gi}}}
    horizontal: {replicas: {min: 1, max: 3}, targets: {TARGETS}}
"""


def cores(row: int) -> float:
    """What all three use together; in the middle more than three may at 70 % of half a core."""
    return 1.0 + 0.8 * math.sin(row / 40)


def samples() -> Iterator[str]:
    """Six hours of three pods with a sidecar, of another workload's pod, of a queue with a gap, and of the HPA."""
    yield "# TYPE container_cpu_usage_seconds counter"
    for pod in (*PODS, "shop-admin-0"):
        # The pod as a whole is listed beside its containers.
        for container, image, of in (("app", "shop/app", 1.0), ("proxy", "mesh/proxy", 0.1), ("", "", 1.1)):
            used = 0.0
            labels = f'namespace="shop",pod="{pod}",container="{container}",image="{image}",id="{pod}{container}",cpu="total"'
            for row in range(ROWS):
                used += of * cores(row) / 3 * STEP
                yield f"container_cpu_usage_seconds_total{{{labels}}} {used:.3f} {BEGIN + STEP * row}"
    yield "# TYPE queue_depth gauge"
    for queue, share in (("a", 1), ("b", 2)):
        for row in (row for row in range(ROWS) if row not in GAP):
            yield f'queue_depth{{job="shop-app",queue="{queue}"}} {share * 40 * cores(row):.2f} {BEGIN + STEP * row}'
    yield "# TYPE kube_horizontalpodautoscaler_status_current_replicas gauge"
    for row in range(ROWS):
        labels = 'namespace="shop",horizontalpodautoscaler="shop-hpa"'
        yield f"kube_horizontalpodautoscaler_status_current_replicas{{{labels}}} 3 {BEGIN + STEP * row}"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("recorded")
    backfilled(folder, samples())
    with serving_history(folder) as url:
        yield url


def project(folder: Path, url: str, *, serves: str = "adapter", **targets: str) -> None:
    (folder / "specs").mkdir(exist_ok=True)
    (folder / "specs" / "production.yaml").write_text(ENVIRONMENT.replace("URL", url).replace("SERVES", serves))
    for name, by in targets.items():
        (folder / "specs" / f"{name}.yaml").write_text(SPEC.replace("NAME", name).replace("TARGETS", by))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs capgen in the project's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", "t0ken")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*words: str) -> Ran:
        with pytest.raises(SystemExit) as done:
            capgen.cli.main([*words])
        out, err = capsys.readouterr()
        return Ran(int(done.value.code or 0), out, err)

    return run


def written(url: str, file: Path, **queries: str) -> None:
    """The answers of the server, by its own API, as a file of demand."""
    table: dict[float, dict[str, str]] = {BEGIN + STEP * row: {} for row in range(ROWS)}
    for name, query in queries.items():
        form = urllib.parse.urlencode({"query": query, "start": BEGIN, "end": END, "step": STEP})
        with urllib.request.urlopen(f"{url}/api/v1/query_range?{form}") as answer:
            (series,) = json.load(answer)["data"]["result"]
        for at, value in series["values"]:
            table[at][name] = value
    first = min(at for at, row in table.items() if set(row) - {"replicas"})
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["t", *queries])
        rows.writerows(
            [at - first, *(row.get(name, "") for name in queries)] for at, row in table.items() if at >= first
        )


RAN = 'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler="shop-hpa"}'
CPU = f'sum(rate(container_cpu_usage_seconds_total{{pod=~"{"|".join(PODS)}",container="app"}}[5m]))'


@pytest.mark.parametrize("serves", ["adapter", "keda"])
def test_a_replay_is_that_of_a_file_with_the_same_numbers(live: str, shell: Run, tmp_path: Path, serves: str) -> None:
    project(tmp_path, live, serves=serves, shop="cpu: 70%", mail="app.backlog: 40")
    written(live, tmp_path / "demand/shop/shop.csv", cpu=CPU, replicas=RAN)
    written(live, tmp_path / "demand/mail/mail.csv", **{"app.backlog": "sum(queue_depth)"})
    done = shell("simulate", *RECORDED, "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    file = shell("simulate", *OF, "--demand", "demand", "--format", "json")
    assert file.code == 0, file.err
    by_hand = json.loads(file.out)
    assert [one["after"] for one in found["workloads"]] == [one["after"] for one in by_hand["workloads"]]
    mail, shop = (one["after"]["summary"]["replicas"] for one in found["workloads"])
    assert (shop["min"], shop["max"], mail["max"]) == (1, 3, 3)
    words = [one["demand"] for one in found["workloads"]]
    assert "app.backlog as it was with the pods that ran then" in words[0]
    assert "cpu is the mean of the 5m before a row" in words[1]
    said = [one["message"] for one in found["diagnostics"]]
    assert any(
        text.startswith("shop: shop: cpu was above its target with as many pods as are allowed") for text in said
    )
    assert any(text.startswith("mail: mail: app.backlog has no samples for 16m, first at") for text in said)
    assert any(text.startswith("mail: mail: kube-state-metrics has nothing") for text in said)
    assert shell("simulate", *RECORDED, "--format", "json").out == done.out, "from the cache it is the same"


def test_advice_over_what_was_recorded(live: str, shell: Run, tmp_path: Path) -> None:
    project(tmp_path, live, shop="cpu: 70%")
    done = shell("simulate", *RECORDED, "--advise", "--bound", "at_max=< 1h/day")
    assert done.code == 0, done.err
    assert re.search("(?m)^best +91% +1 +5 ", done.out)
    assert done.err.count("CG928") == 1, "it was cut off under today's setting, whatever is tried"


def test_what_is_not_there_is_said_and_the_rest_goes_on(live: str, shell: Run, tmp_path: Path) -> None:
    unknown = "requests: {pods: http_requests, average: 10}"
    project(tmp_path, live, shop=f"cpu: 70%, memory: 80%, {unknown}", cart="cpu: 70%", mail=unknown)
    done = shell("simulate", *RECORDED, "--format", "json")
    found = json.loads(done.out)
    assert [one["service"] for one in found["workloads"]] == ["shop"]
    assert list(found["workloads"][0]["after"]["summary"]["minutes_above_target"]) == ["Resource cpu"]
    said = {one["message"] for one in found["diagnostics"] if one["code"] == "CG966"}
    assert {text.partition(":")[0] for text in said} == {"cart", "mail", "shop"}
    assert any("memory: no container metrics" in text and "nothing says which series" in text for text in said)
    (tmp_path / "specs/shop.yaml").unlink()
    alone = shell("simulate", *RECORDED)
    assert (alone.code, alone.out) == (3, "")
    assert alone.err.count("error CG966") == 2


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, env=quiet)


def test_a_review_replays_what_changes(live: str, shell: Run, tmp_path: Path) -> None:
    with recording(live) as (url, asked):
        project(tmp_path, url, shop="cpu: 70%", mail="app.backlog: 40", cart="cpu: 70%")
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", "before")
        for name, old, new in (("shop", "max: 3", "max: 9"), ("mail", "backlog: 40", "backlog: 80")):
            file = tmp_path / f"specs/{name}.yaml"
            file.write_text(file.read_text().replace(old, new))
        done = shell("review", *RECORDED, "--base", "HEAD", "--no-cache")
        assert done.code == 0, done.err
        assert {head["Authorization"] for _, head in asked} == {"Bearer t0ken"}
        assert not any("cart-" in form["query"] for form, _ in asked), "what does not change is not asked for"
        assert shell("review", *RECORDED, "--base", "HEAD").out == done.out
    assert "2 changes, 0 of high risk; 6 generated files differ; " in done.out
    assert "t0ken" not in done.out
    mail, shop = done.out.split("replayed**")[1:]
    assert "| replicas | 1 to 3 | 1 to 3 |" in mail
    assert "| at max | 4h" in mail
    assert "| replicas | 1 to 3 | 1 to 5 |" in shop
    assert "- shop: shop: cpu was above its target with as many pods as are allowed" in shop


def test_a_review_of_requests_replays_both_sizes(live: str, shell: Run, tmp_path: Path) -> None:
    project(tmp_path, live, shop="cpu: 70%")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "before")
    assert "no autoscaler and no size of its pods changes" in shell("review", *RECORDED, "--base", "HEAD").out
    file = tmp_path / "specs/shop.yaml"
    file.write_text(file.read_text().replace("cpu: 500m", "cpu: 2"))
    found = json.loads(shell("review", *RECORDED, "--from", "2d", "--base", "HEAD", "--format", "json").out)
    assert any(
        "demand is recorded from 2026-09-21T14:15:00Z to 2026-09-21T20:13:00Z only" in t for t in found["unknown"]
    )
    assert found["replays"][0]["rows"][0] == {"name": "replicas", "before": "1 to 3", "after": "1 to 2"}


def test_a_server_that_fails_at_one_question(
    live: str, shell: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capgen.history.prometheus._TRIES", 1)

    def failing(form: dict[str, str], _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if "queue_depth" in form["query"] or "memory" in form["query"]:
            return (500 if "queue_depth" in form["query"] else 422), {}, b"it is too much"
        with urllib.request.urlopen(f"{live}/api/v1/query_range", urllib.parse.urlencode(form).encode()) as real:
            return 200, {}, real.read()

    with answering(failing) as url:
        project(tmp_path, url, cart="cpu: 70%", mail="app.backlog: 40", shop="cpu: 70%, memory: 80%")
        found = json.loads(shell("simulate", *RECORDED, "--format", "json").out)
    assert [one["service"] for one in found["workloads"]] == ["shop"]
    said = "\n".join(one["message"] for one in found["diagnostics"] if one["code"] == "CG966")
    assert re.search("mail: mail: not replayed: .*HTTP 500: it is too much", said)
    assert re.search("shop: shop: replayed with the fewest replicas .*memory: .*HTTP 422: it is too much", said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give one of --demand and --prometheus"),
        (("--demand", "x.csv", "--prometheus"), "give one of --demand and --prometheus"),
        (("--demand", "x.csv", "--step", "1m"), "add --prometheus"),
        (("--prometheus", "--step", "1500ms"), "--step: write whole seconds"),
    ],
)
def test_calls_that_make_no_sense(shell: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    project(tmp_path, "http://127.0.0.1:1", shop="cpu: 70%")
    done = shell("simulate", *OF, *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
