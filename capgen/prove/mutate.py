"""Mutation testing of generated rules: each rule is broken in small ways, and some generated test has to notice.

A test that never fails proves nothing. `mutate` lists the broken forms of a group; `survivors` runs its tests
against all of them, many files in one promtool.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from capgen.blueprint import Alert, Group, Record
from capgen.blueprint.origin import Labels
from capgen.promql import BadPromQL, parse
from capgen.prove import promtool as tool
from capgen.prove.mutations import changes
from capgen.prove.printer import text
from capgen.prove.run import Prepared
from capgen.render.rules import rule_file


class Mutant(Struct, frozen=True):
    """A group with one rule broken."""

    group: Group
    rule: str
    what: str


class Mutation(Struct, frozen=True):
    """What became of a mutant."""

    mutant: Mutant
    killed: bool


def mutate(group: Group) -> tuple[Mutant, ...]:
    """All mutants of a group, each different from it and valid PromQL."""
    found = (*_records(group), *_alerts(group))
    return tuple(m for m in found if m.group != group and _valid(m.group))


def _valid(group: Group) -> bool:
    try:
        for expr in (*(record.expr for record in group.records), *(alert.expr for alert in group.alerts)):
            parse(expr)
    except BadPromQL:
        return False
    return True


def _records(group: Group) -> Iterator[Mutant]:
    for i, record in enumerate(group.records):

        def put(what: str, *new: Record, i: int = i, name: str = record.name) -> Mutant:
            return Mutant(replace(group, records=(*group.records[:i], *new, *group.records[i + 1 :])), name, what)

        for what, expr in changes(parse(record.expr), thresholds=False):
            yield put(what, replace(record, expr=text(expr)))
        for what, labels in _labels(record.labels):
            yield put(what, replace(record, labels=labels))
        yield put("the record was renamed", replace(record, name=record.name + "_x"))
        yield put("the record was deleted")


def _alerts(group: Group) -> Iterator[Mutant]:
    for i, alert in enumerate(group.alerts):
        name = f"{alert.name}/{alert.level}" if alert.kind == "absent" else alert.name

        def put(what: str, *new: Alert, i: int = i, name: str = name) -> Mutant:
            return Mutant(replace(group, alerts=(*group.alerts[:i], *new, *group.alerts[i + 1 :])), name, what)

        for what, expr in changes(parse(alert.expr), thresholds=True):
            yield put(what, replace(alert, expr=text(expr)))
        for what, labels in _labels(alert.labels):
            yield put(what, replace(alert, labels=labels))
        if alert.annotations:
            (key, words), *others = alert.annotations
            yield put(f"the annotation {key} was changed", replace(alert, annotations=((key, words + "!"), *others)))
        if alert.for_:
            yield put("for was halved", replace(alert, for_=alert.for_ / 2))
            yield put("for was doubled", replace(alert, for_=alert.for_ * 2))
        if alert.keep_firing_for:
            yield put("keep_firing_for was lost", replace(alert, keep_firing_for=0.0))
            yield put("keep_firing_for was doubled", replace(alert, keep_firing_for=alert.keep_firing_for * 2))
        yield put("the alert was renamed", replace(alert, name=alert.name + "X"))
        yield put("the alert was deleted")


def _labels(labels: Labels) -> Iterator[tuple[str, Labels]]:
    for name, _ in labels:
        yield f"the label {name} was changed", tuple((k, v + "x" if k == name else v) for k, v in labels)


def run_mutants(groups: Sequence[Prepared], *, promtool: Path, jobs: int = 2, every: int = 1) -> tuple[Mutation, ...]:
    """Runs each group's tests against each of its mutants; killed is what some test noticed. `every`: a sample of
    them, every second or third one counted over all groups."""
    mutants: dict[str, Mutant] = {}
    counted = 0
    with tempfile.TemporaryDirectory(prefix="capgen-mutants-") as name:
        folder = Path(name)
        for prepared in {p.tests_name: p for p in groups}.values():
            if not prepared.suite.cases:
                continue
            (folder / prepared.tests_name).write_text(prepared.tests, encoding="utf-8")
            for number, mutant in enumerate(mutate(prepared.suite.group)):
                counted += 1
                if counted % every:
                    continue
                place = f"{number}-{prepared.tests_name}"
                (folder / place).mkdir()
                (folder / place / prepared.rules_name).write_text(rule_file([mutant.group]), encoding="utf-8")
                os.link(folder / prepared.tests_name, folder / place / place)
                mutants[place] = mutant
        verdicts = tool.run_tests(promtool, folder, [f"{place}/{place}" for place in mutants], jobs)
    return tuple(Mutation(mutant, bool(verdicts[f"{place}/{place}"])) for place, mutant in mutants.items())
