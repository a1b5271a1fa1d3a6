"""What a user gets from the prover: rules proven by a real promtool, wrong rules found, and reasons where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from prove.groups import CPU, ERRORS, FREE, SIGNALS, group, signal, watch

from capgen.blueprint import Blueprint, Delivery, Group
from capgen.blueprint.origin import Origin
from capgen.errors import CapgenError
from capgen.prove.environment import Proven
from capgen.prove.run import Proof, prepare, prove
from capgen.report.proof import as_text


def blueprint(*groups: Group) -> Blueprint:
    delivery = Delivery("files", False, "", (), 15.0, 15.0)
    return Blueprint(
        "shop", "Shop", "", "", (), "test", "shop.yaml", delivery, (), (), groups, (), (), (), Origin("metadata")
    )


def judged(promtool: Path, *groups: Group, cache: Path | None = None) -> Proof:
    return prove([blueprint(*groups)], promtool=promtool, cache_dir=cache)


def statuses(proof: Proof) -> dict[str, str]:
    return {result.rule: result.status for result in proof.results}


@pytest.mark.parametrize("name", SIGNALS)
def test_every_rule_of_a_signal_is_proven(promtool: Path, name: str) -> None:
    found = group(SIGNALS[name])
    proof = judged(promtool, found)
    assert [(r.rule, r.detail) for r in proof.results if r.status != "proven"] == []
    assert len(proof.results) == len(found.records) + len(found.alerts)
    # `sum` adds up what a pair of replicas counts twice: a property of these two expressions, and it is told.
    expected = {"fires at once", "a join with conditions"}
    assert bool(proof.gaps) == (name in expected)


def test_a_source_is_proven_metric_by_metric(promtool: Path) -> None:
    proof = judged(promtool, watch())
    assert statuses(proof) == {
        "ShopDown": "proven",
        "ShopAbsent/cpu_seconds_total": "proven",
        "ShopAbsent/memory_used_bytes": "proven",
    }


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("another threshold", {"expr": 'capgen:app_value:rate{service="shop",source="app"} >= 0.83'}),
        ("the other direction", {"expr": 'capgen:app_value:rate{service="shop",source="app"} <= 0.8'}),
        ("every service's series", {"expr": "capgen:app_value:rate >= 0.8"}),
        ("another hold time", {"for_": 600.0}),
        ("no keeping", {"keep_firing_for": 0.0}),
        ("a label that is not the signal's", {"labels": (("service", "other"),)}),
    ],
)
def test_a_rule_that_does_not_do_what_the_spec_says_fails(promtool: Path, what: str, wrong: dict[str, object]) -> None:
    right = group(CPU)
    # The tests are made from the signal, so the rule has to be wrong in the file alone.
    prepared = prepare(right)
    alerts = tuple(replace(a, **wrong) if a.level == "critical" else a for a in right.alerts)
    broken = replace(prepared, rules=prepare(replace(right, alerts=alerts)).rules)
    assert complaint(promtool, prepared.rules, prepared.tests, prepared) == ""
    assert "ShopValueCritical" in complaint(promtool, broken.rules, prepared.tests, prepared), what


def complaint(promtool: Path, rules: str, tests: str, prepared: object) -> str:
    import tempfile

    from capgen.prove.promtool import run_tests
    from capgen.prove.run import Prepared

    assert isinstance(prepared, Prepared)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / prepared.rules_name).write_text(rules)
        (Path(name) / prepared.tests_name).write_text(tests)
        return run_tests(promtool, Path(name), [prepared.tests_name], 1)[prepared.tests_name]


def test_the_alert_of_a_spec_that_contradicts_its_signal_is_found(promtool: Path) -> None:
    right = group(ERRORS)
    deaf = replace(right.alerts[0], expr=right.alerts[0].expr.replace(">= 0.5", ">= 50"))
    proof = judged(promtool, replace(right, alerts=(deaf, *right.alerts[1:])))
    assert "failed" in statuses(proof).values()
    assert proof.coverage < 1


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ('1 - clamp_max(abs(x{job="shop"}), 1) + 3', "driving x reaches 3 to 4"),
        ('histogram_count(x{job="shop"})', "histogram_count() is not modelled"),
        ('x{job="shop",job="other"}', "no value of the label 'job' passes all matchers of x"),
        ('a{job="shop"} / b{job="other"}', "no result"),
        ("vector(1)", "reads no series"),
    ],
)
def test_what_has_no_witness_is_unproven_with_the_reason(promtool: Path, expr: str, reason: str) -> None:
    proof = judged(promtool, group(signal(expr, {"warning": 20.0})))
    assert set(statuses(proof).values()) == {"unproven"}
    assert all(reason in result.detail for result in proof.results), proof.results[0].detail
    assert proof.coverage == 0


def test_an_expression_that_two_replicas_double_is_told(promtool: Path) -> None:
    proof = judged(promtool, group(signal('sum by (instance) (rate(x_total{job="shop"}[5m]))', {"warning": 20.0})))
    assert proof.coverage == 1
    assert [gap.reason for gap in proof.gaps] == [
        "not safe for a pair of Prometheus replicas: with every series twice the value is another one"
    ]
    assert "default: capgen/shop/app.value: not safe for a pair" in as_text([Proven("default", proof, None)])


def test_an_alert_that_cannot_see_its_metric_go_is_unproven(promtool: Path) -> None:
    right = watch()
    blind = replace(right.alerts[1], expr='absent(cpu_seconds_total{job="shop"} or up{job="shop"})')
    proof = judged(promtool, replace(right, alerts=(right.alerts[0], blind, right.alerts[2])))
    assert all(r.status == "unproven" for r in proof.results)
    assert "ShopAbsent does not see it" in proof.results[0].detail


def test_unchanged_groups_are_not_proved_again(promtool: Path, tmp_path: Path) -> None:
    first = judged(promtool, group(FREE), watch(), cache=tmp_path)
    again = judged(promtool, group(FREE), watch(), cache=tmp_path)
    assert (first.cached, again.cached) == (0, 2)
    assert first.results == again.results
    changed = replace(FREE, for_=120.0)
    assert judged(promtool, group(changed), watch(), cache=tmp_path).cached == 1


def test_a_failure_is_never_remembered(promtool: Path, tmp_path: Path) -> None:
    right = group(FREE)
    wrong = replace(right, alerts=tuple(replace(a, expr="vector(1)") for a in right.alerts))
    for _ in range(2):
        proof = judged(promtool, wrong, cache=tmp_path)
        assert proof.cached == 0
        assert "failed" in statuses(proof).values()


def test_two_environments_with_groups_of_the_same_name_do_not_mix(promtool: Path) -> None:
    one, two = group(FREE), group(replace(FREE, for_=240.0))
    proof = prove([blueprint(one), blueprint(two), blueprint(one)], promtool=promtool)
    assert len(proof.results) == 3 * len(statuses(judged(promtool, one)))
    assert proof.coverage == 1


def test_the_same_group_gives_the_same_text() -> None:
    for found in (*(group(s) for s in SIGNALS.values()), watch()):
        assert prepare(found).tests == prepare(found).tests


def test_a_promtool_that_does_not_run_is_an_error_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(CapgenError, match="could not be run"):
        judged(tmp_path / "promtool", watch())
