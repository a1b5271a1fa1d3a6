"""A test that cannot fail proves nothing: rules are broken in many small ways, and the tests have to notice."""

from __future__ import annotations

from pathlib import Path

from prove.groups import CPU, ERRORS, FREE, LATENCY, MEMORY, group, watch

from capgen import api
from capgen.promql import parse
from capgen.prove.mutate import mutate, run_mutants
from capgen.prove.run import prepare

SPECS = Path(__file__).parents[2] / "specs"
GROUPS = (*(group(s) for s in (CPU, MEMORY, ERRORS, LATENCY, FREE)), watch())


def test_mutants_are_noticed(promtool: Path) -> None:
    found = run_mutants([prepare(g) for g in GROUPS], promtool=promtool)
    assert len(found) > 250
    survivors = [f"{m.mutant.group.name} {m.mutant.rule}: {m.mutant.what}" for m in found if not m.killed]
    assert len(survivors) <= 0.02 * len(found), "\n".join(survivors)


def test_mutants_of_the_largest_example_are_noticed(promtool: Path) -> None:
    """A sample over all of its groups; `capgen test specs/apm.yaml --mutants` runs them all in some minutes."""
    fleets = api.build([SPECS / "apm.yaml"]).compiled.fleets
    groups = [prepare(g) for fleet in fleets for service in fleet.services for g in service.groups]
    found = run_mutants(groups, promtool=promtool, every=29)
    assert len(found) > 90 and len({m.mutant.group.name for m in found}) > 40
    survivors = [f"{m.mutant.group.name} {m.mutant.rule}: {m.mutant.what}" for m in found if not m.killed]
    assert len(survivors) <= 0.05 * len(found), "\n".join(survivors)


def test_mutants_are_different_and_valid() -> None:
    for original in GROUPS:
        mutants = mutate(original)
        assert all(m.group != original for m in mutants)
        assert len({(m.rule, m.what, m.group) for m in mutants}) == len(mutants)
        for mutant in mutants:
            for rule in (*mutant.group.records, *mutant.group.alerts):
                parse(rule.expr)


def test_every_kind_of_mistake_is_made() -> None:
    made = " ; ".join(
        m.what for m in mutate(group(MEMORY)) + mutate(group(ERRORS)) + mutate(group(CPU)) + mutate(group(LATENCY))
    )
    for mistake in (
        ">= became <", "0.7 became 0.735", "for was halved", "for was doubled", "keep_firing_for was lost", "the range became 150s",
        "the range became 600s", "job='shop' was lost", "code=~'5..' was lost", "mode='idle' became", "sum became max", "avg became max",
        "by lost route", "the label severity was changed", "the alert was deleted", "the record was renamed", "and became or",
        "what stood after or was lost", "rate became increase", "the quantile became 0.475", "the annotation summary was changed",
    ):  # fmt: skip
        assert mistake in made, mistake
