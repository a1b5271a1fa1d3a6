"""Alerts as levels: of a signal of the catalogue where one measures the same, else of a signal of one's own.

An alert that is neither is listed with its reason and goes on where it is: a rule that nobody understood is nothing to
improve on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen import promql, units
from capgen.catalog.model import Exporter, Ladder, SignalDef
from capgen.check.rulefile import Rule
from capgen.compile.signals import DEFAULT_KEEP_FIRING, DEFAULT_WINDOW
from capgen.intake import algebra
from capgen.intake.autoscalers import word
from capgen.intake.comparison import Comparison, scoped, taken_apart, unscoped_tree
from capgen.intake.found import Found, Remark
from capgen.intake.ladders import Step, levels, severity_of
from capgen.promql import Binary, Call, Matcher, Number, Selector

_PART = re.compile(r"_(?:bucket|sum|count)$")


class Written(Struct, frozen=True):
    """An alert and where it stands."""

    found: Found
    rule: Rule

    @property
    def shown(self) -> str:
        """The place in its object."""
        group = self.rule.group
        rules = group.node.at(("rules",))
        listed = rules.value if rules is not None and isinstance(rules.value, list) else []
        number = next((n for n, node in enumerate(listed) if node is self.rule.node), 0)
        inside = ".spec.groups" if self.found.kind == "PrometheusRule" else ".groups"
        return f"{inside}[{group.index}].rules[{number}] ({self.rule.name})"

    def remark(self, why: str) -> Remark:
        """Why it, or something of it, is not taken over."""
        return Remark(str(self.found), self.shown, why, None if self.found.live else self.rule.node.span)


class Source(Struct, frozen=True):
    """A drafted source, as far as rules care."""

    name: str
    exporter: Exporter
    jobs: frozenset[str]
    own: bool
    """Whether its exporter is drafted too."""


class Signals(Struct):
    """What the rules came to. `alerts` are those that were carried over: the alert, its signal, its threshold there."""

    specs: dict[str, dict[str, Any]] = {}
    alerts: list[tuple[Written, str, float]] = []
    watched: list[tuple[Written, str]] = []
    """Alerts that a source brings by itself: that no target answers, that a metric is gone."""
    remarks: list[Remark] = []


class _Reading(Struct, frozen=True):
    """One alert that measures a known signal: where it begins in that signal's unit, and the signal's params."""

    written: Written
    threshold: float
    worse: str
    words: tuple[tuple[str, Any], ...]


def is_job(matcher: Matcher) -> bool:
    """Whether a matcher says which job is read."""
    return matcher.name == "job" and matcher.op == "="


def jobs_of(rule: Rule) -> set[str]:
    """The jobs that an expression names."""
    return {m.value for s in promql.selectors(rule.expr) for m in s.matchers if is_job(m)}


def read_alerts(alerts: Sequence[Written], sources: Sequence[Source], ladders: Mapping[str, Ladder]) -> Signals:
    """All alerts that capgen did not make, as signals of these sources."""
    signals = Signals()
    known: dict[tuple[str, float, float], list[_Reading]] = {}
    own: dict[tuple[Any, ...], list[tuple[Written, Comparison, str]]] = {}
    templates = {s.name: tuple(_templates(s.exporter)) for s in sources}
    for written in alerts:
        if source := _watched(written, sources):
            signals.watched.append((written, source.name))
            continue
        if written.rule.labels.get("severity", "").lower() == "none":
            signals.remarks.append(
                written.remark("severity `none`: it tells nobody, and the language has no such alert")
            )
            continue
        apart = taken_apart(written.rule.text)
        if apart is None:
            signals.remarks.append(written.remark("it is no comparison of a measurement with a number"))
            continue
        chosen = _source_of(written, sources)
        if isinstance(chosen, str):
            signals.remarks.append(written.remark(chosen))
            continue
        found = _recognised(written, apart, chosen, templates[chosen.name])
        if found is not None:
            id_, reading = found
            known.setdefault((id_, written.rule.for_, written.rule.keep_firing_for), []).append(reading)
            continue
        why = _cannot_be_own(apart)
        if why:
            signals.remarks.append(written.remark(why))
            continue
        template = scoped(apart.measured, is_job)
        if template is None:
            signals.remarks.append(written.remark("a selector of it has no metric's name"))
            continue
        if apart.threshold == 0 and apart.op in (">", "<"):
            # A level begins at its number, and this one just behind it: the comparison stays a part of what is measured.
            template = f"({template}) {apart.op} 0"
        if promql.shape(apart.tree, lambda _: None).open:
            # Alerts of the language know their labels. Whether one fires stays the same; how many do may not.
            known_shape = promql.shape(apart.tree, _labels_of(chosen.exporter))
            told = ["instance"] if known_shape.open else sorted(known_shape.labels - {"job"})
            template = f"{'max' if apart.worse == 'above' else 'min'} by ({', '.join(told)}) ({template})"
            if known_shape.open:
                merged = "which labels its series have is not known: one alert an instance, where it was one a series"
                signals.remarks.append(written.remark(merged))
        tree = repr(unscoped_tree(apart.tree, is_job))
        key = (chosen.name, tree, apart.worse, written.rule.for_, written.rule.keep_firing_for, template.endswith(" 0"))
        own.setdefault(key, []).append((written, apart, template))
    _take_known(signals, known, sources, ladders)
    for key, members in own.items():
        _take_own(signals, key[0], members, ladders)
    return signals


def _labels_of(exporter: Exporter) -> algebra.LabelsOf:
    """By which labels the exporter's series are told apart."""

    def labels(metric: str) -> promql.Shape | None:
        known = exporter.metrics.get(metric) or exporter.metrics.get(_PART.sub("", metric))
        if known is None:
            return None
        more = {"le"} if metric.endswith("_bucket") else set()
        return promql.Shape("vector", frozenset({"instance", *known.labels, *more}))

    return labels


