"""A signal's levels: the ladder's names, the catalogue's numbers under the spec's, in order."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from capgen import units
from capgen.blueprint import Level
from capgen.blueprint.origin import Origin, Severity
from capgen.catalog.model import Ladder, SignalDef
from capgen.compile.context import Context
from capgen.diagnostics import suggest
from capgen.spec.sections import SignalSpec

_SEVERITIES: dict[str, Severity | None] = {
    "none": None, "info": "info", "warning": "warning", "critical": "critical", "emergency": "emergency",
}  # fmt: skip


def resolve_levels(
    context: Context,
    id_: str,
    words: SignalSpec,
    definition: SignalDef | None,
    *,
    ladder: str,
    unit: str,
    worse: Literal["above", "below"],
    top: float | None,
) -> tuple[Level, ...]:
    """The levels that have a threshold, mildest first. `top` is a histogram's last finite bound: no quantile
    computed from it ever passes that."""
    path = ("signals", id_)
    known = context.catalog.ladders.get(ladder)
    if known is None:
        context.error(
            "CG307",
            f"there is no ladder {ladder!r}",
            (*path, "ladder"),
            suggest(ladder, context.catalog.ladders, what="ladders"),
        )
        return ()
    names = list(known.levels)
    thresholds = _thresholds(context, path, words, definition, ladder, names)
    for name in sorted(words.severity.keys() - known.levels.keys()):
        context.error(
            "CG308",
            f"{ladder!r} has no level {name!r}",
            (*path, "severity", name),
            suggest(name, names, what="levels"),
            at_key=True,
        )
    levels: list[Level] = []
    for rank, name in enumerate(names):
        if name not in thresholds:
            continue
        given, origin = thresholds[name]
        value = _number(context, path, name, given, unit, unbounded=definition is None or definition.unbounded)
        if value is None:
            continue
        if top is not None and value >= top and worse == "above":
            message = f"{name}: {units.human(value, unit)} can never be passed: the histogram's last bucket ends at {units.human(top, unit)}"
            context.error(
                "CG317",
                message,
                (*path, "levels", name),
                "choose a lower level, or declare the source's own `buckets:`",
            )
        severity = _severity(words, known, name)
        if severity is not None and definition is not None and _always(value, unit, worse, definition):
            context.error(
                "CG617",
                f"{name}: {units.human(value, unit)} is reached at all times, so its alert would always fire",
                (*path, "levels", name),
                f"write a higher number, or remove the level with `{name}: null`"
                if worse == "above"
                else f"write a lower number, or remove the level with `{name}: null`",
            )
        levels.append(Level(name, value, severity, rank, origin))
    _check_order(context, path, levels, worse, unit)
    return tuple(levels)


def _thresholds(
    context: Context,
    path: tuple[str, str],
    words: SignalSpec,
    definition: SignalDef | None,
    ladder: str,
    names: list[str],
) -> dict[str, tuple[str | int | float, Origin]]:
    thresholds: dict[str, tuple[str | int | float, Origin]] = {}
    removed = "levels" in words.model_fields_set and words.levels is None
    if definition is not None and definition.ladder == ladder and not removed:
        origin = Origin(f"signals.{path[1]}.levels", None, "catalogue")
        thresholds = {name: (value, origin) for name, value in definition.levels.items() if value is not None}
    for name, value in (words.levels or {}).items():
        at = (*path, "levels", name)
        if name not in names:
            context.error(
                "CG308", f"{ladder!r} has no level {name!r}", at, suggest(name, names, what="levels"), at_key=True
            )
        elif name == names[0]:
            context.error(
                "CG308",
                f"{name!r} is where things are fine; it begins nowhere",
                at,
                f"give the levels after it: {', '.join(names[1:])}",
                at_key=True,
            )
        elif value is None:
            thresholds.pop(name, None)
        else:
            thresholds[name] = (value, context.origin(at))
    return thresholds


def _number(
    context: Context, path: tuple[str, str], name: str, given: str | float, unit: str, *, unbounded: bool
) -> float | None:
    at = (*path, "levels", name)
    try:
        value = units.parse(given, unit)
    except units.BadQuantity as error:
        context.bad_quantity(name, error, at)
        return None
    if value < 0:
        context.error("CG205", f"{name}: a level cannot be negative", at, f"write {units.UNITS[unit].examples}")
        return None
    if unit == "ratio" and value > 1 and not unbounded:
        bare = not isinstance(given, str) or "%" not in given
        context.error(
            "CG205",
            f"{name}: {units.human(value, unit)} is more than all of it",
            at,
            f"did you mean {given}%?" if bare and value <= 100 else "a share ends at 100%",
        )
        return None
    return value


def _always(value: float, unit: str, worse: str, definition: SignalDef) -> bool:
    """Whether nothing that the catalogue's signal can be is on the good side of the level."""
    return value <= 0 if worse == "above" else unit == "ratio" and value >= 1 and not definition.unbounded


def _severity(words: SignalSpec, ladder: Ladder, name: str) -> Severity | None:
    return _SEVERITIES[words.severity.get(name, ladder.levels[name])]


def _check_order(context: Context, path: tuple[str, str], levels: list[Level], worse: str, unit: str) -> None:
    """Notes the first level that is out of order: what follows it is measured against a wrong neighbour."""
    for milder, harsher in pairwise(levels):
        if harsher.threshold > milder.threshold if worse == "above" else harsher.threshold < milder.threshold:
            continue
        wanted, other = ("above", "below") if worse == "above" else ("below", "above")
        # Point at what the spec wrote: the catalogue's own numbers are in order.
        blamed = harsher if harsher.origin.layer != "catalogue" else milder
        message = f"{harsher.name} ({units.human(harsher.threshold, unit)}) has to begin {wanted} {milder.name} ({units.human(milder.threshold, unit)})"
        reversed_ = all((a.threshold > b.threshold) == (worse == "above") for a, b in pairwise(levels))
        hint = (
            f"reverse the numbers, or set `worse: {other}` if less is worse"
            if reversed_ and len(levels) > 2 and worse == "above"
            else "order the levels, or remove one with `null`"
        )
        context.error("CG309", message, (*path, "levels", blamed.name), hint)
        return
