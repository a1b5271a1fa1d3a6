"""The folder target checks with the real promtool and amtool before it switches, and reloads once afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.delivery import Reloads, apply, contents, file, plan
from harness.prometheus import Start

from capgen.errors import PartlyDone, Refused
from capgen.reconcile.plan import Action
from capgen.targets.directory import Directory

CONFIG = "global: {scrape_interval: 15s}\nrule_files: ['apm/*.yml', 'theirs/*.yml', 'web/*.yml']\n"
RULES = "groups:\n  - name: apm\n    rules:\n      - {record: 'a:b', expr: '1'}\n"


@pytest.mark.usefixtures("with_promtool")
@pytest.mark.parametrize(
    ("config", "rules", "said"),
    [
        (CONFIG.replace("15s", "15 sekunden"), RULES, "15 sekunden"),
        (CONFIG, RULES.replace("expr: '1'", "expr: 'sum('"), "apm/rules.yml"),
    ],
)
def test_what_promtool_refuses_is_not_put_in_place(tmp_path: Path, config: str, rules: str, said: str) -> None:
    target = Directory(tmp_path / "root")
    apply(target, file("prometheus.yml", CONFIG), file("apm/rules.yml", RULES))
    before = contents(target.root)
    broken = (file("prometheus.yml", config), file("apm/rules.yml", rules), file("web/rules.yml", RULES))
    found = plan(target, *broken)
    with pytest.raises(Refused, match="promtool refuses") as refused:
        target.apply(found)
    assert said in str(refused.value) and "nothing was changed" in str(refused.value)
    assert contents(target.root) == before
    assert not (target.root / "web").exists()
    rehearsed = target.rehearse(found)
    assert {change.action for change in rehearsed.changes} == {Action.BLOCKED, Action.UNCHANGED} - (
        set() if any(c.action is Action.UNCHANGED for c in found.changes) else {Action.UNCHANGED}
    )
    assert contents(target.root) == before


@pytest.mark.usefixtures("with_promtool")
def test_rules_are_checked_against_a_configuration_that_is_not_capgen_s(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/rules.yml").write_text(RULES.replace("a:b", "c:d"))
    (tmp_path / "prometheus.yml").write_text(CONFIG)
    target = Directory(tmp_path)
    with pytest.raises(Refused, match="promtool refuses"):
        apply(target, file("apm/rules.yml", RULES.replace("expr: '1'", "expr: ')'")))
    assert apply(target, file("apm/rules.yml", RULES)).error() is None


@pytest.mark.usefixtures("with_promtool")
def test_what_amtool_refuses_is_not_put_in_place(tmp_path: Path) -> None:
    good = "route: {receiver: team}\nreceivers: [{name: team}]\n"
    target = Directory(tmp_path)
    assert apply(target, file("alertmanager.yml", good)).error() is None
    with pytest.raises(Refused, match="amtool refuses"):
        apply(target, file("alertmanager.yml", good.replace("receiver: team", "receiver: nobody")))
    assert (tmp_path / "alertmanager.yml").read_text() == good


@pytest.mark.usefixtures("with_promtool")
def test_a_running_prometheus_takes_the_new_rules(tmp_path: Path, prometheus: Start) -> None:
    root = tmp_path / "root"
    apply(Directory(root), file("prometheus.yml", CONFIG))
    with prometheus(root / "prometheus.yml") as server:
        target = Directory(root, reload=f"{server.url}/-/reload")
        desired = (file("prometheus.yml", CONFIG), file("apm/rules.yml", RULES))
        assert server.json("/api/v1/rules")["data"]["groups"] == []
        assert apply(target, *desired).error() is None
        assert [group["name"] for group in server.json("/api/v1/rules")["data"]["groups"]] == ["apm"]


@pytest.mark.usefixtures("with_promtool")
def test_both_servers_are_told_and_one_that_fails_is_tried_again(tmp_path: Path, reloads: Reloads) -> None:
    target = Directory(tmp_path, reload=reloads.url, alertmanager=f"{reloads.url}?alertmanager")
    assert apply(target, file("shop/rules.yml", "groups: []\n")).error() is None
    assert reloads.asked == ["/-/reload", "/-/reload?alertmanager"]
    reloads.answer = (500, "no")
    outcome = apply(target, file("shop/rules.yml", "groups: [ ]\n"))
    assert len(outcome.problems) == 2


def test_a_running_alertmanager_takes_the_new_receivers(tmp_path: Path, alertmanager: Start) -> None:
    config = "route: {receiver: team}\nreceivers: [{name: team}]\n"
    apply(Directory(tmp_path), file("alertmanager.yml", config))
    with alertmanager(tmp_path / "alertmanager.yml") as server:
        target = Directory(tmp_path, reload=f"{server.url}/-/reload")
        assert apply(target, file("alertmanager.yml", config.replace("team", "crew"))).error() is None
        assert server.json("/api/v2/receivers") == [{"name": "crew"}]


def test_it_reloads_once_and_only_after_a_change(tmp_path: Path, reloads: Reloads) -> None:
    target = Directory(tmp_path, reload=reloads.url)
    apply(target, file("a.yml", "1"), file("b.yml", "1"))
    assert reloads.asked == ["/-/reload"]
    apply(target, file("a.yml", "1"), file("b.yml", "1"))
    assert reloads.asked == ["/-/reload"]
    apply(target, file("a.yml", "2"), file("b.yml", "1"))
    assert reloads.asked == ["/-/reload"] * 2


@pytest.mark.parametrize(
    ("answer", "delay", "said"),
    [
        ((500, "bad rule in apm/rules.yml"), 0, "bad rule in apm/rules.yml"),
        ((302, ""), 0, "302"),
        ((200, ""), 2, "within 0.5 s"),
    ],
)
def test_a_failed_reload_is_partly_done_and_tried_again(
    tmp_path: Path, reloads: Reloads, answer: tuple[int, str], delay: float, said: str
) -> None:
    target = Directory(tmp_path, reload=reloads.url, reload_seconds=0.5)
    reloads.answer, reloads.delay = answer, delay
    outcome = apply(target, file("a.yml", "1"))
    error = outcome.error()
    assert isinstance(error, PartlyDone) and error.exit_code == 5
    assert reloads.url in str(error) and said in str(error)
    assert contents(tmp_path) == {"a.yml": "1"}
    assert reloads.asked == ["/-/reload"], "a redirect is not followed"

    reloads.answer, reloads.delay = (200, ""), 0
    for _ in range(2):
        assert apply(target, file("a.yml", "1")).error() is None
    assert reloads.asked == ["/-/reload"] * 2, "made up for, once"


def test_a_reload_nobody_answers_names_the_url(tmp_path: Path) -> None:
    target = Directory(tmp_path, reload="http://127.0.0.1:9/-/reload")
    assert "http://127.0.0.1:9/-/reload" in str(apply(target, file("a.yml", "1")).error())


def test_a_reload_is_http(tmp_path: Path) -> None:
    target = Directory(tmp_path, reload=f"file://{tmp_path}/a.yml")
    assert "no http" in str(apply(target, file("a.yml", "1")).error())
