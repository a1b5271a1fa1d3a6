"""Signals swept through all their levels on a real Prometheus with a real Alertmanager: who is told what, and when.

All of it runs on what `build` writes. Only the intervals and Alertmanager's waiting times are made short, and
PagerDuty's address is this machine's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from endtoend.notified import Everybody, everybody
from harness.processes import free_port
from harness.prometheus import Start

from capgen import api

ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: test}
directory: {root: ./deploy}
deliver: {jobs: none}
grafana: {url: "https://grafana.example.com"}
alertmanager: {url: "%(alertmanager)s", secrets: %(secrets)s}
pages: {url: "https://pages.example.com/test"}
"""
SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, title: "The <shop> & co", owner: storefront, runbook: "https://runbooks.example.com/shop?a=1&b=2"}
prometheus: {scrape_interval: 1s, evaluation_interval: 1s}
sources:
  app: {exporter: http, targets: ["127.0.0.1:%(port)d"], interval: 1s}
signals:
  own.queue:   {source: app, expr: "max by (queue) (queue{$selector})",    unit: short,   ladder: utilisation, levels: {warning: 50, critical: 80, emergency: 95}, title: Waiting orders, action: "Look <here> & there.", for: 0s, keep_firing_for: 0s}
  own.latency: {source: app, expr: "max(latency{$selector})",  unit: seconds, ladder: quality, levels: {good: 100ms, acceptable: 250ms, poor: 500ms, unacceptable: 1s}, severity: {good: info, acceptable: warning}, title: Latency, action: Wait., for: 0s, keep_firing_for: 0s}
  own.load:    {source: app, expr: "max(load{$selector})",     unit: short,   ladder: load,  levels: {normal: 10, high: 20, peak: 30}, severity: {normal: info, high: warning, peak: critical}, title: Load, action: Add., for: 0s, keep_firing_for: 0s}
  own.speed:   {source: app, expr: "max(speed{$selector})",    unit: seconds, ladder: speed, levels: {normal: 1s, slow: 2s, very_slow: 3s, timeout: 4s}, severity: {normal: info, slow: info, very_slow: warning, timeout: critical}, title: Speed, action: Run., for: 0s, keep_firing_for: 0s}
  own.ratio:   {source: app, expr: "min(ratio{$selector})",    unit: ratio, worse: below, ladder: utilisation, levels: {warning: 90%%, critical: 60%%, emergency: 30%%}, title: Hits, action: Hit., for: 0s, keep_firing_for: 0s}
notify:
  hook:  {webhook: {env: HOOK_URL}, token: {secret: {name: hook, key: token}}}
  slack: {webhook: {env: SLACK_URL}}
  pager: {pagerduty: {env: PAGER_KEY}, severities: [critical, emergency]}
