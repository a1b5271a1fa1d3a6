"""What a project's own catalogue file says of itself: names that stand for something, expressions that can be used.

The model checks each value by itself. What follows here needs the whole file: a signal's expression reads metrics that
the file declares, by functions that suit their types; levels belong to the ladder; what is drawn beside a signal
is one of the file's. The packaged files are held to more than that by tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from capgen import promql, units
from capgen.catalog.expressions import STAND_IN, tree, unscoped, version_numbers
from capgen.catalog.model import Exporter, Ladder, Metric, SignalDef
from capgen.diagnostics import Diagnostic, nearest, suggest
from capgen.promql import Aggregate, BadPromQL, Call, Expr, Selector
from capgen.validation import told
from capgen.yamlio import Node, Path

_ALWAYS = ("selector", "window", "replicas")
_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
_GAUGES = frozenset({"delta", "idelta", "deriv", "predict_linear"})
_PARTS = ("_bucket", "_sum", "_count")


class _Text(Struct, frozen=True):
    """An expression of a signal: where it stands, and which params have a value there."""

    path: Path
    text: str


def inconsistencies(exporter: Exporter, node: Node, ladders: Mapping[str, Ladder]) -> tuple[Diagnostic, ...]:
    """Everything in the file that cannot be, by position."""
    found = [*_metrics(exporter, node)]
    for name, signal in exporter.signals.items():
        found += _levels(name, signal, node, ladders)
        found += _beside(name, signal, exporter, node)
        for text in _texts(name, signal):
            found += _expression(text, signal, exporter, node)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: one.sort_key))


def _at(node: Node, path: Path, code: str, message: str, hint: str, *, key: bool = False) -> Diagnostic:
    """A finding at a value, or at its key."""
    holder = node.at(path[:-1]) if key else node.at(path)
    place = holder or node
    span = place.key_span(str(path[-1])) if key else place.span
    return Diagnostic(code, message, span, hint, excerpt=place.source.line(span.line))


def _metrics(exporter: Exporter, node: Node) -> Iterator[Diagnostic]:
    for name, metric in exporter.metrics.items():
        at: Path = ("metrics", name)
        if metric.job is not None and metric.job not in exporter.jobs:
            message = f"{name} comes from the job {metric.job!r}, and `jobs` has none of that name"
            yield _at(node, (*at, "job"), "CG626", message, suggest(metric.job, exporter.jobs, what="jobs"))
        if metric.since and metric.until and version_numbers(metric.until) < version_numbers(metric.since):
            message = f"{name} is there until {metric.until}, which is before {metric.since}"
            yield _at(
                node, (*at, "until"), "CG205", message, "`since` is the first version that has it, `until` the last"
            )


def _levels(name: str, signal: SignalDef, node: Node, ladders: Mapping[str, Ladder]) -> Iterator[Diagnostic]:
    at: Path = ("signals", name)
    if (ladder := ladders.get(signal.ladder)) is None:
        hint = suggest(signal.ladder, ladders, what="ladders")
        yield _at(node, (*at, "ladder"), "CG307", f"there is no ladder {signal.ladder!r}", hint)
        return
    names = list(ladder.levels)
    for level in signal.levels:
        if level not in names:
            message, hint = f"{signal.ladder!r} has no level {level!r}", suggest(level, names, what="levels")
            yield _at(node, (*at, "levels", level), "CG308", message, hint, key=True)
    yield from _thresholds((*at, "levels"), signal, [level for level in names if level in signal.levels], node)


def _thresholds(at: Path, signal: SignalDef, levels: Sequence[str], node: Node) -> Iterator[Diagnostic]:
    """Levels that are no amount of the signal's unit, and those in the wrong order."""
    last: tuple[str, float] | None = None
    for level in levels:
        given = signal.levels[level]
        if given is None:
            continue
        try:
            value = units.parse(given, signal.unit)
        except units.BadQuantity as error:
            wrong, advice = told(error)
            yield _at(node, (*at, level), "CG204", f"{level}: {wrong}", advice)
            continue
        if signal.unit == "ratio" and value > 1 and not signal.unbounded:
            yield _at(node, (*at, level), "CG205", f"{level}: {given} is more than all of it", "a share ends at 100%")
        if last is not None and (value <= last[1] if signal.worse == "above" else value >= last[1]):
            message = f"{level} ({given}) has to begin {signal.worse} {last[0]} ({signal.levels[last[0]]})"
            yield _at(node, (*at, level), "CG309", message, "order the levels, or remove one")
        last = (level, value)


