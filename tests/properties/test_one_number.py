"""One number: a level changed once in a spec is changed in everything that the spec compiles to, and nothing else is.

Each level of each signal of each example gets a number that stands nowhere yet. Then that number is in the alert's
expression and text (which is what a notification says), the panel's step, the limit of each script that watches the
signal, the page, and the report on a history of the signal. With the number put back, every line of every file is the
one that was there before. A report's job in a cluster brings the spec itself, so there the level is as the spec has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import yaml
from properties.numbers import Shop, another, shops, written

from capgen import units
from capgen.blueprint import Blueprint, Level, Signal
from capgen.blueprint.jobs import Probe, Watch
from capgen.history.series import Series
from capgen.planning.period import period_of, review
from capgen.report import document, periodic

SHOPS = {f"{shop.service} in {shop.environment}": shop for shop in shops()}
RULES = ("rules.yml", "prometheusrule.yaml")
DIGEST = re.compile("digest `[0-9a-f]{12}`")
"""Of what the spec says, on the dashboard: no level, but it is another with each."""
DASHBOARDS = ("dashboard.json", "configmap-dashboard.yaml")


@pytest.mark.parametrize("shop", SHOPS.values(), ids=SHOPS)
def test_a_level_changed_once_is_changed_everywhere_and_nothing_else_is(shop: Shop) -> None:
    service, before, _ = shop.build()
    assert service is not None
    changed = 0
    for signal in service.signals:
        old = report(service, signal)
        for level in signal.levels:
            value = another(signal, level, before)
            where = f"{signal.id} {level.name} {written(value, signal)}"
            built, after, found = shop.build(f"signals.{signal.id}.levels.{level.name}={written(value, signal)}")
            assert built is not None, (where, found)
            after = {path: DIGEST.sub(digest_of(before[path]), text) for path, text in after.items()}
            pairs = dict(spelled(level.threshold, value, signal))
            differing = different(before, after)
            brought = {path for path in differing if "/jobs/report-" in path}
            assert brought == {path for path in after if "/jobs/report-" in path and path.endswith("script.yaml")}
            for was, now in {(spec_of(before[path], service), spec_of(after[path], service)) for path in brought}:
                was, now = (yaml.load(text, Loader=yaml.CSafeLoader) for text in (was, now))
                assert str(now["signals"][signal.id]["levels"][level.name]) == written(value, signal)
                now["signals"][signal.id]["levels"][level.name] = was["signals"][signal.id]["levels"][level.name]
                assert now == was, where
            differing -= brought
            # The dashboard linter is told of panels by their titles, and some titles name a goal.
            assert expected(service, signal, level, before) == differing - {f"{service.name}/.lint"}, where
            for path in differing:
                assert back(after[path], pairs) == before[path], f"{where}: {path}"
            for kind, place in places(service, signal, level, after):
                numbers = (units.number(value), units.human(value, signal.unit))
                assert any(number in place for number in numbers), f"{where} is not in the {kind}: {place}"
            new = report(built, signal)
            assert back(new, pairs) == old, where
            assert (units.human(value, signal.unit) in new) is (level.severity is not None), where
            changed += 1
    assert changed > 20


def report(service: Blueprint, signal: Signal) -> str:
    """The daily report of a service that has two days of history of one signal, far on the good side of its levels."""
    good = 0.0 if signal.worse == "above" else 1e6
    times = np.arange(48) * 3600.0
    history = {signal.id: Series(signal.id, times, np.full(48, good))}
    text = document.shown(
        periodic.document([review(service, history, {}, period_of("daily", 48 * 3600.0))]),
        "markdown",
        color=False,
        width=80,
    )
    # How far the peak is from a level is no number of the spec's.
    return re.sub(r"its peak is [0-9.]+% (below|beyond)", "its peak is far from", text)


def spec_of(text: str, service: Blueprint) -> str:
    """The spec in the ConfigMap of a report's job."""
    (found,) = re.findall(rf"^  specs\.{service.name}\.yaml: \|\n((?:    .*\n)+)", text, re.MULTILINE)
    return str(found)


def digest_of(text: str) -> str:
    found = DIGEST.search(text)
    return found[0] if found else ""