def _templates(exporter: Exporter) -> Iterator[tuple[str, SignalDef, str | None, algebra.Template]]:
    labels = _labels_of(exporter)

    for name, definition in exporter.signals.items():
        for given, text in ((None, definition.expr), *((v.given, v.expr) for v in definition.variants)):
            try:
                yield name, definition, given, algebra.template(text, definition.params, exporter.params, labels)
            except promql.BadPromQL:
                continue  # a variant that is none without its params


def _watched(written: Written, sources: Sequence[Source]) -> Source | None:
    """The source whose own alerts say the same: no target answers, or a metric that is always there is gone."""
    expr = written.rule.expr
    while isinstance(expr, Binary) and expr.op == "or":
        expr = expr.left
    match expr:
        case Binary(op="==" | "<", left=Selector(name="up") as selector, right=Number(value=0.0 | 1.0)):
            metric = "up"
        case Call(function="absent", arguments=(Selector() as selector,)):
            metric = selector.name
        case _:
            return None
    jobs = {m.value for m in selector.matchers if is_job(m)}
    for source in sources:
        known = source.exporter.metrics.get(metric) or source.exporter.metrics.get(_PART.sub("", metric))
        if jobs & source.jobs and (metric == "up" or (known is not None and known.required)):
            return source
    return None


def _source_of(written: Written, sources: Sequence[Source]) -> Source | str:
    """The source that an expression reads, or why there is none."""
    selectors = promql.selectors(written.rule.expr)
    jobs, metrics = jobs_of(written.rule), {s.name for s in selectors}
    if other := next((m for s in selectors for m in s.matchers if m.name == "job" and not is_job(m)), None):
        return f"`job{other.op}{promql.string(other.value)}` is about several jobs, and a signal is about one source"
    if len(jobs) > 1:
        return f"it reads several jobs ({', '.join(sorted(jobs))}), and a signal is about one source"
    having = [s for s in sources if (not jobs or jobs & s.jobs) and all(_gives(s, metric) for metric in metrics)]
    if not having and jobs:
        having = [s for s in sources if jobs & s.jobs]
    if len(having) == 1:
        return having[0]
    if having:
        return f"several sources give it ({', '.join(s.name for s in having)}), and it does not say which"
    if record := next((m for m in metrics if ":" in m), ""):
        return f"it reads the recording rule {record}, which stays where it is"
    return f"no source of the draft gives {', '.join(sorted(metrics - {''})) or 'what it reads'}"


