"""The first row: is it well, how long will it be, how far can it still scale, what does it cost; and what fires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from capgen import markdown, naming, promql, units
from capgen.blueprint import Hpa, Signal
from capgen.blueprint.dashboards import Link, Override, Panel, Step, Target
from capgen.compile.dashboards import levels
from capgen.compile.dashboards.kubernetes import Cluster
from capgen.compile.dashboards.money import Money, cost_panel
from capgen.compile.dashboards.signals import RECORDED, SUMMED, description, exempt, selected, unit_of
from capgen.compile.rules import paging_level

DAY, WEEK, MONTH = 86400.0, 604800.0, 2592000.0
COLUMNS, _FEW = 24, 3
ROOM = (Step("red", None), Step("yellow", 0.0), Step("green", 0.15))
"""Below nothing somebody has been called already."""
ROOM_LINES = "Lines: at 0 % somebody is called, below 15 % it is close."
TIME = (Step("red", None), Step("yellow", WEEK), Step("green", MONTH))
NOT_IN_SIGHT = "not in sight"


def headroom(service: str, *, ladder: str = "") -> str:
    """The headroom records of a service; of all signals, or of those of a ladder."""
    scope = {naming.SERVICE: service} | ({naming.LADDER: ladder} if ladder else {})
    return f"{naming.HEADROOM}{{{promql.matchers(scope)}}}"


def until(room: str, by: str = "") -> str:
    """When the straight line through the last day reaches the level: seconds, nothing where it never does.

    Headroom is a straight function of the value, so its own trend says it for every signal alike. A day, because
    over less the daily rise of the morning looks like growth.
    """
    grouping = f" by ({by})" if by else ""
    ranged = f"{room}[1d]"
    return f"clamp_min(min{grouping} ({room} / (-1 * deriv({ranged}) > 0)), 0)"


def glance_panels(
    service: str,
    uid: str,
    ids: Mapping[str, int],
    signals: Sequence[Signal],
    hpas: Sequence[Hpa],
    cluster: Cluster,
    money: Money,
) -> list[Panel]:
    """The panels of the first row, each only where its source is declared."""
    panels = []
    if any(paging_level(signal) is not None for signal in signals):
        panels += [_headroom(service, ids), _time_to_limit(service, ids)]
    if hpas:
        panels.append(_replicas(hpas, cluster, ids))
    for key, chosen in (("glance/latency", _latency(signals)), ("glance/errors", _errors(signals))):
        if chosen is not None:
            panels.append(_against_level(service, uid, key, chosen, ids))
    if (cost := cost_panel(service, money, ids)) is not None:
        panels.append(cost)
    return _filled(panels, _alerts(service, ids))


def _filled(stats: Sequence[Panel], alerts: Panel) -> list[Panel]:
    """The first line without a gap: up to three numbers leave room for the alerts beside them, more share the line."""
    room = COLUMNS - sum(panel.width for panel in stats)
    if len(stats) <= _FEW:
        return [*stats, replace(alerts, width=room)]
    share, rest = divmod(COLUMNS, len(stats))
    return [*(replace(panel, width=share + (place < rest)) for place, panel in enumerate(stats)), alerts]


def _headroom(service: str, ids: Mapping[str, int]) -> Panel:
    return _stat(
        ids, "glance/headroom", "Worst headroom",
        "How far the signal that is worst off is from the level that calls somebody, as a share of that level; below "
        "0 % it has been reached.\n\nWhat to do: open the signal that is named; its panel says what helps.",
        (Target(f"bottomk(1, {headroom(service)})", "{{signal}}", instant=True),),
        unit="percentunit", decimals=0, steps=ROOM, named=True,
    )  # fmt: skip


def _time_to_limit(service: str, ids: Mapping[str, int]) -> Panel:
    return _stat(
        ids, "glance/time", "Time to the limit",
        "When the first limited resource reaches the level that calls somebody, if the last day's trend goes on. A "
        "straight line knows no weekends: `capgen forecast` does.\n\nWhat to do: below a week, add capacity now; below a "
        "month, plan it.",
        (Target(until(headroom(service, ladder="utilisation")), "until the level", instant=True),),
        unit="dtdurations", steps=TIME, no_value=NOT_IN_SIGHT,
    )  # fmt: skip


def _replicas(hpas: Sequence[Hpa], cluster: Cluster, ids: Mapping[str, int]) -> Panel:
    now = " + ".join(f"sum({cluster.hpa('status_current_replicas', hpa)})" for hpa in hpas)
    most = sum(hpa.max_replicas for hpa in hpas)
    ceiling = Override("byName", "at most", (("color", {"mode": "fixed", "fixedColor": "text"}),))
    return _stat(
        ids, "glance/replicas", "Replicas",
        f"The pods that run, and the most that the autoscaler may have ({most}).\n\nWhat to do: at the maximum it "
        "cannot follow the load any further: raise it if the nodes have room, or make a pod do more.",
        (
            Target(now, "now", instant=True),
            Target(" + ".join(f"sum({cluster.hpa('spec_max_replicas', hpa)})" for hpa in hpas), "at most", instant=True),
        ),
        unit="short", decimals=0, steps=(Step("green", None), Step("red", float(most))), named=True, overrides=(ceiling,),
        exempt=cluster.exempt,
    )  # fmt: skip


def _latency(signals: Sequence[Signal]) -> Signal | None:
    return next((s for s in signals if s.section == "latency" and s.ladder == "quality" and s.levels), None)


def _errors(signals: Sequence[Signal]) -> Signal | None:
    return next(
        (s for s in signals if s.section == "demand" and s.ladder == "quality" and s.unit == "ratio" and s.levels), None
    )


def _against_level(service: str, uid: str, key: str, signal: Signal, ids: Mapping[str, int]) -> Panel:
    level = paging_level(signal)
    # Six stand side by side, so a title has room for about twenty characters; the description names the level.
    sign = "<" if signal.worse == "above" else ">"
    limit = f" {sign} {units.human(level.threshold, signal.unit)}" if level else ""
    worst = "max" if signal.worse == "above" else "min"
    return _stat(
        ids, key, markdown.plain(signal.title) + limit, description(signal),
        (Target(f"{worst}({selected(service, signal)})", "now", instant=True),),
        unit=unit_of(signal), steps=levels.steps(signal),
        data_links=(panel_link(uid, ids[signal.id]),), exempt=(*exempt(signal)[:1], ("target-instance-rule", SUMMED)),
    )  # fmt: skip


def panel_link(uid: str, panel: int) -> Link:
    """A link to one panel, over the same time and data source."""
    return Link("Show over time", f"/d/{uid}?viewPanel={panel}&${{datasource:queryparam}}&${{__url_time_range}}")


def _alerts(service: str, ids: Mapping[str, int]) -> Panel:
    return Panel(
        key="glance/alerts",
        id=ids["glance/alerts"],
        type="alertlist",
        title="What fires",
        description="The alerts of this service that fire or are about to.\n\nWhat to do: each says so in its `action`.",
        width=24,
        height=4,
        matching=f"{{{naming.SERVICE}={promql.string(service)}}}",
    )


def _stat(
    ids: Mapping[str, int],
    key: str,
    title: str,
    text: str,
    targets: tuple[Target, ...],
    *,
    unit: str,
    steps: tuple[Step, ...],
    decimals: int | None = None,
    named: bool = False,
    no_value: str = "",
    overrides: tuple[Override, ...] = (),
    data_links: tuple[Link, ...] = (),
    exempt: tuple[tuple[str, str], ...] = (("target-job-rule", RECORDED), ("target-instance-rule", SUMMED)),
) -> Panel:
    return Panel(
        key=key, id=ids[key], type="stat", title=title, description=text, width=4, height=4, targets=targets, unit=unit,
        decimals=decimals, steps=steps, named=named, no_value=no_value, overrides=overrides, data_links=data_links,
        exempt=exempt,
    )  # fmt: skip
