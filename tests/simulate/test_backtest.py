"""`capgen backtest` on a real Prometheus: the firings that Prometheus' own rule engine finds in the same storage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.command import run
from harness.binaries import component
from harness.prometheus import serving_history
from harness.rules import RuleEngine, Samples
from simulate.test_alerts_against_prometheus import STEP, UNUSED, history, written

from capgen import api
from capgen.history.matrix import Clock, Labels
from capgen.history.series import instant
from capgen.render.rules import rules_of
from capgen.report.codes import page

BEGIN = 1_790_000_000_000 // STEP * STEP + 4_217
"""Off the grid of the interval, as a group's evaluations are: the server's records say by how much."""
TICKS = 720
END = BEGIN + TICKS * STEP
LABELS = {"job": "shop-app", "instance": "a:80"}


def specs(*, critical: int = 20, hold: str = "1m") -> dict[str, Any]:
    own = {"source": "app", "unit": "short", "ladder": "utilisation"}
    signals = {
        "app.backlog": {
            **own, "title": "Backlog", "expr": "max by (queue) (queue_depth{$selector})", "for": hold, "keep_firing_for": "30s",
            "hysteresis": 2, "levels": {"warning": 10, "critical": critical, "emergency": max(30, critical + 5)},
        },
        # Two series for one consumer of a queue: at these instants the rule fails, as a whole.
        "app.share": {
            **own, "title": "Share", "expr": "max by (queue) (queue_depth{$selector}) / on (queue) queue_consumers{$selector}",
            "for": "30s", "levels": {"warning": 10},
        },
        "app.errors": {"for": "1m", "keep_firing_for": "45s"}, **UNUSED,
    }  # fmt: skip
    return {
        "apiVersion": "capgen/v1", "kind": "Capacity", "metadata": {"name": "shop", "owner": "web"},
        "sources": {"app": {"exporter": "http", "job": "shop-app", "targets": ["a:80"]}}, "signals": signals,
        "notify": {"pager": {"webhook": {"env": "PAGER"}, "severities": ["critical", "emergency"]}},
    }  # fmt: skip


def project(folder: Path, url: str, **given: Any) -> None:
    (folder / "specs").mkdir(parents=True, exist_ok=True)
    (folder / "specs" / "shop.yaml").write_text(yaml.safe_dump(specs(**given)))
    place = {
        "apiVersion": "capgen/v1",
        "kind": "Environment",
        "metadata": {"name": "live"},
        "directory": {"root": "./deploy"},
    }
    (folder / "specs" / "live.yaml").write_text(yaml.safe_dump({**place, "prometheus": {"url": url}}))


def around() -> dict[Labels, Samples]:
    """One consumer a queue, and for a while a second one; and Prometheus itself, which was always there."""
    there: Samples = [(float(BEGIN + n * STEP), 1.0) for n in range(-40, TICKS)]
    always: Samples = [(float(BEGIN + n * STEP), 2.0) for n in range(-40, TICKS)]
    second: Samples = [(float(BEGIN + n * STEP), 2.0) for n in range(300, 340)] + [(float(BEGIN + 340 * STEP), None)]
    name = {**LABELS, "__name__": "queue_consumers", "queue": "a"}
    return {
        (("__name__", "up"), ("job", "prometheus")): there,
        tuple(sorted(name.items())): always,
        tuple(sorted({**name, "instance": "b:80"}.items())): second,
    }


@dataclass(frozen=True)
class Live:
    url: str
    truth: dict[str, dict[Labels, dict[int, float]]]
    """By the critical level: what the rule engine writes as ALERTS."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A Prometheus with six hours of scrapes, and what its rule engine makes of the rules over them."""
    folder = tmp_path_factory.mktemp("backtest")
    scraped = {**history(5, TICKS, start=BEGIN), **around()}
    clock = Clock(BEGIN, STEP, TICKS)
    truth = {}
    with RuleEngine(component("rule-engine") / "rules") as engine:
        for name, given in (("old", {"critical": 30}), ("new", {})):
            project(folder / name, "http://127.0.0.1:1", **given)
            (fleet,) = api.compile_project([folder / name / "specs"]).fleets
            truth[name] = written(engine.ask(scraped, clock, rules=rules_of(fleet.services[0])))
        # What runs there are the old rules.
        project(folder / "old", "http://127.0.0.1:1", critical=30)
        (fleet,) = api.compile_project([folder / "old" / "specs"]).fleets
        engine.ask(scraped, clock, rules=rules_of(fleet.services[0]), folder=folder / "data")
    with serving_history(folder) as url:
        yield Live(url, truth)


def asked(live: Live, folder: Path, *words: str, code: int = 0) -> Any:
    span = ["--from", instant(BEGIN / 1000), "--to", instant(END / 1000)]
    done = run("backtest", "--env", "live", "--prometheus", *span, *words, "--format", "json", cwd=folder)
    assert done.code == code, done.err
    return json.loads(done.out)


