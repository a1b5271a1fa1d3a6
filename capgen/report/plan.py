"""A plan and its outcome, for a terminal, as Markdown for a pull request, as JSON for programs.

What is risky or in the way comes first, then what is written, then what stays. Values are shown as they were and
as they would be; a file is shown as the lines that change.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from msgspec.structs import replace

from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.reconcile.applyset import is_ownership
from capgen.reconcile.masked import masked, without_secrets
from capgen.reconcile.outcome import Outcome, Result, State
from capgen.reconcile.plan import ABSENT, Action, Change, FieldChange, Plan, kept, stays
from capgen.reconcile.risk import risks
from capgen.reconcile.saved import Stale
from capgen.reconcile.summary import in_words, summary
from capgen.reconcile.told import fields_of
from capgen.report import findings
from capgen.report.color import Style, painted
from capgen.report.dashboards import by_panel
from capgen.report.fields import named, unit
from capgen.report.markdown import LIMIT, MARKER, escaped, fitted
from capgen.report.text import wrapped
from capgen.report.unified import unified
from capgen.report.visible import visible

_SIGNS: dict[Action, tuple[str, Style]] = {
    Action.CONFLICT: ("!", "red"), Action.BLOCKED: ("!", "red"), Action.DELETE: ("-", "red"), Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"), Action.EXTRA: ("?", "dim"), Action.UNCHANGED: ("=", "dim"),
}  # fmt: skip
_STATES: dict[State, tuple[str, Style]] = {
    State.FAILED: ("!", "red"), State.CONFLICT: ("!", "red"), State.PENDING: ("!", "yellow"), State.NOT_READY: ("!", "yellow"),
    State.NOT_TRIED: ("!", "yellow"), State.DELETED: ("-", "red"), State.CREATED: ("+", "green"), State.UPDATED: ("~", "yellow"), State.UNCHANGED: ("=", "dim"),
}  # fmt: skip
_IN_THE_WAY = (Action.CONFLICT, Action.BLOCKED)
_LONG = 72
_ALIKE, _MOST = 4, 6
"""From how many places on what changes alike is told once, and how many of them are named."""
_BRACKETS = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^\]"]|"[^"]*")*\]')
_Told = TypeVar("_Told")
ENDLESS = 1 << 30
"""The room of whoever reads no terminal: nothing is broken."""
_CODES: dict[Action, tuple[str, Severity, str]] = {
    Action.CONFLICT: ("CG806", Severity.ERROR, "change the spec, or say who has the field under kubernetes.ownership"),
    Action.BLOCKED: ("CG807", Severity.ERROR, "see what is missing"),
}


def differs(plan: Plan) -> bool:
    """Whether the target is not as the specs want it."""
    return not plan.is_clean


def render(plan: Plan, form: str, *, color: bool = False, width: int = 80, wrap: bool = False) -> str:
    """The plan in one of `text`, `json`, `markdown`, `sarif`, `junit`. `wrap`: a person reads it on a terminal of that
    width, so that sentences are broken at its edge; programs that look for one find it whole.
    """
    room = max(width, 40) if wrap else ENDLESS
    machine: findings.Format | None = "sarif" if form == "sarif" else "junit" if form == "junit" else None
    if machine is not None:
        return findings.render(_findings(plan), machine)
    if form == "json":
        changes = [_change_data(change) for change in plan.changes if not stays(change)]
        body = {"target": plan.target, "notes": list(plan.notes), "changes": changes, "unchanged": kept(plan)}
        return _json(body)
    if form == "markdown":
        return _markdown(plan)
    lines = [line for told in _each(plan, lambda c: _change_lines(c, color, width, room)) for line in told]
    for note in plan.notes:
        lines += [painted(line, "yellow", color) for line in hung(f"note: {visible(note)}", room, indent=0)]
    return "\n".join((*lines, *hung(_summary(plan), room, indent=0))) + "\n"


def _findings(plan: Plan) -> Iterator[Diagnostic]:
    """The changes as findings of the artifacts they come from, for what shows findings."""
    for change in plan.changes:
        if change.action in (Action.UNCHANGED, Action.EXTRA):
            continue
        code, severity, hint = _CODES.get(change.action, ("CG805", Severity.WARNING, "apply the specs"))
        told = " ".join(_without_lines(_change_lines(change, color=False, width=1000, whole=False)[1:]))
        span = Span(change.path or change.key, 1, 1, 1, 2)
        what = f"{change.key}: {change.action}{_unsure(change)}" + (f": {told}" if told else "")
        yield Diagnostic(code, what, span, hint, severity)


def _without_lines(lines: Sequence[str]) -> Iterator[str]:
    """What is said of a change less the lines of texts, which nobody reads one behind the other."""
    inside = 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("@@ "):
            if not inside:
                yield "its lines change"
            inside = indent
        elif not inside or indent < inside:
            inside = 0
            yield line.strip()


def render_outcome(outcome: Outcome, form: str, *, color: bool = False, width: int = 80, wrap: bool = False) -> str:
    """What became of it; unchanged things are counted and not listed. As `render`."""
    room = max(width, 40) if wrap and form == "text" else ENDLESS
    if form == "json":
        results = [
            {"key": r.key, "state": r.state, "reason": r.reason, "fields": [field_data(f) for f in r.fields]}
            for r in outcome.results
        ]
        return _json({"target": outcome.target, "results": results, "problems": list(outcome.problems)})
    told = [r for r in outcome.results if r.state is not State.UNCHANGED]
    lines = [line for r in told for line in _result_lines(r, color and form == "text", room)]
    for problem in outcome.problems:
        lines += [painted(line, "red", color) for line in hung(f"! {visible(problem)}", room, indent=0)]
    counts = Counter(r.state for r in outcome.results)
    lines.append(f"{outcome.target}: " + (", ".join(f"{counts[s]} {s}" for s in State if counts[s]) or "nothing to do"))
    if form == "markdown":
        return "\n".join((MARKER, *(f"- {escaped(line)}" for line in lines))) + "\n"
    return "\n".join(lines) + "\n"


def stale_lines(stale: Stale) -> list[str]:
    """A thing that is not as it was approved: what was to be done, and what would be done now."""
    return [
        f"  {visible(stale.key)}",
        *(f"    approved: {line}" for line in _told(stale.then)),
        *(f"    now:      {line}" for line in _told(stale.now)),
    ]


def _told(change: Mapping[str, Any] | None) -> list[str]:
    if change is None:
        return ["nothing to do"]
    fields = [line for field in change["fields"] for line in _told_field(field)]
    reason = f" ({visible(' '.join(change['reason'].split()))})" if change.get("reason") else ""
    last = f", last changed {visible(change['last_change'])}" if change.get("last_change") else ""
    return [f"{change['action']}{reason}{last}", *fields]


def _told_field(field: Mapping[str, Any]) -> list[str]:
    path, old, new = field["path"], field.get("old", ABSENT), field.get("new", ABSENT)
    held = f" (held by {visible(field['owner'])})" if field.get("owner") else ""
    if (panels := by_panel(old, new)) is not None:
        return [f"{visible(path)}{held}:", *(f"  {visible(line)}" for line in panels)]
    before, after = (_text(value) for value in (old, new))
    start = _where_they_part(before, after)
    return [f"{visible(path)}: {_cut(before, start)} → {_cut(after, start)}{held}"]


def _each(plan: Plan, tell: Callable[[Change], _Told]) -> list[_Told]:
    """What is told of each change: of what is in the way, then of what is risky, then of the rest; not of what stays."""
    order = list(_SIGNS)

    def rank(change: Change) -> tuple[bool, bool, int, str]:
        return change.action not in _IN_THE_WAY, not risks(change), order.index(change.action), change.service

    # Told at once with its rank, as both ask for the fields that change.
    told = [(rank(c), tell(c)) for c in plan.changes if c.action is not Action.UNCHANGED or c.mutated]
    return [words for _, words in sorted(told, key=itemgetter(0))]


def _summary(plan: Plan) -> str:
    counts = Counter(change.action for change in plan.changes)
    counts[Action.UNCHANGED] += sum(map(len, plan.unchanged.values()))
    alone = sum(map(_is_ownership, plan.changes))
    said = ", ".join(
        f"{counts[action]} to {action}"
        + (f" ({alone} in ownership alone)" if alone and action is Action.UPDATE else "")
        if action in (Action.CREATE, Action.UPDATE, Action.DELETE)
        else f"{counts[action]} {action}"
        for action in _SIGNS
        if counts[action]
    )
    return f"{plan.target}: {said or 'nothing to do'}"


def _is_ownership(change: Change) -> bool:
    return change.action is Action.UPDATE and is_ownership(change.fields)


def _unsure(change: Change) -> str:
    return "" if change.verdict == "exact" else f" ({change.verdict})"


def _change_lines(change: Change, color: bool, width: int, room: int = ENDLESS, *, whole: bool = True) -> list[str]:
    """`room` is where sentences are broken; without `whole` nothing is told of what is in something new."""
    sign, style = _SIGNS[change.action]
    lines = [painted(f"{sign} {visible(change.key)}", style, color) + _unsure(change)]
    for risk in risks(change):
        first, *rest = hung(f"risk: {visible(risk)}", room)
        lines += [first.replace("risk:", painted("risk:", "red", color), 1), *rest]
    lines += [part for line in change.reason.splitlines() for part in hung(visible(line), room)]
    lines += [part for field in change.mutated for part in hung(_mutated_line(field), room)]
    if change.action in (Action.CREATE, Action.DELETE, Action.EXTRA):
        lost = "lost: " if change.action is Action.DELETE else ""
        facts = summary(change) if whole else ()
        return lines + [part for fact in facts for part in hung(lost + visible(fact), room)]
    if isinstance(change.after, str) and isinstance(change.before, str):
        if (panels := by_panel(change.before, change.after)) is not None:
            return lines + [part for line in panels for part in hung(visible(line), room, indent=6)]
        if fields_of(change):
            return lines + _fields_lines(change, width, room)
        if change.path.endswith(".md") and change.action is Action.UPDATE:
            return [*lines, "    the page follows"]
        body = unified(
            without_secrets(change.before), without_secrets(change.after), change.path, color=color
        ).splitlines()[2:]
        return lines + [f"    {line}" for line in body]
    return lines + _fields_lines(change, width, room)


def drift_lines(change: Change, width: int = 80, room: int = ENDLESS) -> list[str]:
    """What of a thing is not as the specs say, or why it cannot be; of a file only the reason."""
    reasons = [part for line in change.reason.splitlines() for part in hung(visible(line), room)]
    if isinstance(change.after, str) or change.action not in (Action.UPDATE, Action.CONFLICT):
        return reasons
    return reasons + _fields_lines(change, width, room)


def hung(text: str, room: int, indent: int = 4) -> list[str]:
    """A sentence under its object, broken at spaces where it is longer than the room; what follows stands further in."""
    first, *rest = wrapped(text, room - indent, room - indent - 2)
    return [" " * indent + first, *(" " * (indent + 2) + line for line in rest)]


def _mutated_line(field: FieldChange) -> str:
    """What somebody between the manifest and the store does to it (an admission webhook or policy)."""
    asked, got = (_value(masked(field.path, value)) for value in (field.old, field.new))
    return f"admission makes {got} of {visible(field.path)}, and not {asked}"


def _fields_lines(change: Change, width: int, room: int) -> list[str]:
    """The fields; what changes alike in many places once, with the names of these. Of ownership the reason tells."""
    if change.reason and _is_ownership(change):
        return []
    alike: dict[tuple[str, ...], list[FieldChange]] = {}
    for field in fields_of(change):
        place = _BRACKETS.sub("[…]", field.path)
        alike.setdefault((place, repr(field.old), repr(field.new), field.owner, field.since), []).append(field)
    lines: list[str] = []
    for (place, *_), fields in alike.items():
        if len(fields) < _ALIKE:
            lines += [line for field in fields for line in _field_lines(change, field, width, room)]
            continue
        lines += _field_lines(change, replace(fields[0], path=place), width, room)
        names = [found[-1] for field in fields if (found := _BRACKETS.findall(visible(named(change, field.path))))]
        shown = [name.strip("[]").removeprefix("name=").strip('"') for name in dict.fromkeys(names)]
        more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
        lines += hung(f"in {len(fields)} places: {', '.join(shown[:_MOST])}{more}", room, indent=6)
    return lines


def _field_lines(change: Change, field: FieldChange, width: int, room: int) -> list[str]:
    path = visible(named(change, field.path))
    held = f" (held by {visible(field.owner)}{' since ' + field.since if field.since else ''})" if field.owner else ""
    if (panels := by_panel(field.old, field.new)) is not None:
        return [
            *hung(f"{path}{held}:", room),
            *(part for line in panels for part in hung(visible(line), room, indent=6)),
        ]
    old_, new_ = (masked(field.path, value) for value in (field.old, field.new))
    if isinstance(old_, str) and isinstance(new_, str) and max(old_.count("\n"), new_.count("\n")) > 1:
        body = [f"      {line}" for line in unified(old_, new_, "").splitlines()[2:]]
        return [*hung(f"{path}{held}", room), *body]
    if (words := _in_words(old_, new_)) is not None:
        return [*hung(f"{path}{held}", room), *hung(visible(words), room, indent=6)]
    before, after = (
        _text(masked(field.path, value)) + unit(side, field.path, value)
        for side, value in ((change.before, field.old), (change.after, field.new))
    )
    start = _where_they_part(before, after)
    old, new = (_cut(text, start) for text in (before, after))
    line = f"    {path}: {old} → {new}{held}"
    if len(line) <= max(width, 40) or max(len(old), len(new)) < 12:
        return hung(line.strip(), room)
    return [*hung(f"{path}{held}", room), f"      - {old}", f"      + {new}"]


def _in_words(old: Any, new: Any) -> str | None:
    """What is new or goes, with its sign; None for what has no words, or is told as one value for another."""
    if old is not ABSENT and new is not ABSENT:
        return None
    words = in_words(new if old is ABSENT else old)
    return f"{'+' if old is ABSENT else '-'} {words}" if words else None


def _value(value: Any) -> str:
    return _cut(_text(value), 0)


def _text(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return visible(text.replace("\n", "⏎"))


def _where_they_part(old: str, new: str) -> int:
    """From where on two long texts are shown, so that what differs is among it."""
    if max(len(old), len(new)) <= _LONG:
        return 0
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return max(same - _LONG // 2, 0) if same > _LONG // 2 else 0


def _cut(text: str, start: int) -> str:
    shown = f"…{text[start + 1 :]}" if start else text
    return shown if len(shown) <= _LONG else shown[: _LONG - 1] + "…"


def _result_lines(result: Result, color: bool, room: int) -> list[str]:
    sign, style = _STATES[result.state]
    reason = f": {visible(' '.join(result.reason.split()))}" if result.reason else ""
    head = f"{sign} {visible(result.key)}"
    first, *rest = hung(f"{head} {result.state}{reason}", room, indent=0)
    return [painted(head, style, color) + first.removeprefix(head), *rest]


def told(plan: Plan) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The plan in a line, and each thing that does not stay as it is: what becomes of it, and the lines that change.
    What is in the way comes first; secrets are masked."""

    def tell(change: Change) -> tuple[str, str]:
        head = f"{_SIGNS[change.action][0]} {change.key}: {change.action}{_unsure(change)}"
        # Without the indentation, or nobody's renderer colours the signs of a diff.
        lines = _change_lines(change, color=False, width=100)[1:]
        return head, "\n".join(line.removeprefix("    ") for line in lines)

    return _summary(plan), tuple(_each(plan, tell))


