"""Resolves each signal: the catalogue's definition under the spec's words, made into one PromQL expression."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from capgen import naming, promql, units
from capgen.blueprint import Signal
from capgen.blueprint.origin import Origin
from capgen.catalog.expressions import unscoped
from capgen.catalog.model import Param, SignalDef
from capgen.compile import templates
from capgen.compile.context import Context
from capgen.compile.levels import resolve_levels
from capgen.compile.replicas import check_replicas, declared
from capgen.compile.sections import is_detail, section_of
from capgen.compile.sources import Bound
from capgen.diagnostics import suggest
from capgen.spec.sections import SignalSpec

DEFAULT_WINDOW = 300.0
SCRAPES_PER_WINDOW = 4
"""With four samples in a range, one missed scrape still leaves a rate."""
DEFAULT_KEEP_FIRING = 180.0
REPLICA_LABELS = ("prometheus_replica",)
_NOTHING = SignalSpec.model_validate({})


class Wanted(Struct, frozen=True):
    """A signal to resolve: the spec's words for it (maybe none) and the catalogue's definition (maybe none)."""

    id: str
    source: Bound
    words: SignalSpec
    definition: SignalDef | None

    @property
    def path(self) -> tuple[str, str]:
        """Where the spec would speak of it."""
        return ("signals", self.id)


def resolve_signals(context: Context, sources: Mapping[str, Bound]) -> tuple[tuple[Signal, Bound], ...]:
    """All signals by id, each with its source; those with mistakes are left out and noted."""
    resolved = []
    for wanted in _wanted(context, sources):
        signal = _resolve(context, wanted)
        if signal is not None:
            resolved.append((signal, wanted.source))
    return tuple(resolved)


def _wanted(context: Context, sources: Mapping[str, Bound]) -> list[Wanted]:
    named = context.spec.model.signals
    wanted: dict[str, Wanted] = {}
    for source_name, bound in sources.items():
        for name, definition in bound.entry.exporter.signals.items():
            id_ = f"{source_name}.{name}"
            words = named.get(id_, _NOTHING)
            if words is None or not words.enabled:
                continue
            if id_ in named or (
                definition.default and all(bound.concerns(name) for name in templates.metrics(definition.expr))
            ):
                wanted[id_] = Wanted(id_, bound, words, definition)
    for id_, words in named.items():
        if id_ in wanted:
            continue
        if words is None or not words.enabled:
            _check_removal(context, sources, id_)
            continue
        own = _own_signal(context, sources, id_, words)
        if own is not None:
            wanted[id_] = own
    return [wanted[id_] for id_ in sorted(wanted)]


def _check_removal(context: Context, sources: Mapping[str, Bound], id_: str) -> None:
    """Notes the removal of a signal that is not there: it would leave standing what was meant."""
    prefix, _, name = id_.partition(".")
    known = prefix in sources and name in sources[prefix].entry.exporter.signals
    if not known and id_ not in context.spec.removable:
        _unknown(context, sources, id_)


def _own_signal(context: Context, sources: Mapping[str, Bound], id_: str, words: SignalSpec) -> Wanted | None:
    path = ("signals", id_)
    prefix = id_.partition(".")[0]
    if words.expr is None:
        _unknown(context, sources, id_)
        return None
    source = words.source or prefix
    if source not in context.spec.model.sources:
        at = (*path, "source") if words.source else path
        context.error(
            "CG304",
            f"there is no source {source!r}",
            at,
            suggest(source, context.spec.model.sources, what="sources"),
            at_key=words.source is None,
        )
        return None
    return Wanted(id_, sources[source], words, None) if source in sources else None


def _unknown(context: Context, sources: Mapping[str, Bound], id_: str) -> None:
    """Notes a signal that no exporter of the spec's sources has."""
    path = ("signals", id_)
    prefix, _, name = id_.partition(".")
    if prefix not in context.spec.model.sources:
        hint = suggest(prefix, context.spec.model.sources, what="sources")
        context.error(
            "CG304",
            f"there is no source {prefix!r} for the signal {id_!r}",
            path,
            _or_own(hint),
            at_key=True,
        )
    elif prefix in sources:
        known = sources[prefix].entry.exporter
        hint = suggest(name, known.signals, what="signals")
        context.error(
            "CG306",
            f"{known.title} has no signal {name!r}",
            path,
            _or_own(hint),
            at_key=True,
        )


def _or_own(hint: str) -> str:
    return f"{hint}{'' if hint.endswith('?') else ';'} a signal of your own needs `source:` and `expr:`"