def spans(truth: dict[Labels, dict[int, float]]) -> set[tuple[str, str, str]]:
    """Alert, queue or metric, and when it fired, for each firing."""
    found = set()
    for labels, samples in truth.items():
        known = dict(labels)
        if known["__name__"] != "ALERTS" or known["alertstate"] != "firing":
            continue
        times = sorted(samples)
        begins = [at for at in times if at - STEP not in samples]
        what = known.get("queue") or known.get("metric", "")
        found |= {(known["alertname"], what, instant(at / 1000)) for at in begins}
    return later(found)


def of_level(one: tuple[str, str, str]) -> bool:
    return not one[0].endswith(("MetricAbsent", "Down"))


def later(found: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Without the first quarter of an hour, in which the rule engine has only begun."""
    return {one for one in found if one[2] > instant(BEGIN / 1000 + 900)}


def test_every_firing_is_the_rule_engines(live: Live, tmp_path: Path) -> None:
    project(tmp_path, live.url)
    project(tmp_path / "old", live.url, critical=30)
    found = asked(live, tmp_path, "--old", "old/specs")
    for side, name in (("before", "old"), ("after", "new")):
        firings = {
            (one["alert"], one["labels"].get("queue") or one["labels"].get("metric", ""), one["firing"])
            for one in found[side]["firings"]
        }
        truth = spans(live.truth[name])
        assert {one for one in later(firings) if of_level(one)} == {one for one in truth if of_level(one)}
        # A group without records is not known to be off the grid: how often it fires is.
        assert sum(not of_level(one) for one in later(firings)) == sum(not of_level(one) for one in truth)
        assert sum(map(of_level, truth)) > 10
    assert [d["code"] for d in found["diagnostics"]] == ["CG962"], "one rule fails for a while"
    assert found["exact"]
    assert found["after"]["pages_a_week"] > found["before"]["pages_a_week"] > 0


def test_incidents_and_a_history_that_begins_late(live: Live, tmp_path: Path) -> None:
    project(tmp_path, live.url)
    first = sorted(at for name, _, at in spans(live.truth["new"]) if name == "ShopAppBacklogCritical")[0]
    (tmp_path / "incidents.yaml").write_text(
        f"- {{name: the queue stood, start: '{first}', end: '{instant(END / 1000)}'}}\n"
        "- {name: somebody else's, start: 2026-09-21T14:30Z, end: 2026-09-21T16:00Z, service: cart}\n"
    )
    found = asked(live, tmp_path, "--from", "2d", "--incidents", "incidents.yaml")
    assert {"CG961", "CG962"} == {d["code"] for d in found["diagnostics"]}
    assert found["from"] > instant(BEGIN / 1000 - 700)
    incidents = {one["name"]: one for one in found["after"]["incidents"]}
    assert incidents["somebody else's"]["page_lead"] is None
    assert incidents["the queue stood"]["alert"] == "ShopAppBacklogCritical"
    assert incidents["the queue stood"]["page_lead"] == -10, "Alertmanager waits for more of the group"
    again = run(
        "backtest", "--env", "live", "--prometheus", live.url, "--to", instant(END / 1000), "--from", "6h", cwd=tmp_path
    )
    assert again.code == 0, again.err
    assert "pages a week" in again.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--prometheus", "specs"), "no address"),
        ((), "give --prometheus or --history"),
        (("--prometheus", "--to", "2026-09-21", "--from", "2026-09-22"), "--from has to be before --to"),
        (("--prometheus", "--to", "soon"), "--to: 'soon' is no time"),
        (("--history", "nowhere"), "no folder nowhere"),
        (("--prometheus", "--base", "HEAD", "--old", "specs"), "one other state"),
    ],
)
def test_calls_that_make_no_sense(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    project(tmp_path, "http://127.0.0.1:1")
    done = run("backtest", "--env", "live", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_incidents_that_cannot_be_read(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:1")
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "app.backlog.csv").write_text("timestamp,value\n2026-11-01,3\n2026-11-02,4\n")
    for text, code in ((page("CG960").bad, 3), (page("CG960").good, 0)):
        (tmp_path / "incidents.yaml").write_text(text.split("\n", 1)[1].rsplit("```", 1)[0])
        words = ("backtest", "--env", "live", "--history", "history", "--incidents", "incidents.yaml")
        done = run(*words, cwd=tmp_path)
        assert done.code == code, done.err
        assert ("incidents.yaml:1:3: error CG960" in done.err) == bool(code)


def test_files_instead_of_a_server(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:1")
    rows = [f"{instant(BEGIN / 1000 + 60 * n)},{25 if 60 <= n < 90 or 200 <= n < 203 else 3}" for n in range(10080)]
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "app.backlog.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    done = run("backtest", "--env", "live", "--history", "history", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert not found["exact"]
    rows_ = {(row["signal"], row["level"]): row for row in found["after"]["levels"]}
    critical, warning = rows_["app.backlog", "critical"], rows_["app.backlog", "warning"]
    assert (critical["firings"], critical["told"], critical["short"]) == (2, 2, 1)
    # Fires after a minute, is held for half a minute after the last sample.
    assert critical["longest"] == 29 * 60 + 30
    assert (warning["firings"], warning["told"]) == (2, 0), "silenced by the worse level"
    assert found["after"]["for_nothing"] == 1
    assert len(found["after"]["pages"]) == 2
    assert ("app.errors", "poor") not in rows_
