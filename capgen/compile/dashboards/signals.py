"""The panel of a signal: its recorded series, its levels, what to do, and where to look further."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import cycle
from urllib.parse import quote

from msgspec import Struct

from capgen import markdown, naming, promql, units
from capgen.blueprint import Signal
from capgen.blueprint.dashboards import Link, Override, Panel, PanelType, Target, ValueText
from capgen.compile.dashboards import levels
from capgen.compile.sources import Bound

_STATES: Mapping[str, tuple[ValueText, ...]] = {
    "below": (ValueText("1", "yes", "green"), ValueText("0", "no", "red")),
    "above": (ValueText("1", "yes", "red"), ValueText("0", "no", "green")),
}
"""What a state's panel says of its two values, by which of them is the worse."""
RECORDED = "reads series that capgen records, which carry the service and the source and not the job"
SUMMED = "its series are sums over all instances"
DASHED = (("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}), ("custom.fillOpacity", 0), ("custom.lineWidth", 2))
DOWNWARDS = ("custom.transform", "negative-Y")
BESIDE = ("purple", "semi-dark-orange", "light-blue")
"""Colours of what is drawn beside a signal: none that a level has."""
_UNITS: Mapping[str, str] = {"throughput": "reqps", "disk_iops": "iops"}
_SAFE = "/:?#@!&'()*+,;=%~"


class Related(Struct, frozen=True):
    """What a signal's panel also shows. `opposite`: the signal of the other direction, drawn downwards; `downwards`: the
    label and the value of those of its own series that are; `share`: the signal whose levels are lines here, as amounts."""

    opposite: Signal | None = None
    share: Signal | None = None
    downwards: tuple[str, str] | None = None


ALONE = Related()


def series(service: str, signal: Signal, only: str = "") -> str:
    """The recorded series of a signal, of the instances that are chosen; `only` those with a further matcher."""
    return selected(service, signal, instances="instance" in signal.labels, only=only)


def selected(service: str, signal: Signal, *, instances: bool = False, only: str = "") -> str:
    """The recorded series of a signal, of all instances unless those that are chosen are wanted."""
    scope = f"{naming.SERVICE}={promql.string(service)},{naming.SOURCE}={promql.string(signal.source)}"
    chosen = f"instance=~{promql.string('$instance')}" if instances else ""
    return f"{signal.record}{{{','.join(part for part in (scope, only, chosen) if part)}}}"


def unit_of(signal: Signal) -> str:
    """Grafana's unit for the signal's values."""
    if signal.unit == "per_second":
        return _UNITS.get(signal.id.partition(".")[2], "ops")
    return units.UNITS[signal.unit].grafana


def legend(signal: Signal, fixed: Collection[str] = ()) -> str:
    """The labels that tell its series apart; its name where there is one series only. A label that the source holds
    `fixed` tells nothing, and a legend has little room."""
    apart = [label for label in signal.labels if label not in fixed]
    return " ".join(f"{{{{{label}}}}}" for label in apart) or signal.id.partition(".")[2].replace("_", " ")


def signal_panel(
    service: str, signal: Signal, id_: int, *, title: str, width: int, runbook: str, beside: Sequence[Signal] = (),
    related: Related = ALONE, fixed: Collection[str] = (),
) -> Panel:  # fmt: skip
    """The panel. `beside`: signals without levels that are read together with this one, drawn in the same panel;
    `fixed`: labels that have one value on all series of the source."""
    state = signal.record.endswith(":state")
    opposite, share, downwards = related.opposite, related.share, related.downwards
    upwards = f"{downwards[0]}!={promql.string(downwards[1])}" if downwards else ""
    measured = series(service, signal, upwards)
    # On which side of nothing a series is says its direction.
    targets = [Target(measured, legend(signal, {*fixed, *(downwards or ())[:1]}))]
    overrides: tuple[Override, ...] = ()
    drawn = None if state else levels.lines(signal, series(service, signal))
    if drawn is not None:
        targets.append(drawn[0])
        overrides = drawn[1]
    for other, color in zip(beside, cycle(BESIDE)):
        if not signal.labels:
            overrides += (
                Override("byFrameRefID", _next(targets), (("color", {"mode": "fixed", "fixedColor": color}),)),
            )
        targets.append(Target(series(service, other), markdown.plain(legend(other, fixed))))
    about = description(signal)
    if opposite is not None:
        targets[0] = Target(measured, _directed(signal, fixed))
        overrides += (Override("byFrameRefID", _next(targets), (DOWNWARDS,)),)
        targets.append(Target(series(service, opposite), _directed(opposite, fixed)))
        about = f"{markdown.inline(f'Downwards: {opposite.title}.')}\n\n{about}"
    if downwards is not None:
        label, value = downwards
        below = series(service, signal, f"{label}={promql.string(value)}")
        overrides += (Override("byFrameRefID", _next(targets), (DOWNWARDS, _hidden(tooltip=False))),)
        targets.append(Target(below, legend(signal, fixed)))
        about = f"{markdown.inline(f'Downwards: {value}.')}\n\n{about}"
        for line, color in levels.mirrored(signal, below):
            mirrored = (*DASHED, DOWNWARDS, _hidden(tooltip=True), ("color", {"mode": "fixed", "fixedColor": color}))
            overrides += (Override("byFrameRefID", _next(targets), mirrored),)
            targets.append(line)
    if share is not None:
        for line, color in levels.amounts(signal, measured, share, series(service, share), fixed):
            drawing = (*DASHED, ("color", {"mode": "fixed", "fixedColor": color}))
            overrides += (Override("byFrameRefID", _next(targets), drawing),)
            targets.append(line)
        about = f"{about}\n\n{markdown.inline(f'Dashed: the levels of {share.title}, as amounts.')}"
    kind: PanelType = "state-timeline" if state else "timeseries"
    ratio = signal.unit == "ratio" and not state
    return Panel(
        key=signal.id,
        id=id_,
        type=kind,
        title=markdown.plain(title),
        description=about,
        width=width,
        height=8,
        targets=tuple(targets),
        unit="" if state else unit_of(signal),
        minimum=0.0 if opposite is None and downwards is None else None,
        soft_maximum=1.0 if ratio and signal.ladder == "utilisation" else None,
        decimals=1 if ratio and signal.ladder == "utilisation" else None,
        steps=levels.steps(signal),
        values=_STATES[signal.worse] if state else (),
        overrides=overrides,
        links=links(runbook),
        data_links=(Link("What it is computed from, in Explore", explore(signal.expr)),),
        signal=signal.id,
        exempt=exempt(signal),
    )


def _hidden(*, tooltip: bool) -> tuple[str, dict[str, bool]]:
    """Drawn, and not in the legend, which has room for one side."""
    return "custom.hideFrom", {"legend": True, "tooltip": tooltip, "viz": False}


def _next(targets: Sequence[Target]) -> str:
    """The letter of the query that is added next."""
    return chr(ord("A") + len(targets))


def _directed(signal: Signal, fixed: Collection[str]) -> str:
    """The legend of one of two directions: both have the same labels."""
    name = signal.id.partition(".")[2].replace("_", " ")
    apart = legend(signal, fixed)
    return markdown.plain(name if apart == name else f"{apart} {name}")


def is_share_of_a_limit(signal: Signal) -> bool:
    """Whether its values are parts of something that can be full, such as a pool; a share of events has `traffic`."""
    share = signal.unit == "ratio" and signal.ladder == "utilisation" and signal.worse == "above"
    return share and bool(signal.levels) and not signal.traffic and not signal.record.endswith(":state")


def now_panel(
    service: str, signal: Signal, id_: int, *, title: str, runbook: str, fixed: Collection[str] = ()
) -> Panel:  # fmt: skip
    """How full each pool is now, as bars beside the signal's curve; with the levels that the curve has."""
    about = markdown.inline(f"{signal.title}, as it is now: a bar for each, and a full bar is a full pool.")
    act = markdown.inline(signal.action) or "See in the curve beside it since when."
    return Panel(
        key=f"{signal.id}/now",
        id=id_,
        type="bargauge",
        title=markdown.plain(f"Now: {title}"),
        description="\n\n".join((about, levels.sentence(signal), f"What to do: {act}")),
        width=4,
        height=8,
        targets=(Target(series(service, signal), legend(signal, fixed), instant=True),),
        unit=unit_of(signal),
        minimum=0.0,
        maximum=1.0,
        decimals=0,
        steps=levels.steps(signal),
        links=links(runbook),
        data_links=(Link("What it is computed from, in Explore", explore(signal.expr)),),
        exempt=exempt(signal),
    )


def heatmap_panel(service: str, signal: Signal, bound: Bound, id_: int, *, title: str, runbook: str) -> Panel | None:
    """How the requests behind a quantile are spread; None where there is no histogram."""
    metric = next((name for name in signal.metrics if name.endswith("_bucket")), "")
    if not metric:
        return None
    scope = bound.matchers(metric)
    if 'job="' in scope:
        scope += ',job=~"$job",instance=~"$instance"'
    return Panel(
        key=f"{signal.id}/spread",
        id=id_,
        type="heatmap",
        title=markdown.plain(f"{title}: how it is spread"),
        description=(
            "Each column is a moment, each cell a bucket of the histogram: the more requests took that long, the "
            "stronger its colour. Two bands mean two kinds of request; a quantile shows neither.\n\n"
            "What to do: when a second band appears, see in Explore which instances or routes it is made of."
        ),
        width=12,
        height=8,
        targets=(Target(f"sum by (le) (rate({metric}{{{scope}}}[$__rate_interval]))", "{{le}}", format="heatmap"),),
        unit="s",
        links=links(runbook),
        data_links=(
            Link(
                "By instance, in Explore",
                explore(f"sum by (instance, le) (rate({metric}{{{bound.matchers(metric)}}}[5m]))"),
            ),
        ),
    )


def description(signal: Signal) -> str:
    """What it is, from when on it is bad, and what to do then; as Markdown."""
    about = markdown.inline(signal.description or signal.title)
    act = markdown.inline(signal.action) or "Compare with the hours before, and with what was deployed or changed then."
    return "\n\n".join(part for part in (about, levels.sentence(signal), f"What to do: {act}") if part)


def links(runbook: str) -> tuple[Link, ...]:
    """The runbook, if it is an address."""
    return (Link("Runbook", address(runbook)),) if runbook.startswith(("http://", "https://")) else ()


@lru_cache(maxsize=256)  # one runbook on every panel
def address(url: str) -> str:
    """A URL in which Grafana finds no variable and a browser nothing but a URL."""
    return quote(url, safe=_SAFE)


def explore(expr: str) -> str:
    """A link to Grafana's Explore with an expression, over the same time and data source."""
    query = _quoted(expr)
    source = "%22datasource%22:%22${datasource}%22"
    typed = "%22datasource%22:%7B%22type%22:%22prometheus%22,%22uid%22:%22${datasource}%22%7D"
    span = "%22range%22:%7B%22from%22:%22${__from}%22,%22to%22:%22${__to}%22%7D"
    pane = f"%7B{source},%22queries%22:%5B%7B%22refId%22:%22A%22,%22expr%22:{query},{typed}%7D%5D,{span}%7D"
    return f"/explore?schemaVersion=1&panes=%7B%22a%22:{pane}%7D"


def _quoted(expr: str) -> str:
    """A JSON string, for the query of a URL. Nearly all expressions are plain ASCII, and there are thousands: what stands
    within their braces comes back in the service, and what stands outside in others."""
    if expr.isascii() and expr.isprintable():
        pieces = ("%7D".join(map(_escaped, piece.split("}"))) for piece in expr.split("{"))
        return f"%22{'%7B'.join(pieces)}%22"
    return quote(json.dumps(expr, ensure_ascii=False), safe="")


@lru_cache(maxsize=512)
def _escaped(text: str) -> str:
    return quote(json.dumps(text)[1:-1], safe="")


def exempt(signal: Signal) -> tuple[tuple[str, str], ...]:
    """The linter's rules that a panel of recorded series cannot keep."""
    rules = [("target-job-rule", RECORDED)]
    if "instance" not in signal.labels:
        rules.append(("target-instance-rule", SUMMED))
    return tuple(rules)