def _gives(source: Source, metric: str) -> bool:
    return metric in source.exporter.metrics or _PART.sub("", metric) in source.exporter.metrics or metric == "up"


def _recognised(
    written: Written,
    apart: Comparison,
    source: Source,
    templates: Sequence[tuple[str, SignalDef, str | None, algebra.Template]],
) -> tuple[str, _Reading] | None:
    if apart.worse is None or source.own:
        return None
    core, factor, offset = algebra.linear(algebra.canonical(apart.tree, _labels_of(source.exporter)))
    for name, definition, given, template in templates:
        match = algebra.matched(template, core)
        if match is None or any(not is_job(m) for _, scope in match.scopes for m in scope):
            continue
        if given is not None and given not in match.numbers:
            continue
        # live = factor * core + offset; the signal = template.factor * core + template.offset
        threshold = float(template.factor * (algebra.exact(apart.threshold) - offset) / factor + template.offset)
        rising = (template.factor > 0) == (factor > 0)
        worse = apart.worse if rising else {"above": "below", "below": "above"}[apart.worse]
        if worse != definition.worse or threshold < 0 or (threshold == 0 and apart.op in (">", "<")):
            continue
        words = params_of(definition, match)
        return f"{source.name}.{name}", _Reading(written, threshold, worse, words)
    return None


def params_of(definition: SignalDef, match: algebra.Match) -> tuple[tuple[str, Any], ...]:
    """What a signal has to say so that its expression is the one that was matched."""
    words: list[tuple[str, Any]] = []
    params: dict[str, Any] = {}
    for name, value in sorted(match.numbers.items()):
        param = definition.params[name]
        if param.default is not None and units.parse(param.default, param.unit) == value:
            continue
        shown: Any = units.human(value, param.unit)
        if name == "quantile":
            words.append(("quantile", value))
        elif name == "capacity":
            words.append(("capacity", shown))
        else:
            params[name] = shown
    if params:
        words.append(("params", params))
    if match.window is not None and match.window != DEFAULT_WINDOW:
        words.append(("window", units.duration(match.window)))
    return tuple(words)


def _take_known(
    signals: Signals,
    known: Mapping[tuple[str, float, float], Sequence[_Reading]],
    sources: Sequence[Source],
    ladders: Mapping[str, Ladder],
) -> None:
    by_name = {source.name: source for source in sources}
    for (id_, for_, keep), readings in sorted(known.items(), key=lambda pair: (pair[0][0], -len(pair[1]), pair[0][1:])):
        prefix, _, name = id_.partition(".")
        definition = by_name[prefix].exporter.signals[name]
        same = [r for r in readings if r.words == readings[0].words]
        steps = [Step(r.threshold, severity_of(r.written.rule.labels.get("severity", ""))[0]) for r in same]
        if id_ in signals.specs or len(same) < len(readings):
            late = readings if id_ in signals.specs else [r for r in readings if r not in same]
            why = f"the signal {id_} has one `for` and one window, and another alert on it has taken them"
            signals.remarks += [r.written.remark(why) for r in late]
            if id_ in signals.specs:
                continue
        drafted = levels(
            steps, ladders[definition.ladder], definition.ladder, definition.unit, definition, definition.worse
        )
        if drafted is None:
            why = f"the ladder {definition.ladder!r} of {id_} has no place for {len(steps)} alerts at these thresholds"
            signals.remarks += [r.written.remark(why) for r in same]
            continue
        spec: dict[str, Any] = {**dict(readings[0].words), **drafted}
        spec |= times(for_, keep, definition.for_, definition.keep_firing_for)
        if definition.traffic and definition.min_traffic:
            spec["min_traffic"] = 0
        _say_runbook(spec, [r.written for r in same])
        signals.specs[id_] = spec
        signals.alerts += [(r.written, id_, r.threshold) for r in same]


