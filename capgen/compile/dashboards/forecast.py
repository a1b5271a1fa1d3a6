"""Forecast and cost: the row that is opened for planning.

PromQL evaluates a prediction at the present instant, so a curve of predictions lies a horizon too early. Predictions
are numbers here, with the horizon in words; the curves that honour seasons are `capgen forecast`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from capgen import markdown, naming, promql, units
from capgen.blueprint import Signal
from capgen.blueprint.dashboards import Override, Panel, Step, Target, Transformation
from capgen.compile.dashboards.glance import DAY, NOT_IN_SIGHT, ROOM, ROOM_LINES, TIME, headroom, until
from capgen.compile.dashboards.money import Money
from capgen.compile.dashboards.signals import DASHED, RECORDED, SUMMED, series, unit_of
from capgen.compile.rules import paging_level
from capgen.spec.operations import PlanningSpec

HORIZON = 30 * DAY
_EXEMPT = (("target-job-rule", RECORDED), ("target-instance-rule", SUMMED))


def forecast_keys(planning: PlanningSpec | None) -> list[str]:
    """The keys of the panels that there may be."""
    sized = sorted(planning.capacity) if planning else []
    return [
        *(["forecast/full"] if _told_ahead(planning) else []),
        "forecast/table",
        "forecast/headroom",
        "forecast/horizon",
        "cost/unit",
        *(f"capacity/{name}" for name in sized),
    ]


def _told_ahead(planning: PlanningSpec | None) -> bool:
    return planning is not None and bool(
        planning.lead_time or any(volume.lead_time for volume in planning.storage.values())
    )


def forecast_panels(
    service: str, planning: PlanningSpec | None, signals: Sequence[Signal], money: Money, ids: Mapping[str, int]
) -> Iterator[Panel]:
    """What is left of each signal and how long, the demand against what it is sized for, and the cost of a request."""
    if any(paging_level(signal) is not None for signal in signals):
        yield from _headroom(service, planning, ids)
    if _told_ahead(planning):
        yield _full(service, ids)
    by_id = {signal.id: signal for signal in signals}
    for name, amount in sorted(planning.capacity.items()) if planning else ():
        if name in by_id:
            with suppress(units.BadQuantity):  # it has a finding of its own
                yield _sized(service, by_id[name], units.parse(amount, by_id[name].unit), ids)
    requests = next((s for s in signals if s.id.endswith(".throughput")), None)
    if money.measured is not None and requests is not None:
        total, rate = f"sum({series(service, money.measured)})", f"sum({series(service, requests)})"
        yield Panel(
            key="cost/unit", id=ids["cost/unit"], type="timeseries", title=f"Cost of 1,000 requests{money.suffix}",
            description=(
                "What the service costs an hour for each 1,000 requests that it answers in that hour.\n\nWhat to do: when it "
                "rises while the load does not, pods stand idle: lower the requests or the minimum of replicas."
            ),
            width=12, height=8, targets=(Target(f"{total} / ({rate} * 3.6 > 0)", "1,000 requests"),), unit=money.unit,
            minimum=0.0, decimals=4, exempt=_EXEMPT,
        )  # fmt: skip


def _headroom(service: str, planning: PlanningSpec | None, ids: Mapping[str, int]) -> Iterator[Panel]:
    room = headroom(service)
    yield Panel(
        key="forecast/table", id=ids["forecast/table"], type="table", title="What is left of each signal, and how long",
        description=(
            "The distance of each signal from the level that calls somebody, and when the last day's trend reaches it. No time "
            "means that it does not rise.\n\nWhat to do: begin with the first row; its panel says what helps."
        ),
        width=12, height=10,
        targets=(
            Target(f"sort(min by (signal) ({room}))", "", instant=True, format="table"),
            Target(until(room, "signal"), "", instant=True, format="table"),
        ),
        unit="percentunit", decimals=0, steps=ROOM,
        transformations=(
            Transformation("merge", {}),
            Transformation("organize", {"excludeByName": {"Time": True}, "renameByName": {"signal": "Signal", "Value #A": "Headroom", "Value #B": "Time to the level"}}),
            Transformation("sortBy", {"sort": [{"field": "Headroom", "desc": False}]}),
        ),
        overrides=(
            Override("byName", "Headroom", (("custom.cellOptions", {"type": "color-text"}),)),
            Override("byName", "Time to the level", (("unit", "dtdurations"), ("thresholds", {"mode": "absolute", "steps": [{"color": "text", "value": None}]}))),
        ),
        exempt=_EXEMPT,
    )  # fmt: skip
    yield Panel(
        key="forecast/headroom", id=ids["forecast/headroom"], type="timeseries", title="Headroom of each signal",
        description=(
            f"The distance of each signal from the level that calls somebody.\n\n{ROOM_LINES}\n\nWhat to do: plan for the one that "
            "falls from week to week, whatever the days between do."
        ),
        width=12, height=10, targets=(Target(f"min by (signal) ({room})", "{{signal}}"),), unit="percentunit",
        soft_maximum=1.0, decimals=1, steps=ROOM, exempt=_EXEMPT,
    )  # fmt: skip
    ahead = planning.forecast.horizon if planning and planning.forecast and planning.forecast.horizon else HORIZON
    span = units.duration(ahead)
    limited = headroom(service, ladder="utilisation")
    yield Panel(
        key="forecast/horizon", id=ids["forecast/horizon"], type="stat", title=f"Headroom in {span}",
        description=(
            f"The least headroom among the limited resources {span} from now, if the last week's trend goes on in a straight "
            "line.\n\nWhat to do: if it is below 0 %, ask `capgen forecast` for the range of dates, and plan the step before it."
        ),
        width=6, height=6, targets=(Target(f"bottomk(1, predict_linear({limited}[1w], {units.number(ahead)}))", "{{signal}}", instant=True),),
        unit="percentunit", decimals=0, steps=ROOM, named=True, exempt=_EXEMPT,
    )  # fmt: skip


def _full(service: str, ids: Mapping[str, int]) -> Panel:
    scope = promql.matchers({naming.SERVICE: service})
    return Panel(
        key="forecast/full", id=ids["forecast/full"], type="stat", title="Full in",
        description=(
            "When each signal with a lead time is at its limit, by what the last week had more than the week before. A signal that "
            "is not here does not grow.\n\nWhat to do: ask `capgen plan` for the range of dates, and begin before the lead time is over."
        ),
        width=6, height=6, targets=(Target(f"sort(min by (signal) ({naming.FULL_IN}{{{scope}}}))", "{{signal}}", instant=True),),
        unit="dtdurations", decimals=0, steps=TIME, named=True, no_value=NOT_IN_SIGHT, exempt=_EXEMPT,
    )  # fmt: skip


def _sized(service: str, signal: Signal, capacity: float, ids: Mapping[str, int]) -> Panel:
    measured, limit = series(service, signal), units.human(capacity, signal.unit)
    name = f"sized for {limit}"
    constant = (
        f'label_replace(vector({units.number(capacity)}), "{naming.LEVEL}", "{name}", "", "") and on () {measured}'
    )
    return Panel(
        key=f"capacity/{signal.id}", id=ids[f"capacity/{signal.id}"], type="timeseries",
        title=markdown.plain(f"{signal.title}, against what it is sized for"),
        description=(
            f"{markdown.inline(signal.title)}, and the {limit} that the plan says the service can take.\n\nWhat to do: when the "
            "peaks come near the line, run a load test and move the line or add capacity."
        ),
        width=12, height=8, targets=(Target(f"sum({measured})", "asked for"), Target(constant, "{{level}}")),
        unit=unit_of(signal), minimum=0.0, steps=(Step("green", None), Step("red", capacity)),
        overrides=(Override("byFrameRefID", "B", DASHED),), exempt=_EXEMPT,
    )  # fmt: skip