def details(head: str, body: str) -> str:
    """A change as Markdown that can be opened; a line where there is nothing inside."""
    fence = "`" * max(3, _longest_run(body) + 1)
    if not body:
        return f"- {escaped(head)}"
    return f"<details><summary>{escaped(head)}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>"


def _markdown(plan: Plan) -> str:
    summary, changes = told(plan)
    blocks = [details(head, body) for head, body in changes]
    notes = [f"> {escaped(note)}" for note in plan.notes]
    return fitted([MARKER, "", f"### {escaped(summary)}", "", *notes, *([""] if notes else [])], blocks, LIMIT)


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "action": change.action,
        "kind": change.kind,
        "service": change.service,
        "path": change.path,
        "reason": change.reason,
        "verdict": change.verdict,
        "risks": list(risks(change)),
        "summary": list(summary(change)),
        "fields": [field_data(field) for field in change.fields],
        "mutated": [field_data(field) for field in change.mutated],
    }


def field_data(field: FieldChange) -> dict[str, Any]:
    """A field for programs, secrets masked; what is not there has no key."""
    values = {
        name: masked(field.path, value)
        for name, value in (("old", field.old), ("new", field.new))
        if value is not ABSENT
    }
    return {"path": field.path, **values, **{k: v for k, v in (("owner", field.owner), ("since", field.since)) if v}}


def _json(value: dict[str, Any]) -> str:
    return json.dumps({"schema_version": 1, **value}, indent=2, ensure_ascii=False, default=str) + "\n"
