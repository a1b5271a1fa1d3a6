"""What is delivered and how it is, for a person and as JSON.

Somebody who is paged wants to know first whether what runs is what the specs say, and what the controllers make of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from capgen.reconcile.health import Health
from capgen.reconcile.plan import Action, Change, Plan
from capgen.report.color import Style, painted
from capgen.report.plan import ENDLESS, drift_lines, field_data, hung
from capgen.report.visible import visible

if TYPE_CHECKING:
    from capgen.targets.grafana import Shown
    from capgen.targets.rules import RuleGroup

_SHOWN: dict[Action, tuple[str, Style, str]] = {
    Action.UNCHANGED: ("=", "green", "as the spec says"), Action.CREATE: ("!", "red", "missing"),
    Action.UPDATE: ("~", "yellow", "differs"), Action.CONFLICT: ("!", "red", "held by somebody else"),
    Action.BLOCKED: ("!", "red", "cannot be delivered"), Action.DELETE: ("?", "yellow", "left over"),
    Action.EXTRA: ("?", "dim", "left over"),
}  # fmt: skip


def render(
    plan: Plan,
    healths: Sequence[Health | None],
    groups: Sequence[RuleGroup],
    dashboards: Sequence[Shown],
    form: str,
    *,
    color: bool,
    width: int = 80,
    wrap: bool = False,
) -> str:
    """Each object with its drift and its own status, the rule groups that Prometheus evaluates, Grafana's dashboards.
    `wrap`: sentences are broken at the width of the terminal that they are read on."""
    room = max(width, 40) if wrap else ENDLESS
    if form == "json":
        return _json(plan, healths, groups, dashboards)
    lines = []
    for change, health in zip(plan.changes, healths, strict=True):
        sign, style, words = _SHOWN[change.action]
        head = f"{sign} {visible(change.key)}"
        first, *rest = hung(f"{head}: {words}{_editors(change)}", room, indent=0)
        lines += [painted(head, style, color) + first.removeprefix(head), *rest]
        lines += drift_lines(change, width, room)
        lines += [part for line in (health.told if health else ()) for part in hung(visible(line), room)]
    for group in groups:
        bad = bool(group.problems)
        lines += _line(bad, visible(group.name), f"{group.rules} rules, evaluated {group.evaluated}", color, room)
        lines += [part for problem in group.problems for part in hung(visible(problem), room)]
    for shown in dashboards:
        told = shown.problem or f"{shown.title}, version {shown.version}"
        lines += _line(bool(shown.problem), f"dashboard {visible(shown.uid)}", visible(told), color, room)
    for note in plan.notes:
        lines += [painted(line, "yellow", color) for line in hung(f"note: {visible(note)}", room, indent=0)]
    return "\n".join(lines) + "\n"


def _line(bad: bool, name: str, told: str, color: bool, room: int) -> list[str]:
    head = f"{'!' if bad else '='} {name}"
    first, *rest = hung(f"{head}: {told}", room, indent=0)
    return [painted(head, "red" if bad else "green", color) + first.removeprefix(head), *rest]


def _editors(change: Change) -> str:
    held = sorted({f"{field.owner} since {field.since}" for field in change.fields if field.owner})
    return f" ({', '.join(map(visible, held))})" if held else ""


def _json(
    plan: Plan, healths: Sequence[Health | None], groups: Sequence[RuleGroup], dashboards: Sequence[Shown]
) -> str:
    objects = [
        {
            "key": change.key, "service": change.service, "state": change.action, "reason": change.reason,
            "ready": health.ready if health else None, "told": list(health.told) if health else [],
            "fields": [{"owner": "", "since": "", **field_data(field)} for field in change.fields],
        }
        for change, health in zip(plan.changes, healths, strict=True)
    ]  # fmt: skip
    rules = [{"name": g.name, "rules": g.rules, "evaluated": g.evaluated, "problems": list(g.problems)} for g in groups]
    body = {
        "schema_version": 1,
        "target": plan.target,
        "objects": objects,
        "rule_groups": rules,
        "dashboards": [
            {"uid": d.uid, "title": d.title, "version": d.version, "problem": d.problem} for d in dashboards
        ],
        "notes": list(plan.notes),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