def _resolve(context: Context, wanted: Wanted) -> Signal | None:
    words, definition, bound = wanted.words, wanted.definition, wanted.source
    before = len(context.found)
    unit = words.unit or (definition.unit if definition else "short")
    worse = words.worse or (definition.worse if definition else "above")
    interval = bound.scrape.interval
    window = _window(context, wanted, interval)
    values = _values(context, wanted)
    own = words.expr is not None
    template = words.expr or _expression(wanted)
    traffic = words.traffic or (definition.traffic if definition else None) or ""
    filled = _fill(context, wanted, template, window, values, own=own, key="expr")
    flow = (
        _fill(context, wanted, traffic, window, values, own=words.traffic is not None, key="traffic") if traffic else ""
    )
    if filled is None or flow is None:
        return None
    labels = _labels(context, wanted, template)
    metrics = templates.metrics(template)
    ladder = words.ladder or (definition.ladder if definition else "utilisation")
    buckets = _buckets(bound, metrics)
    levels = resolve_levels(
        context,
        wanted.id,
        words,
        definition,
        ladder=ladder,
        unit=unit,
        worse=worse,
        top=buckets[-1] if buckets and "histogram_quantile" in template else None,
    )
    hold = words.for_ if words.for_ is not None else definition.for_ if definition else 300.0
    keep = (
        words.keep_firing_for
        if words.keep_firing_for is not None
        else (definition.keep_firing_for if definition else None)
    )
    floor = words.min_traffic if words.min_traffic is not None else definition.min_traffic if definition else 0.0
    if len(context.found) > before and any(d.severity == "error" for d in context.found[before:]):
        return None
    exporter, name = bound.entry.exporter, wanted.id.partition(".")[2]
    record = (
        naming.record(exporter.exporter, name, definition.record)
        if definition
        else naming.record("own", wanted.id, unit)
    )
    section = section_of(bound.entry.exporter, definition, unit, ladder)
    return Signal(
        id=wanted.id,
        source=bound.name,
        title=words.title or (definition.title if definition else wanted.id.replace(".", " ").replace("_", " ")),
        description=words.about or (definition.about if definition else ""),
        action=words.action or (definition.action if definition else ""),
        unit=unit,
        worse=worse,
        ladder=ladder,
        levels=levels,
        expr=filled,
        record=record,
        labels=labels,
        of_request=(bound.spec.workload, definition.of_request)
        if definition and definition.of_request and bound.spec.workload
        else ("", ""),
        metrics=metrics,
        interval=interval,
        window=window,
        for_=hold,
        keep_firing_for=DEFAULT_KEEP_FIRING if keep is None else keep,
        hysteresis=_hysteresis(context, wanted, unit),
        buckets=buckets,
        traffic=flow,
        min_traffic=floor,
        origin=_origin(context, wanted),
        section=section,
        detail=is_detail(
            definition, named=wanted.id in context.spec.model.signals, levelled=bool(levels), section=section
        ),
    )


def _origin(context: Context, wanted: Wanted) -> Origin:
    if wanted.id in context.spec.model.signals:
        return context.origin(wanted.path)
    name = wanted.id.partition(".")[2]
    signals = wanted.source.entry.node.at(("signals",))
    span = signals.key_span(name) if signals else None
    return Origin(f"signals.{wanted.id}", span, "catalogue")


def _window(context: Context, wanted: Wanted, interval: float) -> float:
    least = SCRAPES_PER_WINDOW * interval
    if wanted.words.window is None:
        return max(DEFAULT_WINDOW, least)
    if wanted.words.window < least:
        short, scrape = units.duration(wanted.words.window), units.duration(interval)
        context.error(
            "CG318",
            f"a window of {short} is too short for samples every {scrape}",
            (*wanted.path, "window"),
            f"use at least {units.duration(least)}: four samples, so that one missed scrape does no harm",
        )
    return float(wanted.words.window)


def _hysteresis(context: Context, wanted: Wanted, unit: str) -> float:
    given = wanted.words.hysteresis
    if given is None:
        return 0.0
    try:
        value = units.parse(given, unit)
    except units.BadQuantity as error:
        context.bad_quantity("hysteresis", error, (*wanted.path, "hysteresis"))
        return 0.0
    if value < 0:
        context.error(
            "CG205",
            "a hysteresis cannot be negative",
            (*wanted.path, "hysteresis"),
            "it is a distance from the threshold",
        )
    return value


def _expression(wanted: Wanted) -> str:
    definition = wanted.definition
    if definition is None:
        return ""  # a signal of one's own has an expression, or is not resolved
    version = wanted.source.spec.version or wanted.source.entry.exporter.newest
    given = {name for name in definition.params if _given(wanted.words, name) is not None}
    return templates.chosen(definition, version, given)