def _beside(name: str, signal: SignalDef, exporter: Exporter, node: Node) -> Iterator[Diagnostic]:
    for key, other in (("opposite", signal.opposite), ("share", signal.share)):
        if other is None:
            continue
        at: Path = ("signals", name, key)
        shown = exporter.signals.get(other)
        if shown is None:
            known = set(exporter.signals) - {name}
            yield _at(
                node, at, "CG626", f"there is no signal {other!r} in this file", suggest(other, known, what="signals")
            )
        elif other == name:
            yield _at(node, at, "CG627", f"{name!r} is not beside itself", "name another signal, or remove the line")
        elif key == "opposite" and shown.unit != signal.unit:
            message = f"{other!r} is in another unit ({shown.unit}, not {signal.unit}), so one axis cannot show both"
            yield _at(node, at, "CG627", message, "name the same thing in the other direction, or remove the line")
        elif key == "share" and (shown.unit != "ratio" or signal.unit == "ratio"):
            message = f"{other!r} ({shown.unit}) is not a share of which {name!r} ({signal.unit}) is the amount"
            yield _at(node, at, "CG627", message, "name a signal with `unit: ratio`, and only for an amount")


def _texts(name: str, signal: SignalDef) -> Iterator[_Text]:
    at: Path = ("signals", name)
    yield _Text((*at, "expr"), signal.expr)
    if signal.traffic is not None:
        yield _Text((*at, "traffic"), signal.traffic)
    for index, variant in enumerate(signal.variants):
        yield _Text((*at, "variants", index, "expr"), variant.expr)


def _expression(text: _Text, signal: SignalDef, exporter: Exporter, node: Node) -> Iterator[Diagnostic]:
    variant = signal.variants[int(text.path[3])] if len(text.path) > 4 else None
    if variant is not None and variant.given is not None and variant.given not in signal.params:
        at = (*text.path[:-1], "given")
        hint = suggest(variant.given, signal.params, what="params")
        yield _at(node, at, "CG626", f"the signal has no param {variant.given!r}", hint)
    known = {*_ALWAYS, *exporter.params, *signal.params}
    for name in promql.placeholders(text.text):
        if name not in known:
            hint = suggest(name, known, what="placeholders")
            yield _at(node, text.path, "CG311", f"`${name}` has no value", hint)
            return
    try:
        expr = tree(text.text)
    except BadPromQL as error:
        yield _at(node, text.path, "CG320", f"not valid PromQL: {error}", "try it in Prometheus' expression browser")
        return
    yield from _reads(text, expr, exporter, node)


def _reads(text: _Text, expr: Expr, exporter: Exporter, node: Node) -> Iterator[Diagnostic]:
    at, labels = text.path, set[str]()
    if bare := unscoped(text.text):
        hint = f"write `{bare}{{$selector}}`, so that other services' series do not count"
        yield _at(node, at, "CG321", f"`{bare}` is not narrowed down to this service", hint)
    for selector in promql.selectors(expr):
        metric = _metric(exporter, selector.name)
        labels |= set(metric.labels if metric else ())
        if selector.name not in ("", "up", STAND_IN) and metric is None:
            hint = suggest(selector.name, exporter.metrics, what="metrics")
            yield _at(node, at, "CG626", f"`metrics` does not declare {selector.name}", hint)
    for part in promql.walk(expr):
        if isinstance(part, Call) and part.function in _COUNTERS | _GAUGES:
            yield from _typed(at, part, exporter, node)
        if isinstance(part, Aggregate) and part.grouping == "by":
            yield from _grouped(at, part.labels, labels | set(exporter.target_labels), node)


def _metric(exporter: Exporter, name: str) -> Metric | None:
    if (metric := exporter.metrics.get(name)) is not None:
        return metric
    whole = next((exporter.metrics.get(name.removesuffix(part)) for part in _PARTS if name.endswith(part)), None)
    return whole if whole is not None and whole.type in ("histogram", "summary") else None


def _typed(at: Path, call: Call, exporter: Exporter, node: Node) -> Iterator[Diagnostic]:
    counted = call.function in _COUNTERS
    for argument in call.arguments:
        metric = _metric(exporter, argument.name) if isinstance(argument, Selector) else None
        if metric is None or metric.type == "untyped" or (metric.type != "gauge") == counted:
            continue
        message = f"{call.function}() of a {metric.type}: {argument.name}" if isinstance(argument, Selector) else ""
        hint = "counters take rate() and increase(), gauges delta(), deriv() and predict_linear()"
        yield _at(node, at, "CG628", message, f"{hint}; or correct the metric's `type`")


def _grouped(at: Path, by: Iterable[str], known: set[str], node: Node) -> Iterator[Diagnostic]:
    """Discovery adds labels that no file knows; one that differs by a letter from a known one is misspelt."""
    for label in by:
        meant = nearest(label, known) if label not in known else None
        if meant is not None and len(meant) == len(label) and sorted(meant) == sorted(label):
            yield _at(node, at, "CG626", f"no metric of it has the label {label!r}", f"did you mean {meant!r}?")