def times(for_: float, keep: float, usual: float, usual_keep: float | None) -> dict[str, str]:
    """`for` and `keep_firing_for` in seconds, where they are not the usual ones."""
    spec = {}
    if for_ != usual:
        spec["for"] = units.duration(for_)
    if keep != (DEFAULT_KEEP_FIRING if usual_keep is None else usual_keep):
        spec["keep_firing_for"] = units.duration(keep)
    return spec


def _cannot_be_own(apart: Comparison) -> str:
    if apart.worse is None:
        return f"`{apart.op}` has no side: a level is where something gets worse upwards or downwards"
    if apart.threshold < 0:
        return "a level cannot be negative"
    return ""


def _take_own(
    signals: Signals, source: str, members: Sequence[tuple[Written, Comparison, str]], ladders: Mapping[str, Ladder]
) -> None:
    first, apart, template = members[0]
    unit = _unit(apart)
    steps = [Step(a.threshold, severity_of(w.rule.labels.get("severity", ""))[0]) for w, a, _ in members]
    drafted = levels(steps, ladders["utilisation"], "utilisation", unit, None, str(apart.worse))
    if drafted is None:
        why = "another alert begins at the same threshold, and a level has one severity"
        signals.remarks += [w.remark(why) for w, _, _ in members]
        return
    called = _snake(first.rule.name)
    base = f"{source}.{word(called)}"
    id_ = next(i for i in (base, *(f"{base}_{n}" for n in range(2, 1000))) if i not in signals.specs)
    spec: dict[str, Any] = {"title": called.replace("_", " ").capitalize()}
    spec |= _texts(signals, first)
    spec |= {"source": source, "expr": template, "unit": unit, "ladder": "utilisation"}
    if apart.worse == "below":
        spec["worse"] = "below"
    spec |= drafted
    spec |= times(first.rule.for_, first.rule.keep_firing_for, 300.0, None)
    _say_runbook(spec, [w for w, _, _ in members])
    signals.specs[id_] = spec
    signals.alerts += [(w, id_, a.threshold) for w, a, _ in members]


def _snake(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_") or "alert"


def _texts(signals: Signals, written: Written) -> dict[str, str]:
    """What people wrote for whoever is paged. A text with templates in it would be shown as it stands."""
    notes, spec = written.rule.annotations, {}
    for key, names in (("about", ("description", "message", "summary")), ("action", ("action", "runbook"))):
        text = next((notes[name] for name in names if notes.get(name) and "{{" not in notes[name]), "")
        if text and len(text) <= 4096 and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
            spec[key] = text
    if dropped := sorted(name for name, text in notes.items() if "{{" in text):
        signals.remarks.append(written.remark(f"the templates in its {' and '.join(dropped)} are capgen's own here"))
    return spec


def _say_runbook(spec: dict[str, Any], members: Sequence[Written]) -> None:
    links = {w.rule.annotations.get("runbook_url", "") for w in members}
    link = links.pop() if len(links) == 1 else ""
    if link and "{{" not in link:
        spec["runbook"] = link


def _unit(apart: Comparison) -> str:
    names = {s.name for s in promql.selectors(apart.tree)}
    tree = apart.tree
    if isinstance(tree, Call) and tree.function == "histogram_quantile":
        return "seconds" if all(name.endswith("_seconds_bucket") for name in names) else "short"
    calculated = any(isinstance(node, (Binary, Call)) for node in promql.walk(tree))
    if calculated:
        return "short"
    for suffix, unit in (("_seconds", "seconds"), ("_bytes", "bytes"), ("_ratio", "ratio")):
        if all(name.endswith(suffix) for name in names):
            return unit
    return "short"
