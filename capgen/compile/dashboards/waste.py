"""What a workload asks for and does not use, by container: a request is paid for whether it is used or not.

What it costs is said where prices are known: measured by OpenCost, else declared by the plan, which prices nodes. A
container pays for the part of a node that it takes, by the resource that it takes most of, as in a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from capgen import markdown, units
from capgen.blueprint import Signal
from capgen.blueprint.dashboards import Override, Panel, Target, Transformation
from capgen.blueprint.planning import Planning
from capgen.compile.dashboards.kubernetes import ELSEWHERE, requested, used
from capgen.compile.dashboards.money import HOURS, Money
from capgen.compile.dashboards.signals import selected
from capgen.compile.sources import Bound

GIB = 2**30
_RESOURCES = (("cpu", "CPU", "short", 1), ("memory", "Memory", "bytes", GIB))
"""Each with the words and the unit of its columns, and with how much of it has the price that is measured."""

_SIZES = {"cpu": ("short", " cores"), "memory": ("bytes", "")}


def waste_keys(sources: Sequence[Bound]) -> list[str]:
    """The keys of the tables that there may be."""
    return [f"waste/{bound.name}" for bound in sources if _tells(bound)]


def waste_panels(
    service: str, sources: Sequence[Bound], signals: Sequence[Signal], money: Money, planning: Planning | None, ids: Mapping[str, int]
) -> Iterator[Panel]:  # fmt: skip
    """A table for each source that is bound to a workload and knows what its containers request and use."""
    for bound in sources:
        if _tells(bound):
            measured = _measured(service, bound, signals)
            yield _table(bound, money, measured or (_declared(bound, planning) if planning else None), ids)


def _tells(bound: Bound) -> bool:
    return bool(bound.spec.workload) and all(
        requested(bound, resource) and used(bound, resource) for resource, *_ in _RESOURCES
    )


def _unused(bound: Bound, resource: str) -> str:
    return f"{requested(bound, resource)} - on (container) {used(bound, resource)}"


def _measured(service: str, bound: Bound, signals: Sequence[Signal]) -> tuple[str, str] | None:
    """The cost of a month by the prices that a source measures, and words for where they are from."""
    costs = []
    for resource, _, _, size in _RESOURCES:
        price = next((s for s in signals if s.section == "cost" and s.id.endswith(f".{resource}_price")), None)
        if price is None:
            return None
        each = f"avg({selected(service, price)}) * {HOURS}"
        costs.append(f"clamp_min({_unused(bound, resource)}, 0) / {size} * on () group_left () ({each})")
    return " + on (container) ".join(costs), "Prices are those that are measured where the containers run."


def _declared(bound: Bound, planning: Planning) -> tuple[str, str] | None:
    """The cost of a month by what the plan says a node costs, and words for where that is from."""
    monthly, nodes, costs = planning.node_month, planning.nodes, planning.costs
    if monthly is None or nodes is None or costs is None:
        return None
    usable = {one.name: one.node * (1 - nodes.reserved) for one in nodes.resources}
    if not all(usable.get(resource) for resource, *_ in _RESOURCES):
        return None

    def part(of: Callable[[Bound, str], str]) -> str:
        shares = (
            f'label_replace({of(bound, resource)} / {units.number(float(usable[resource]))}, "resource", "{resource}", "", "")'
            for resource, *_ in _RESOURCES
        )
        return f"max by (container) ({' or '.join(shares)})"

    each = monthly.quantize(Decimal("0.01"))
    sizes = " and ".join(
        f"{units.human(float(one.node), _SIZES[one.name][0])}{_SIZES[one.name][1]}" for one in nodes.resources
    )
    said = ", ".join(text for text in (costs.source, f"as of {costs.as_of}" if costs.as_of else "") if text)
    words = (
        f"A container pays for the part of a node that it asks for, of CPU or of memory, whichever is more; the plan has nodes of {sizes} "
        f"at {each} {costs.currency} a month{f' ({said})' if said else ''}."
    )
    return (
        f"clamp_min({part(requested)} - on (container) {part(used)}, 0) * {units.number(float(each))}",
        markdown.inline(words),
    )


def _table(bound: Bound, money: Money, cost: tuple[str, str] | None, ids: Mapping[str, int]) -> Panel:
    columns: list[tuple[str, str, str]] = []
    for resource, words, unit, _ in _RESOURCES:
        columns += [
            (f"{words} requested", unit, requested(bound, resource)),
            (f"{words} used", unit, used(bound, resource)),
            (f"{words} unused", unit, _unused(bound, resource)),
        ]
    if cost is not None:
        columns.append((f"Unused, a month{money.suffix}", money.unit, cost[0]))
    renamed = {f"Value #{chr(ord('A') + place)}": name for place, (name, *_) in enumerate(columns)}
    priced = f" The cost is that of a month like this moment. {cost[1]}" if cost is not None else ""
    key = f"waste/{bound.name}"
    return Panel(
        key=key, id=ids[key], type="table", title=markdown.plain(f"Requested by {bound.spec.workload} and not used"),
        description=(
            "What all pods of the workload request, what they use now, and what is left. Below nothing, a container uses more than "
            f"it asked for.{priced}\n\nWhat to do: look at a busy hour, for what is unused then is waste; "
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
