"""Every exporter file of the catalogue, its own or another's: what must hold for each expression and each fact.

These need no server. They find the mistakes that make a rule silently dead (a metric that is not declared, sides
that never match), fire without cause (a division by zero, a rate of a gauge), or read other teams' series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from capgen import api, naming, promql, units
from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter, Metric, SignalDef
from capgen.promql import Aggregate, Binary, Call, Expr, Selector, Shape

CATALOG = Catalog()
EXPORTERS = CATALOG.exporters
SCOPE = "__scope__"
WINDOW = 420.0
"""Unlike any literal range, so that `$window` can be told from one."""
SHORTEST_RANGE = 300.0
OF_COUNTERS = {"rate", "increase", "irate", "resets"}
OF_GAUGES = {"deriv", "delta", "idelta", "predict_linear"}


def exporter(name: str) -> Exporter:
    return CATALOG.entry(name).exporter


def templates(signal: SignalDef) -> Iterator[str]:
    yield signal.expr
    yield from (variant.expr for variant in signal.variants)
    if signal.traffic:
        yield signal.traffic


def filled(owner: Exporter, signal: SignalDef, template: str) -> str:
    numbers = {
        name: units.number(units.parse(p.default, p.unit)) if p.default is not None else "0.5"
        for name, p in signal.params.items()
    }
    values = {**owner.params, **numbers, "window": units.duration(WINDOW), "replicas": "prometheus_replica"}
    return promql.fill(template, lambda _: f'{SCOPE}="1"', values)


def expressions(owner: Exporter) -> Iterator[tuple[str, Expr]]:
    for name, signal in owner.signals.items():
        for template in templates(signal):
            yield name, promql.parse(filled(owner, signal, template))


def metric_of(owner: Exporter, series: str) -> Metric | None:
    if series in owner.metrics:
        return owner.metrics[series]
    whole, _, part = series.rpartition("_")
    family = owner.metrics.get(whole)
    parts = {"histogram": ("bucket", "sum", "count"), "summary": ("sum", "count")}
    return family if family is not None and part in parts.get(family.type, ()) else None


def counts(owner: Exporter, series: str) -> bool:
    """Whether a series only grows, or nobody says that it does not."""
    found = metric_of(owner, series)
    return found is not None and (found.type in ("counter", "untyped") or series not in owner.metrics)


def shape_of(owner: Exporter, expr: Expr) -> Shape:
    def labels_of(series: str) -> Shape | None:
        found = metric_of(owner, series)
        if found is None:
            return Shape("vector", frozenset(("job", "instance")), open=True)
        le = {"le"} if series.endswith("_bucket") else set()
        return Shape(
            "vector", frozenset({"job", "instance", SCOPE, *found.labels, *owner.target_labels, *le}), open=True
        )

    return promql.shape(expr, labels_of)


def needed(expr: Expr) -> frozenset[str]:
    """The series without which an expression gives nothing: of an `or`, what both sides need."""
    if isinstance(expr, Binary) and expr.op == "or":
        return needed(expr.left) & needed(expr.right)
    own = {expr.name} if isinstance(expr, Selector) else set()
    return frozenset(own).union(*(needed(child) for child in promql.children(expr)))


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_file_loads_and_says_what_each_absence_means(name: str) -> None:
    owner = exporter(name)
    assert owner.title and owner.about
    assert [metric for metric, fact in owner.metrics.items() if not fact.absent.strip()] == []
    assert [signal for signal, what in owner.signals.items() if not (what.about.strip() and what.action.strip())] == []


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_selector_is_scoped_before_anything_else(name: str) -> None:
    for signal, expr in expressions(exporter(name)):
        for selector in promql.selectors(expr):
            assert selector.matchers and selector.matchers[0].name == SCOPE, f"{signal}: {selector.name}"


@cache
def shown() -> frozenset[str]:
    """What the dashboards of the examples read beside the signals."""
    specs = [Path(__file__).parents[2] / "specs"]
    other = api.compile_project(specs, settings=["shop:workloads.shop-web.kind=StatefulSet"])
    fleets = (*api.compile_project(specs).fleets, *other.fleets)
    boards = [board for fleet in fleets for service in fleet.services for board in service.dashboards]
    panels = [target.expr for board in boards for row in board.rows for panel in row.panels for target in panel.targets]
    marks = [annotation.expr for board in boards for annotation in board.annotations]
    return frozenset(re.findall(r"kube_[a-z_]+", " ".join((*panels, *marks))))


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_metric_that_is_read_is_declared_and_every_declared_one_is_read(name: str) -> None:
    owner = exporter(name)
    read = {selector.name for _, expr in expressions(owner) for selector in promql.selectors(expr)} - {"up"}
    assert {series for series in read if metric_of(owner, series) is None} == set()
    families = {series if series in owner.metrics else series.rpartition("_")[0] for series in read | shown()}
    assert set(owner.metrics) - families == set(), "declared and read by nothing"


@pytest.mark.parametrize("name", EXPORTERS)
def test_matchers_name_labels_that_the_metric_has(name: str) -> None:
    owner = exporter(name)
    if owner.open_labels:
        return
    for signal, expr in expressions(owner):
        for selector in promql.selectors(expr):
            fact = metric_of(owner, selector.name)
            declared = {
                *(fact.labels if fact else ()),
                *owner.target_labels,
                "job",
                "instance",
                "le",
                "quantile",
                SCOPE,
            }
            assert {m.name for m in selector.matchers} <= declared, f"{signal}: {selector.name}"


@pytest.mark.parametrize("name", EXPORTERS)
def test_functions_fit_the_metrics_types(name: str) -> None:
    owner = exporter(name)
    for signal, expr in expressions(owner):
        for call in (node for node in promql.walk(expr) if isinstance(node, Call)):
            for argument in (a for a in call.arguments if isinstance(a, Selector)):
                if call.function in OF_COUNTERS:
                    assert counts(owner, argument.name), f"{signal}: {call.function} of {argument.name}"
                if call.function in OF_GAUGES:
                    fact = metric_of(owner, argument.name)
                    assert fact is not None and fact.type == "gauge", f"{signal}: {call.function} of {argument.name}"


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_counter_is_never_read_bare(name: str) -> None:
    owner = exporter(name)

    def bare(expr: Expr, *, counted: bool = False) -> Iterator[str]:
        if isinstance(expr, Selector) and expr.range is None and not counted:
            fact = metric_of(owner, expr.name)
            if fact is not None and counts(owner, expr.name) and fact.type != "untyped":
                yield expr.name
        # How many series there are does not depend on what they count, nor does a zero for each of them.
        zero = isinstance(expr, Binary) and expr.op == "*" and expr.left == promql.Number(0.0)
        inside = counted or zero or (isinstance(expr, Aggregate) and expr.op in ("count", "group"))
        for child in promql.children(expr):
            yield from bare(child, counted=inside)

    for signal, expr in expressions(owner):
        assert list(bare(expr)) == [], signal


@pytest.mark.parametrize("name", EXPORTERS)
def test_ranges_are_the_window_or_long(name: str) -> None:
    for signal, expr in expressions(exporter(name)):
        for node in promql.walk(expr):
            seconds = getattr(node, "range", None)
            assert seconds is None or seconds == WINDOW or seconds >= SHORTEST_RANGE, f"{signal}: [{seconds}s]"


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_results_labels_are_known_and_none_is_capgens_own(name: str) -> None:
    owner = exporter(name)
    for signal, what in owner.signals.items():
        shapes = [shape_of(owner, promql.parse(filled(owner, what, template))) for template in templates(what)]
        assert {shape.kind for shape in shapes} == {"vector"}, signal
        assert not any(shape.open for shape in shapes), f"{signal}: aggregate it by named labels"
        assert not shapes[0].labels & naming.RESERVED_LABELS, signal
        # Alerts join the value with its traffic by the value's labels, and a variant stands in for the expression.
        assert {shape.labels for shape in shapes} == {shapes[0].labels}, signal


@pytest.mark.parametrize("name", EXPORTERS)
def test_both_sides_of_an_operator_can_match(name: str) -> None:
    owner = exporter(name)
    for signal, expr in expressions(owner):
        for node in (n for n in promql.walk(expr) if isinstance(n, Binary)):
            left, right = shape_of(owner, node.left), shape_of(owner, node.right)
            if left.kind != "vector" or right.kind != "vector":
                continue
            at = f"{signal}: {sorted(left.labels)} {node.op} {sorted(right.labels)}"
            if node.matching is None:
                assert left.labels == right.labels and left.open == right.open, at
            elif node.matching == "on":
                assert set(node.labels) <= left.labels and set(node.labels) <= right.labels, at
            if node.group is not None:
                one = right if node.group == "left" else left
                assert not one.open and node.matching == "on" and one.labels == set(node.labels), (
                    f"{at}: several partners"
                )


@pytest.mark.parametrize("name", EXPORTERS)
def test_no_result_is_infinite_or_not_a_number(name: str) -> None:
    owner = exporter(name)

    def unguarded(expr: Expr, *, compared: bool = False) -> Iterator[str]:
        if isinstance(expr, Call) and expr.function == "histogram_quantile" and not compared:
            yield "histogram_quantile is not a number without observations: compare it, `>= 0`"
        divides = isinstance(expr, Binary) and expr.op == "/" and shape_of(owner, expr.right).kind == "vector"
        if divides and not (isinstance(expr.right, Binary) and expr.right.op in (">", "!=")):
            yield "a divisor without `> 0`"
        for child in promql.children(expr):
            yield from unguarded(child, compared=isinstance(expr, Binary) and expr.op in promql.COMPARISONS)

    for signal, expr in expressions(owner):
        assert list(unguarded(expr)) == [], signal


@pytest.mark.parametrize("name", EXPORTERS)
def test_levels_are_the_ladders_in_order_and_can_be_reached(name: str) -> None:
    owner = exporter(name)
    for signal, what in owner.signals.items():
        ladder = list(CATALOG.ladders[what.ladder].levels)
        assert set(what.levels) <= set(ladder[1:]), f"{signal}: {what.levels} on {ladder}"
        numbers = [units.parse(what.levels[level] or 0, what.unit) for level in ladder if level in what.levels]
        worsening = numbers if what.worse == "above" else numbers[::-1]
        assert all(mild < harsh for mild, harsh in pairwise(worsening)), f"{signal}: {what.levels}"
        assert all(number >= 0 for number in numbers)
        if what.unit == "ratio" and not what.unbounded:
            assert all(number <= 1 for number in numbers), f"{signal}: {what.levels}"
        for selector in promql.selectors(promql.parse(filled(owner, what, what.expr))):
            fact = metric_of(owner, selector.name)
            if fact is not None and fact.buckets and selector.name.endswith("_bucket"):
                assert all(number < fact.buckets[-1] for number in numbers), f"{signal}: beyond the last bucket"


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_opposite_and_the_share_of_a_signal_are_there_and_fit(name: str) -> None:
    signals = exporter(name).signals
    for one in (signal for signal in signals.values() if signal.share):
        part = signals[str(one.share)]
        assert (part.unit, part.worse, part.unbounded) == ("ratio", "above", False) and part.levels, one.title
    for one in (signal for signal in signals.values() if signal.opposite):
        other = signals[str(one.opposite)]
        assert (other.unit, other.section) == (one.unit, one.section) and other.opposite is None, one.title
    for one in (signal for signal in signals.values() if signal.downwards):
        ((label, value),) = one.downwards.items()
        assert f'"{label}", "{value}"' in one.expr and one.worse == "above" and one.opposite is None, one.title


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_signal_that_needs_a_flag_is_not_brought_unasked(name: str) -> None:
    owner = exporter(name)
    flagged = {series for series, fact in owner.metrics.items() if fact.flag}
    for signal, what in owner.signals.items():
        series = needed(promql.parse(filled(owner, what, what.expr)))
        behind = {s for s in series if s in flagged or (s.rpartition("_")[0] in flagged and s not in owner.metrics)}
        assert not (what.default and behind), f"{signal} needs {sorted(behind)}"


@pytest.mark.parametrize("name", [n for n in EXPORTERS if "status" in str(exporter(n).signals.get("errors", ""))])
def test_what_users_feel_is_judged_only_with_enough_traffic(name: str) -> None:
    signals = exporter(name).signals
    assert {"throughput", "latency", "latency_p99", "latency_mean", "errors", "errors_by_type", "concurrency"} <= set(
        signals
    )
    for signal in ("latency", "latency_p99", "latency_mean", "errors", "errors_by_type"):
        assert signals[signal].traffic and signals[signal].min_traffic > 0, signal


def test_the_runbooks_thresholds_are_the_catalogues() -> None:
    host, web = exporter("node").signals, exporter("http").signals
    assert host["cpu"].levels == {"warning": "50%", "critical": "80%", "emergency": "95%"}
    assert host["memory"].levels == {"warning": "70%", "critical": "85%", "emergency": "95%"}
    assert host["disk_io"].levels == {"warning": "70%", "critical": "85%", "emergency": "95%"}
    assert host["network"].levels == {"warning": "60%", "critical": "80%", "emergency": "95%"}
    assert host["disk_space"].levels["critical"] == "90%"
    assert web["latency"].levels == {"good": "200ms", "acceptable": "500ms", "poor": "1s", "unacceptable": "2s"}
    assert web["throughput"].levels == {"normal": 100, "high": 500, "peak": 1000}
    assert web["errors"].levels == {"good": "0.1%", "acceptable": "0.5%", "poor": "1%", "unacceptable": "5%"}