def different(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {path for path in before if before[path] != after[path]}


def spelled(old: float, new: float, signal: Signal) -> Iterator[tuple[str, str]]:
    """New spellings and the old ones: of the level, and of where its alert lets go."""
    yield units.human(new, signal.unit), units.human(old, signal.unit)
    yield units.number(new), units.number(old)
    if signal.hysteresis:
        side = -1 if signal.worse == "above" else 1
        yield (
            units.number(round(new + side * signal.hysteresis, 12)),
            units.number(round(old + side * signal.hysteresis, 12)),
        )


def back(text: str, pairs: Mapping[str, str]) -> str:
    """The text with the new number put back; the longer spelling first, which may hold the shorter."""
    for new in sorted(pairs, key=len, reverse=True):
        text = text.replace(new, pairs[new])
    return text


def expected(service: Blueprint, signal: Signal, level: Level, files: Mapping[str, str]) -> set[str]:
    """The files in which a level is."""
    own = {path for path in files if path.rpartition("/")[2] in DASHBOARDS and path.startswith(f"{service.name}/")}
    own.add(f"{service.name}/README.md")
    if level.severity is not None:
        own |= {path for path in files if path.rpartition("/")[2] in RULES}
    return own | set(scripts(service, signal, level, files))


def scripts(service: Blueprint, signal: Signal, level: Level, files: Mapping[str, str]) -> list[str]:
    """The files of the jobs that judge the signal by this level."""
    names = []
    for job in service.jobs:
        measures = job.task.measures if isinstance(job.task, Watch) else ()
        if isinstance(job.task, Probe) and job.task.counters is not None:
            measures = (job.task.counters.errors,)
        limits = [limit.level for measured in measures if measured.signal == signal.id for limit in measured.limits]
        names += [job.name] if level.name in limits else []
    found = [
        path
        for name in names
        for path in files
        if (f"/jobs/{name}" in path and "script" in path) or path.endswith(f"/jobs/{name}.sh")
    ]
    assert bool(found) is bool(names)
    return found


def places(service: Blueprint, signal: Signal, level: Level, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each place where the number has to stand, with what stands there."""
    for path, text in files.items():
        name = path.rpartition("/")[2]
        if name in RULES and level.severity is not None:
            (alert,) = (
                a
                for a in alerts(text)
                if a["labels"].get("signal") == signal.id and a["labels"].get("level") == level.name
            )
            yield "alert", alert["expr"]
            yield "notification", alert["annotations"]["summary"]
        if name in DASHBOARDS and path.startswith(f"{service.name}/"):
            steps = [
                step["value"] for step in panel(service, signal, text)["fieldConfig"]["defaults"]["thresholds"]["steps"]
            ]
            yield "panel", " ".join(units.number(value) for value in steps if value is not None)
        if path == f"{service.name}/README.md":
            section = text[text.index(f'<a id="{signal.id}"></a>') :]
            yield "page", section[: section.index("**What to do:**")]
    for path in scripts(service, signal, level, files):
        yield "script", "\n".join(line for line in files[path].splitlines() if signal.id in line and level.name in line)


def alerts(text: str) -> Iterator[dict[str, Any]]:
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    for group in document.get("spec", document)["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def panel(service: Blueprint, signal: Signal, text: str) -> dict[str, Any]:
    """The panel of the signal in a dashboard."""
    if not text.startswith("{"):
        (text,) = yaml.load(text, Loader=yaml.CSafeLoader)["data"].values()
    (id_,) = (p.id for d in service.dashboards for row in d.rows for p in row.panels if p.signal == signal.id)
    everything = [p for item in json.loads(text)["panels"] for p in (item, *item.get("panels", ()))]
    (found,) = (p for p in everything if p["id"] == id_)
    return dict(found)


@pytest.mark.parametrize(
    ("name", "signal", "levels", "target"),
    [
        ("apm in host", "database.connections", "{warning: 50%%, critical: %s, emergency: 95%%}", 70),
        ("apm in production", "database.connections", "{warning: 50%%, critical: %s, emergency: 95%%}", 70),
        ("ledger in production", "pods.cpu_of_request", "{warning: 50%%, critical: %s}", 65),
        ("shop in production", "pods.cpu_of_request", "{warning: 50%%, critical: %s}", 75),
    ],
)
def test_a_level_bounds_what_an_autoscaler_may_aim_at(name: str, signal: str, levels: str, target: int) -> None:
    told = {}
    for level in (target - 0.137, target + 0.137):
        _, _, found = SHOPS[name].build(f"signals.{signal}.levels={levels % f'{level}%'}")
        told[level] = [finding.message for finding in found if finding.code == "CG403"]
    below, above = told.values()
    assert len(below) == 1 and f"{target}%" in below[0] and f"({target - 0.137}%)" in below[0]
    assert above == []
