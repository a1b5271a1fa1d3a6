"""The back-test's notifications are those of Alertmanager's own inhibitor and dispatcher, on the fleet's generated routes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.binaries import component
from msgspec.structs import replace

from capgen import api
from capgen.blueprint import Fleet
from capgen.render.notifications import notification_files
from capgen.render.templates import Templates
from capgen.simulate.alerts.firings import Firing
from capgen.simulate.alerts.inhibition import silenced
from capgen.simulate.alerts.notifications import notifications
from capgen.simulate.alerts.questions import Watched, watched

SPECS = Path(__file__).parents[2] / "specs"
HOUR = 3_600_000


@dataclass(frozen=True)
class Notifier:
    process: subprocess.Popen[str]

    def ask(self, config: str, fired: list[Firing], end: int) -> list[Any]:
        alerts = [{"labels": dict(one.labels), "fired": one.fired, "resolved": one.resolved} for one in fired]
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"config": config, "alerts": alerts, "end": end}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert not answer["error"], answer["error"]
        return [
            (one["at"], one["receiver"], sorted(tuple(sorted(labels.items())) for labels in one["firing"]))
            for one in answer["sent"] or ()
            if one["firing"]
        ]


@pytest.fixture(scope="module")
def notifier() -> Iterator[Notifier]:
    command = [component("notifier") / "notifier", "-test.timeout", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Notifier(process)
        assert process.stdin
        process.stdin.close()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    (found,) = api.compile_project([SPECS], environments=["production"]).fleets
    return found


def config(fleet: Fleet) -> str:
    delivery = replace(fleet.delivery, notify=replace(fleet.delivery.notify, form="files"))
    (artifact,) = notification_files(replace(fleet, delivery=delivery), Templates())
    return artifact.text


def episodes(chance: np.random.Generator, alerts: list[Watched], end: int) -> list[Firing]:
    """Alerts of one service that come and go; between two of one series there is time enough for its group to be gone.

    This Alertmanager (0.28) keeps an empty group for up to half a minute, newer ones do not.
    """
    found: list[Firing] = []
    for one in alerts:
        for series in ("a", "b")[: int(chance.integers(1, 3))]:
            labels = tuple(sorted({**dict(one.own), "instance": series}.items()))
            at = int(chance.integers(0, HOUR))
            while at < end and chance.random() < 0.8:
                length = int(chance.choice([20_000, 90_000, 400_000, 2 * HOUR, 7 * HOUR])) + int(
                    chance.integers(1, 9999)
                )
                found.append(Firing(one, labels, at, at, at + length, open=False, early=False))
                at += length + int(chance.integers(HOUR // 6, 3 * HOUR))
    return found


def lone(fired: list[Firing]) -> list[Firing]:
    """Without alerts that begin less than a minute and a half after another one of their group has ended."""

    def group(one: Firing) -> tuple[str, str, str]:
        known = dict(one.labels)
        return known.get("service", ""), known.get("source", ""), known.get("signal", "")

    return [
        one for one in fired
        if not any(group(other) == group(one) and 0 <= one.fired - other.resolved < 400_000 for other in fired)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_every_notification(notifier: Notifier, fleet: Fleet, seed: int) -> None:
    chance = np.random.default_rng(seed)
    service = next(service for service in fleet.services if service.name == ("apm", "shop", "ledger")[seed % 3])
    alerts = list(watched(service))
    picked = [alerts[n] for n in sorted(chance.choice(len(alerts), size=12, replace=False).tolist())]
    end = 36 * HOUR
    fired = lone(episodes(chance, picked, end))
    ours = [
        (one.at, one.receiver, sorted(alert.labels for alert in one.firing))
        for one in notifications(fired, silenced(fired, fleet.routing.inhibitions), fleet.routing, end)
    ]
    theirs = notifier.ask(config(fleet), fired, end)
    assert len(theirs) > 10
    assert sorted(ours) == sorted(theirs)
