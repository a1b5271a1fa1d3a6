"""A real Alertmanager with the fleet's generated inhibitions: one notification stands at any value of a signal.

The alerts are those of the example specs, with the labels that Prometheus would send: the rule's own over those of
the series. Alertmanager itself says which are silenced.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.prometheus import Running, Start
from msgspec.structs import replace

from capgen import api
from capgen.blueprint import Alert, Blueprint, Fleet, Signal
from capgen.render.notifications import notification_files
from capgen.render.templates import Templates

SPECS = Path(__file__).parents[2] / "specs"
Labels = dict[str, str]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """The example services in production."""
    (found,) = api.compile_project([SPECS], environments=["production"]).fleets
    return found


@pytest.fixture
def config(fleet: Fleet, tmp_path: Path) -> Path:
    """The alertmanager.yml that the fleet compiles to where files are wanted, telling nobody."""
    delivery = replace(fleet.delivery, notify=replace(fleet.delivery.notify, form="files"))
    (artifact,) = notification_files(replace(fleet, delivery=delivery), Templates())
    document = yaml.safe_load(artifact.text)
    document |= {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def running(alertmanager: Start, config: Path) -> Iterator[Running]:
    """The Alertmanager on that configuration."""
    with alertmanager(config) as server:
        yield server


# --- what Prometheus would send


def levels(service: Blueprint, signal: Signal) -> list[Alert]:
    """The alerts of a signal's levels, mildest first."""
    return [a for group in service.groups for a in group.alerts if a.kind == "level" and a.signal == signal.id]


def sent(alert: Alert, signal: Signal, series: str) -> Labels:
    """The labels of a level's alert for one series of its signal."""
    own = {label: f"{label}-{series}" for label in signal.labels}
    return {**own, "source": signal.source, **dict(alert.labels), "alertname": alert.name}


def watched(fleet: Fleet) -> list[tuple[Blueprint, Signal]]:
    """The signals that alert, of all services."""
    return [(service, signal) for service in fleet.services for signal in service.signals if levels(service, signal)]


def of_kind(service: Blueprint, kind: str, source: str) -> list[Labels]:
    """The alerts for a source that is down, or for its metrics that are absent."""
    alerts = [a for group in service.groups for a in group.alerts if a.kind == kind and a.signal == source]
    # `max by (job) (up)` leaves the job, and `absent` the selector's labels.
    return [{"job": f"{service.name}-{source}", **dict(a.labels), "alertname": a.name} for a in alerts]


# --- what Alertmanager makes of it


def post(server: Running, alerts: Iterable[Labels], *, ended: bool = False) -> None:
    """Sends alerts that fire, or that have ended."""
    now = datetime.now(UTC)
    ends = now - timedelta(seconds=1) if ended else now + timedelta(hours=1)
    body = [
        {"labels": labels, "startsAt": (now - timedelta(minutes=1)).isoformat(), "endsAt": ends.isoformat()}
        for labels in alerts
    ]
    request = urllib.request.Request(
        f"{server.url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def standing(server: Running) -> set[Any]:
    """The alerts that somebody is told of."""
    return {key(alert["labels"]) for alert in server.json("/api/v2/alerts") if not alert["status"]["inhibitedBy"]}


def told(server: Running, alerts: Iterable[Labels]) -> None:
    """Asserts that exactly these alerts come to stand; Alertmanager takes a moment to see new ones."""
    wanted = {key(labels) for labels in alerts}
    deadline = time.monotonic() + 10
    while (now := standing(server)) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {"silenced": wanted - now, "told too": now - wanted} == {"silenced": set(), "told too": set()}


# --- the tests


def test_alertmanager_accepts_the_rules(config: Path, amtool: Path) -> None:
    done = subprocess.run([amtool, "check-config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(yaml.safe_load(config.read_text())['inhibit_rules'])} inhibit rules" in done.stdout


def test_one_notification_stands_for_each_series_at_any_value(fleet: Fleet, running: Running) -> None:
    signals = watched(fleet)
    assert {signal.ladder for _, signal in signals} == {"utilisation", "quality", "load", "speed"}
    # A second series of each signal, where it has any labels, stays at the mildest level.
    apart = {
        (service.name, signal.id): sent(levels(service, signal)[0], signal, "b")
        for service, signal in signals
        if signal.labels
    }
    post(running, apart.values())
    reached: dict[tuple[str, str], list[Labels]] = {(service.name, signal.id): [] for service, signal in signals}
    most = max(len(levels(service, signal)) for service, signal in signals)
    assert most >= 3
    for step in range(most):  # every signal gets worse by a level
        for service, signal in signals:
            reached[service.name, signal.id] += [sent(a, signal, "a") for a in levels(service, signal)[step : step + 1]]
        post(running, [labels[-1] for labels in reached.values()])
        told(running, [*apart.values(), *(labels[-1] for labels in reached.values())])
    for _ in range(most - 1):  # and better again
        ended = [labels.pop() for labels in reached.values() if len(labels) > 1]
        post(running, ended, ended=True)
        told(running, [*apart.values(), *(labels[-1] for labels in reached.values())])


def test_nothing_but_the_same_signal_of_the_same_service_is_silenced(fleet: Fleet, running: Running) -> None:
    signals = watched(fleet)
    worst = [sent(levels(service, signal)[-1], signal, "a") for service, signal in signals]
    mild = [sent(levels(service, signal)[0], signal, "a") for service, signal in signals]
    post(running, worst)
    strangers = [
        *({**labels, "service": f"{labels['service']}-too"} for labels in mild),
        *({**labels, "signal": f"{labels['signal']}_too"} for labels in mild),
        *(
            {**labels, label: "another"}
            for labels, (_, signal) in zip(mild, signals, strict=True)
            for label in signal.labels
        ),
        {"alertname": "TheirOwn", "level": "warning", "severity": "warning", "service": "apm"},
        {"alertname": "Watchdog"},
    ]
    post(running, strangers)
    told(running, [*worst, *strangers])


def test_a_source_that_is_down_silences_its_absent_metrics_and_nothing_else(fleet: Fleet, running: Running) -> None:
    apm = next(service for service in fleet.services if service.name == "apm")
    signal = next(signal for signal in apm.signals if signal.id == "host.cpu")
    absent = {source: of_kind(apm, "absent", source) for source in ("app", "host", "database")}
    assert all(len(alerts) > 1 for alerts in absent.values()), "each of several absent metrics is told"
    level = sent(levels(apm, signal)[0], signal, "a")
    elsewhere = [{**labels, "service": "another"} for labels in absent["host"]]
    post(running, [level, *elsewhere, *(labels for alerts in absent.values() for labels in alerts)])
    told(running, [level, *elsewhere, *(labels for alerts in absent.values() for labels in alerts)])
    down = of_kind(apm, "down", "host")
    assert len(down) == 1
    post(running, down)
    told(running, [*down, level, *elsewhere, *absent["app"], *absent["database"]])
