"""What is delivered and how it is, for a person and as JSON.

Somebody who is paged wants to know first whether what runs is what the specs say, and what the controllers make of it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec

from capgen.reconcile.health import Health
from capgen.reconcile.plan import Action, Change
from capgen.report.color import Style, painted
from capgen.report.plan import ENDLESS, drift_lines, field_data, hung
from capgen.report.visible import visible

if TYPE_CHECKING:
    from capgen.targets.grafana import Shown
    from capgen.targets.taken import Status

_SIGNS: dict[str, Style] = {"!": "red", "?": "yellow", "=": "green"}
_FRACTION = re.compile(r"\.\d+")
_SHOWN: dict[Action, tuple[str, Style, str]] = {
    Action.UNCHANGED: ("=", "green", "as the spec says"), Action.CREATE: ("!", "red", "missing"),
    Action.UPDATE: ("~", "yellow", "differs"), Action.CONFLICT: ("!", "red", "held by somebody else"),
    Action.BLOCKED: ("!", "red", "cannot be delivered"), Action.DELETE: ("?", "yellow", "left over"),
    Action.EXTRA: ("?", "dim", "left over"),
}  # fmt: skip


def render(found: Status, form: str, *, color: bool, width: int = 80, wrap: bool = False) -> str:
    """Each object with its drift and its own status, the rule groups that Prometheus evaluates, Grafana's dashboards.
    `wrap`: sentences are broken at the width of the terminal that they are read on."""
    room = max(width, 40) if wrap else ENDLESS
    if form == "json":
        return _json(found)
    lines = []
    for change, health in zip(found.plan.changes, found.healths, strict=True):
        sign, style, words = _SHOWN[change.action]
        head = f"{sign} {visible(change.key)}"
        first, *rest = hung(f"{head}: {words}{_editors(change)}", room, indent=0)
        lines += [painted(head, style, color) + first.removeprefix(head), *rest]
        lines += drift_lines(change, width, room)
        for line in (*health.told, *_fine(health)) if health else ():
            lines += hung(visible(line), room)
    for group in found.groups:
        sign = "!" if group.problems else "?" if group.evaluated == "never" else "="
        lines += _line(
            sign, visible(group.name), f"{_counted(group.rules)}, {_evaluated(group.evaluated)}", color, room
        )
        lines += [part for problem in group.problems for part in hung(visible(problem), room)]
    for shown in found.dashboards:
        told = shown.problem or f"{shown.title}, version {shown.version}{_lies(shown)}"
        lines += _line("!" if shown.problem else "=", f"dashboard {visible(shown.uid)}", visible(told), color, room)
    for problem in found.problems:
        lines += [painted(line, "red", color) for line in hung(f"! {visible(problem)}", room, indent=0)]
    for unasked in found.unasked:
        lines += [
            painted(line, "yellow", color) for line in hung(f"? nobody knows of {visible(unasked)}", room, indent=0)
        ]
    for note in found.plan.notes:
        lines += [painted(line, "yellow", color) for line in hung(f"note: {visible(note)}", room, indent=0)]
    return "\n".join(lines) + "\n"


def _line(sign: str, name: str, told: str, color: bool, room: int) -> list[str]:
    head = f"{sign} {name}"
    first, *rest = hung(f"{head}: {told}", room, indent=0)
    return [painted(head, _SIGNS[sign], color) + first.removeprefix(head), *rest]


def _editors(change: Change) -> str:
    held = sorted({f"{field.owner} since {field.since}" for field in change.fields if field.owner})
    return f" ({', '.join(map(visible, held))})" if held else ""


def _fine(health: Health) -> list[str]:
    """The conditions that are as they should be, in a line."""
    fine = (f"{c.type} {c.status}{f' ({c.reason})' if c.reason else ''}" for c in health.conditions if not c.bad)
    return [", ".join(fine)] if any(not c.bad for c in health.conditions) else []


def _counted(number: int) -> str:
    return "1 rule" if number == 1 else f"{number} rules"


def _evaluated(told: str) -> str:
    """When, to the second: who looks at it compares it with a clock."""
    return "not evaluated yet" if told == "never" else f"evaluated {_FRACTION.sub('', told)}"


def _lies(shown: Shown) -> str:
    told = f", in the folder {shown.folder}" if shown.folder else ""
    return told + (", provisioned" if shown.provisioned else "")


def _json(found: Status) -> str:
    plan = found.plan
    objects = [
        {
            "key": change.key, "service": change.service, "state": change.action, "reason": change.reason,
            "ready": health.ready if health else None, "told": list(health.told) if health else [],
            "conditions": [msgspec.structs.asdict(c) for c in health.conditions] if health else [],
            "fields": [{"owner": "", "since": "", **field_data(field)} for field in change.fields],
        }
        for change, health in zip(plan.changes, found.healths, strict=True)
    ]  # fmt: skip
    rules = [
        {"name": g.name, "rules": g.rules, "evaluated": g.evaluated, "problems": list(g.problems)} for g in found.groups
    ]
    body = {
        "schema_version": 1,
        "target": plan.target,
        "objects": objects,
        "rule_groups": rules,
        "dashboards": [
            {
                "uid": d.uid,
                "title": d.title,
                "version": d.version,
                "problem": d.problem,
                "folder": d.folder,
                "provisioned": d.provisioned,
            }
            for d in found.dashboards
        ],
        "problems": list(found.problems),
        "unasked": list(found.unasked),
        "notes": list(plan.notes),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
