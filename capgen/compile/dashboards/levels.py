"""A signal's levels as Grafana shows them: coloured steps, lines with their names, and words.

The numbers are the alerts' own; nothing here rounds or invents one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from capgen import markdown, promql, units
from capgen.blueprint import Level, Signal
from capgen.blueprint.dashboards import Override, Step, Target
from capgen.blueprint.origin import Severity

FINE = "green"
COLORS: Mapping[Severity | None, str] = {
    None: "semi-dark-green", "info": "blue", "warning": "yellow", "critical": "red", "emergency": "dark-red",
}  # fmt: skip
_POD = "pod"
LINES = "levels"
"""The label of the series that draw the levels."""


def steps(signal: Signal) -> tuple[Step, ...]:
    """Colours from the lowest value up. Where low is bad, what lies below a level is what the level is called."""
    if signal.worse == "above":
        return (Step(FINE, None), *(Step(COLORS[level.severity], level.threshold) for level in signal.levels))
    rising = sorted(signal.levels, key=lambda level: level.threshold)
    colors = [COLORS[level.severity] for level in rising] + [FINE]
    return (
        Step(colors[0], None),
        *(Step(color, level.threshold) for color, level in zip(colors[1:], rising, strict=True)),
    )


def name(signal: Signal, level: Level) -> str:
    """A level in words: `critical at 80%`."""
    return f"{level.name.replace('_', ' ')} at {units.human(level.threshold, signal.unit)}"


def sentence(signal: Signal) -> str:
    """All levels in a sentence, "" where there are none."""
    if not signal.levels:
        return ""
    side = "at or above" if signal.worse == "above" else "at or below"
    told = (
        f"{level.name.replace('_', ' ')} {side} {units.human(level.threshold, signal.unit)}"
        + (f" ({level.severity})" if level.severity and level.severity != level.name else "")
        for level in signal.levels
    )
    return f"Levels: {', '.join(told)}."


def amounts(
    signal: Signal, measured: str, share: Signal, part: str, fixed: Collection[str]
) -> Iterator[tuple[Target, str]]:
    """The levels of a `share` as lines over its amount, each with its colour: what `measured` comes to at each of them.
    `part` are the series of the share, with the same labels. The pods of a workload have one limit, so it is one line."""
    merged = [label for label in signal.labels if label != _POD] or list(signal.labels)
    apart = " ".join(f"{{{{{label}}}}}" for label in merged if label not in fixed)
    limit = f"max by ({', '.join(merged)}) ({measured} / on ({', '.join(signal.labels)}) ({part} > 0))"
    for level in share.levels:
        if level.severity is not None:
            legend = markdown.plain(f"{apart} {name(share, level)}".strip())
            yield Target(f"{units.number(level.threshold)} * {limit}", legend), COLORS[level.severity]


def mirrored(signal: Signal, measured: str) -> Iterator[tuple[Target, str]]:
    """The levels as lines for what is drawn downwards, each with its colour: Grafana's own lines are above only."""
    for level in signal.levels:
        if level.severity is not None:
            line = f"vector({units.number(level.threshold)}) and on () {measured}"
            yield Target(line, f"{name(signal, level)}, downwards"), COLORS[level.severity]


def lines(signal: Signal, measured: str) -> tuple[Target, tuple[Override, ...]] | None:
    """The levels that are told as series of their own, so that the legend names what the dashed lines are; None
    without any. They are there only while something is `measured`, so that missing data shows as missing."""
    told = [level for level in signal.levels if level.severity is not None]
    if not told:
        return None
    constants = (
        f'label_replace(vector({units.number(level.threshold)}), "{LINES}", {promql.string(name(signal, level))}, "", "")'
        for level in told
    )
    target = Target(f"({' or '.join(constants)}) and on () {measured}", f"{{{{{LINES}}}}}")
    colors = (
        Override("byName", name(signal, level), (("color", {"mode": "fixed", "fixedColor": COLORS[level.severity]}),))
        for level in told
    )
    # Grafana itself draws the dashed line at each step.
    quiet = (
        ("custom.lineWidth", 0),
        ("custom.fillOpacity", 0),
        ("custom.hideFrom", {"legend": False, "tooltip": True, "viz": False}),
    )
    return target, (Override("byFrameRefID", "B", quiet), *colors)