"""


@dataclass(frozen=True)
class Swept:
    """A signal of the spec: its metric, the thresholds of its levels from the mildest on, and a value before them."""

    metric: str
    levels: Mapping[str, float]
    before: float

    def value(self, level: int, *, falling: bool) -> float:
        """A value at which the level stands (0 for none): just on its threshold, or just before the next one."""
        steps = list(self.levels.values())
        worse = 1 if steps[-1] > self.before else -1
        if not falling:
            return steps[level - 1] if level else self.before
        return steps[level] - worse * abs(steps[level]) / 1000 if level < len(steps) else steps[-1] * (1 + worse)


SWEPT = {
    "own.queue": Swept("queue", {"warning": 50, "critical": 80, "emergency": 95}, 10),
    "own.latency": Swept("latency", {"good": 0.1, "acceptable": 0.25, "poor": 0.5, "unacceptable": 1}, 0.01),
    "own.load": Swept("load", {"normal": 10, "high": 20, "peak": 30}, 1),
    "own.speed": Swept("speed", {"normal": 1, "slow": 2, "very_slow": 3, "timeout": 4}, 0.1),
    "own.ratio": Swept("ratio", {"warning": 0.9, "critical": 0.6, "emergency": 0.3}, 0.99),
}
PAGED = {"critical", "emergency"}


@pytest.fixture
def told() -> Iterator[Everybody]:
    with everybody() as server:
        yield server


@pytest.fixture
def built(told: Everybody, tmp_path: Path) -> Path:
    """The files of the environment, with secrets beside them where Alertmanager looks."""
    return files_of(SPEC, told, tmp_path)


def files_of(spec: str, told: Everybody, tmp_path: Path) -> Path:
    """The folder of what a spec compiles to, made as quick as it can be."""
    specs, secrets = tmp_path / "specs", tmp_path / "secrets"
    (secrets / "hook").mkdir(parents=True)
    (secrets / "HOOK_URL").write_text(f"{told.url}/hook\n")
    (secrets / "hook" / "token").write_text("t0ken")
    (secrets / "SLACK_URL").write_text(f"{told.url}/slack")
    (secrets / "PAGER_KEY").write_text("k3y")
    specs.mkdir()
    names = {"alertmanager": f"http://127.0.0.1:{free_port()}", "secrets": str(secrets), "port": told.port}
    (specs / "environment.yaml").write_text(ENVIRONMENT % names)
    (specs / "shop.yaml").write_text(spec % names)
    for path, text in api.generated_files(api.build([specs])).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(re.sub("(evaluation_interval|  interval): 1s", r"\1: 250ms", text))
    config = tmp_path / "test" / "alertmanager.yml"
    document = yaml.safe_load(config.read_text())
    hurry(document["route"])
    document["global"] = {"pagerduty_url": f"{told.url}/pagerduty"}
    config.write_text(yaml.safe_dump(document))
    return config.parent


def hurry(route: dict[str, Any]) -> None:
    """Makes the waiting times of a route and those below it short."""
    for key, value in (("group_wait", "100ms"), ("group_interval", "500ms"), ("repeat_interval", "1h")):
        if key in route:
            route[key] = value
    for inside in route.get("routes", ()):
        hurry(inside)


def page(values: Mapping[str, float]) -> str:
    return "".join(f'# TYPE {metric} gauge\n{metric}{{queue="orders"}} {value}\n' for metric, value in values.items())


def standing(posted: list[Any]) -> dict[str, set[str]]:
    """Signal -> the levels that a webhook was last told of, by what stands open with it."""
    last = {body["groupKey"]: body for body in posted}
    open_: dict[str, set[str]] = {}
    for body in last.values():
        for alert in body["alerts"]:
            if alert["status"] == "firing":
                open_.setdefault(alert["labels"].get("signal", ""), set()).add(alert["labels"].get("level", ""))
    return open_


def paged(posted: list[Any]) -> dict[str, str]:
    """Signal -> what the pager shows, by incident."""
    last = {body["dedup_key"]: body for body in posted}
    return {
        body["payload"]["class"]: body["payload"]["severity"]
        for body in last.values()
        if body["event_action"] == "trigger"
    }


def until(found: Callable[[], object], wanted: object, what: str) -> None:
    """Waits until something is as wanted, and sees that it stays so."""
    deadline = time.monotonic() + 20
    while found() != wanted:
        assert time.monotonic() < deadline, f"{what}: {found()} and not {wanted}"
        time.sleep(0.05)
    time.sleep(0.8)
    assert found() == wanted, f"{what}: it did not stay"


def test_exactly_one_notification_stands_at_any_value(
    told: Everybody, built: Path, prometheus: Start, alertmanager: Start
) -> None:
    most = max(len(swept.levels) for swept in SWEPT.values())
    way = [(step, False) for step in range(most + 1)] + [(step, True) for step in reversed(range(most + 1))]
    told.page = page({swept.metric: swept.value(0, falling=False) for swept in SWEPT.values()})
    address = yaml.safe_load((built / "prometheus.yml").read_text())["alerting"]["alertmanagers"][0]
    (at,) = address["static_configs"][0]["targets"]
    with alertmanager(built / "alertmanager.yml", at), prometheus(built / "prometheus.yml") as server:
        for step, falling in way:
            reached = {signal: min(step, len(swept.levels)) for signal, swept in SWEPT.items()}
            told.page = page({s.metric: s.value(reached[signal], falling=falling) for signal, s in SWEPT.items()})
            level = {signal: list(SWEPT[signal].levels)[at - 1] for signal, at in reached.items() if at}
            where = f"step {step}, {'down' if falling else 'up'}"
            urgent = {signal for signal, name in level.items() if severity(signal, name) in PAGED}
            until(
                lambda: (standing(told.at("/hook")), paged(told.at("/pagerduty"))),
                ({signal: {name} for signal, name in level.items()}, dict.fromkeys(urgent, "critical")),
                where,
            )
            if step == 3 and not falling:
                slack = {message["attachments"][0]["title"]: message["attachments"][0] for message in told.at("/slack")}
        missed = server.json("/api/v1/query", query='min_over_time(up{job="shop-app"}[10m])')["data"]["result"]
        steady = [series["value"][1] for series in missed] == ["1"]
    # One message for each time that a level begins, up and down, and nothing else; on a busy machine a scrape may be
    # missed, and then a level ends and begins once more.
    changes = {signal: 2 * len(swept.levels) for signal, swept in SWEPT.items()}
    assert {body["groupLabels"]["signal"] for body in told.at("/hook")} == set(SWEPT)
    for signal, wanted in changes.items():
        bodies = [body for body in told.at("/hook") if body["groupLabels"]["signal"] == signal]
        assert len(bodies) == wanted if steady else len(bodies) >= wanted, signal
        for body in bodies:
            assert len({a["labels"]["level"] for a in body["alerts"] if a["status"] == "firing"}) <= 1
        assert bodies[-1]["status"] == "resolved"
        assert {body["authorization"] for body in bodies} == {"Bearer t0ken"}
    names_what_a_reader_needs(told.at("/hook"), slack)


def severity(signal: str, level: str) -> str:
    spec = yaml.safe_load(SPEC % {"port": 1})["signals"][signal]
    ladder = {
        "warning": "warning",
        "critical": "critical",
        "emergency": "emergency",
        "unacceptable": "critical",
        "poor": "warning",
    }
    return str(spec.get("severity", {}).get(level) or ladder[level])


def names_what_a_reader_needs(hook: list[Any], slack: Mapping[str, Any]) -> None:
    """Service, value, level, what to do, and where to read on: as data for a program, and as text for people."""
    queue = [body for body in hook if body["groupLabels"]["signal"] == "own.queue"]
    (alert,) = next(body for body in queue if body["commonLabels"].get("level") == "critical")["alerts"]
    assert (
        alert["labels"] | {"service": "shop", "team": "storefront", "severity": "critical", "queue": "orders"}
        == alert["labels"]
    )
    assert (
        alert["annotations"]["summary"] == "The <shop> & co: Waiting orders, queue orders: 80 (critical at or above 80)"
    )
    assert alert["annotations"]["action"] == "Look <here> & there."
    assert alert["annotations"]["runbook_url"] == "https://runbooks.example.com/shop?a=1&b=2"
    panel = alert["annotations"]["dashboard_url"]
    assert panel.startswith("https://grafana.example.com/d/capgen_test_shop?viewPanel=")
    message = slack["[EMERGENCY] shop own.queue: emergency"]
    assert message["text"].splitlines() == [
        "The &lt;shop&gt; &amp; co: Waiting orders, queue orders: 95 (emergency at or above 95)",
        "*What to do:* Look &lt;here&gt; &amp; there.",
        (
            f"<{panel}|Dashboard> <https://runbooks.example.com/shop?a=1&amp;b=2|Runbook> "
            "<https://pages.example.com/test/shop/README.md#own.queue|Page>"
        ),
    ]
