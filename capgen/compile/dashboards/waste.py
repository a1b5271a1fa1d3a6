"""What a workload asks for and does not use, by container: a request is paid for whether it is used or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from capgen import markdown
from capgen.blueprint import Signal
from capgen.blueprint.dashboards import Override, Panel, Target, Transformation
from capgen.compile.dashboards.kubernetes import ELSEWHERE, requested, used
from capgen.compile.dashboards.money import HOURS, Money
from capgen.compile.dashboards.signals import selected
from capgen.compile.sources import Bound

GIB = 2**30
_RESOURCES = (("cpu", "CPU", "short", 1), ("memory", "Memory", "bytes", GIB))
"""Each with the words and the unit of its columns, and with how much of it has the price that is measured."""


def waste_keys(sources: Sequence[Bound]) -> list[str]:
    """The keys of the tables that there may be."""
    return [f"waste/{bound.name}" for bound in sources if _tells(bound)]


def waste_panels(
    service: str, sources: Sequence[Bound], signals: Sequence[Signal], money: Money, ids: Mapping[str, int]
) -> Iterator[Panel]:
    """A table for each source that is bound to a workload and knows what its containers request and use."""
    for bound in sources:
        if _tells(bound):
            yield _table(service, bound, signals, money, ids)


def _tells(bound: Bound) -> bool:
    return bool(bound.spec.workload) and all(
        requested(bound, resource) and used(bound, resource) for resource, *_ in _RESOURCES
    )


def _table(service: str, bound: Bound, signals: Sequence[Signal], money: Money, ids: Mapping[str, int]) -> Panel:
    columns: list[tuple[str, str, str]] = []
    costs = []
    for resource, words, unit, size in _RESOURCES:
        asked, taken = requested(bound, resource), used(bound, resource)
        left = f"{asked} - on (container) {taken}"
        columns += [
            (f"{words} requested", unit, asked),
            (f"{words} used", unit, taken),
            (f"{words} unused", unit, left),
        ]
        price = next((s for s in signals if s.section == "cost" and s.id.endswith(f".{resource}_price")), None)
        if price is not None:
            each = f"avg({selected(service, price)}) * {HOURS}"
            costs.append(f"clamp_min({left}, 0) / {size} * on () group_left () ({each})")
    paid = len(costs) == len(_RESOURCES)
    if paid:
        columns.append((f"Unused, a month{money.suffix}", money.unit, " + on (container) ".join(costs)))
    renamed = {f"Value #{chr(ord('A') + place)}": name for place, (name, *_) in enumerate(columns)}
    priced = " The cost is that of a month like this moment, at the prices that are measured where the containers run."
    key = f"waste/{bound.name}"
    return Panel(
        key=key, id=ids[key], type="table", title=markdown.plain(f"Requested by {bound.spec.workload} and not used"),
        description=(
            "What all pods of the workload request, what they use now, and what is left. Below nothing, a container uses more than "
            f"it asked for.{priced if paid else ''}\n\nWhat to do: look at a busy hour, for what is unused then is waste; "
            "`capgen plan` says what to request."
        ),
        width=24, height=6, unit="short",
        targets=tuple(Target(expr, "", instant=True, format="table") for *_, expr in columns),
        transformations=(
            Transformation("merge", {}),
            Transformation("organize", {"excludeByName": {"Time": True}, "renameByName": {**renamed, "container": "Container"}}),
        ),
        overrides=tuple(
            Override("byName", name, (("unit", unit), *((("decimals", 2),) if unit != "bytes" else ()))) for name, unit, _ in columns
        ),
        exempt=ELSEWHERE,
    )  # fmt: skip