def _given(words: SignalSpec, name: str) -> str | int | float | None:
    if name == "quantile":
        return words.quantile
    return words.capacity if name == "capacity" else words.params.get(name)


def _values(context: Context, wanted: Wanted) -> dict[str, str]:
    """The params' values as PromQL: the signal's as numbers, the source's as they are."""
    taken = {"quantile": Param(unit="ratio")} if "$quantile" in (wanted.words.expr or "") else {}
    declared = wanted.definition.params if wanted.definition else taken
    values = dict(wanted.source.params)
    for name in ("quantile", "capacity", *wanted.words.params):
        if _given(wanted.words, name) is not None and name not in declared and wanted.definition is not None:
            at = (*wanted.path, name) if name in ("quantile", "capacity") else (*wanted.path, "params", name)
            context.error(
                "CG311",
                f"the signal {wanted.id!r} takes no {name!r}",
                at,
                suggest(name, declared, what="params"),
                at_key=True,
            )
    for name, param in declared.items():
        given = _given(wanted.words, name)
        value = param.default if given is None else given
        if value is None:
            continue
        try:
            values[name] = units.number(units.parse(value, param.unit))
        except units.BadQuantity as error:
            own = name in ("quantile", "capacity")
            context.bad_quantity(name, error, (*wanted.path, name) if own else (*wanted.path, "params", name))
            values[name] = "0.5"  # any number: the expression is checked all the same
    if "quantile" in values and not 0 < float(values["quantile"]) < 1:
        context.error(
            "CG205",
            "a quantile lies between 0 and 1",
            (*wanted.path, "quantile"),
            "0.95 or 95% for the 95th percentile",
        )
    return values


def _fill(
    context: Context, wanted: Wanted, template: str, window: float, values: Mapping[str, str], *, own: bool, key: str
) -> str | None:
    replicas = _replica_labels(context)
    known = {**values, "window": units.duration(window), "replicas": ", ".join(replicas)}
    path = (*wanted.path, key)
    try:
        filled = promql.fill(template, wanted.source.matchers, known)
        if own:
            promql.parse(filled)
    except KeyError as missing:
        name = str(missing.args[0])
        context.error(
            "CG311",
            f"`${name}` has no value",
            path if own else wanted.path,
            suggest(name, {*known, "selector"}, what="placeholders"),
            at_key=not own,
        )
        return None
    except promql.TooLarge as error:
        context.error("CG320", f"the expression is {error}", path, "record parts of it with a rule of your own")
        return None
    except promql.BadPromQL as error:
        context.error("CG320", f"not valid PromQL: {error}", path, "try it in Prometheus' expression browser")
        return None
    if own and (bare := unscoped(template)):
        context.error(
            "CG321",
            f"`{bare}` is not narrowed down to this service",
            path,
            f"write `{bare}{{$selector}}`, so that other services' series do not count",
        )
        return None
    if own:
        check_replicas(context, filled, path)
    return filled


def _replica_labels(context: Context) -> tuple[str, ...]:
    return declared(context) or REPLICA_LABELS


def _labels(context: Context, wanted: Wanted, template: str) -> tuple[str, ...]:
    shape = templates.shape(
        template, tuple((name, wanted.source.shape_of(name)) for name in templates.metrics(template))
    )
    labels = shape.labels
    path = (*wanted.path, "expr")
    if shape.kind != "vector":
        context.error(
            "CG322",
            f"the expression gives a {shape.kind}, and a signal is a vector of series",
            path,
            "wrap it in an aggregation of a metric",
        )
    elif shape.open:
        context.error(
            "CG322",
            "nobody can tell which labels this expression's series have",
            path,
            "aggregate it: `sum by (queue) (…)`; alerts need labels that are always there",
        )
    elif clash := sorted(labels & naming.RESERVED_LABELS):
        context.error(
            "CG313",
            f"the label {clash[0]!r} is one that capgen sets itself",
            path,
            "rename it with label_replace, or aggregate it away",
        )
    return tuple(sorted(labels))


def _buckets(bound: Bound, metrics: tuple[str, ...]) -> tuple[float, ...]:
    if not any(name.endswith("_bucket") for name in metrics):
        return ()
    if bound.spec.buckets:
        return tuple(sorted(bound.spec.buckets))
    known = next((m for name in metrics if name.endswith("_bucket") and (m := bound.metric(name)) and m.buckets), None)
    return tuple(sorted(known.buckets)) if known else ()
