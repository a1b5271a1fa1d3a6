"""A back-test of alerts for a terminal, a pull request, a browser, and programs: pages first, then levels and incidents."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import asdict

from capgen import units
from capgen.history.series import instant
from capgen.report.document import Document, Paragraph, Section, Table
from capgen.report.machine import plain
from capgen.report.visible import encodable
from capgen.simulate.alerts.known_limits import APPROXIMATE_LIMITS, KNOWN_LIMITS
from capgen.simulate.alerts.result import SHORT, Backtest, Caught, LevelResult, Side

SCHEMA_VERSION = 1
_MOST_FIRINGS = 1000


def document(found: Backtest) -> Document:
    """The whole: what changes for whoever is called, each level, the incidents, and what this cannot tell."""
    sections = [Section("Pages", (_page_table(found), Paragraph(meaning(found)))), Section("Levels", (_levels(found),))]
    if found.after.caught:
        sections.append(Section("Incidents", (_incidents(found),)))
    told = [*found.unknown, *limits(found)]
    sections.append(Section("What this cannot tell", tuple(Paragraph(f"- {text}") for text in told)))
    span = f"{instant(found.begin / 1000)} to {instant(found.end / 1000)}"
    how = "evaluation for evaluation" if found.exact else "approximately: each signal's series against its levels"
    return Document(
        f"Alerts of {found.environment}, back-tested", f"{span}, from {found.source}; {how}.", tuple(sections)
    )


def limits(found: Backtest) -> tuple[str, ...]:
    """Where the back-test departs from reality."""
    return KNOWN_LIMITS if found.exact else APPROXIMATE_LIMITS


def page_rows(found: Backtest) -> list[tuple[str, str, str]]:
    """What whoever is called would notice: name, before ("" without another side), after."""
    sides = [(_of_side(side, found.weeks) if side else {}) for side in (found.before, found.after)]
    return [(name, sides[0].get(name, ""), text) for name, text in sides[1].items()]


def _of_side(side: Side, weeks: float) -> dict[str, str]:
    rows = {
        "pages a week": _rate(len(side.pages), weeks),
        "pages": str(len(side.pages)),
        "for nothing": f"{side.for_nothing} of {len(side.pages)}",
        "longest": _length(side.longest),
    }
    if side.routed:
        rows["notifications a week, with repeats"] = _rate(side.notifications, weeks)
    if side.outside is not None:
        rows["outside of incidents"] = f"{side.outside} of {len(side.pages)}"
        rows["incidents with a page"] = f"{sum(c.lead is not None for c in side.caught)} of {len(side.caught)}"
    return rows


def _page_table(found: Backtest) -> Table:
    names = ("", "before", "after") if found.before else ("", "after")
    rows = [row if found.before else (row[0], row[2]) for row in page_rows(found)]
    return Table("Pages", names, tuple(rows), frozenset(range(1, len(names))))


def review_blocks(found: Backtest) -> tuple[Table, ...]:
    """The tables that a reviewer of a change reads."""
    return (_page_table(found), _levels(found), *([_incidents(found)] if found.after.caught else []))


def meaning(found: Backtest) -> str:
    """What is counted as a page, and as one for nothing."""
    what = (
        "A page is a notification with news of a critical or emergency alert that no worse one silences, by the routes "
        "of the specs; several receivers of the same news count once."
        if found.after.routed
        else "A page is a critical or emergency alert that comes to stand and that no worse one silences; the specs name "
        "nobody to tell, so nothing is grouped or repeated."
    )
    return f"{what} For nothing: all of its alerts were over by themselves within {_length(SHORT)}."


def _levels(found: Backtest) -> Table:
    before = {_key(row): row for row in found.before.levels} if found.before else {}
    after = {_key(row): row for row in found.after.levels}
    rows = []
    for key in dict.fromkeys((*after, *before)):
        sides = [before.get(key), after.get(key)] if found.before else [after[key]]
        if any(side is not None and side.firings for side in sides):
            name = f"{key[0]} {key[1]} {key[2]} ({key[3]})"
            rows.append((name, *(_told(side, found.weeks) for side in sides), _longest(sides[-1]), _short(sides[-1])))
    names = ("before", "after") if found.before else ("a week",)
    quiet = len({*after, *before}) - len(rows)
    caption = "Firings a week (told, where a worse one silenced some)"
    if quiet:
        rows.append((f"{quiet} more, silent", *("0" for _ in names), "", ""))
    return Table(caption, ("alert", *names, "longest", "over in 10m"), tuple(rows), frozenset(range(1, len(names) + 3)))


def _key(row: LevelResult) -> tuple[str, str, str, str]:
    return row.service, row.signal, row.level, row.severity


def _told(row: LevelResult | None, weeks: float) -> str:
    if row is None:
        return "none"
    text = _rate(row.firings, weeks)
    return text if row.told == row.firings else f"{text} ({_rate(row.told, weeks)})"


def _longest(row: LevelResult | None) -> str:
    return _length(row.longest) if row and row.firings else ""


def _short(row: LevelResult | None) -> str:
    return f"{row.short} of {row.firings}" if row and row.firings else ""


def _incidents(found: Backtest) -> Table:
    before = {one.incident: one for one in found.before.caught} if found.before else {}
    rows = []
    for one in found.after.caught:
        begin = instant(one.incident.begin / 1000)
        sides = [before[one.incident], one] if found.before else [one]
        rows.append((f"{one.incident.name}, {begin}", *map(lead, sides)))
    names = ("before", "after") if found.before else ("paged",)
    return Table("Incidents: when somebody was called, from its begin", ("incident", *names), tuple(rows))


def lead(one: Caught) -> str:
    """When an incident's first page came, in words."""
    if one.lead is None:
        return "no page" if one.told is None else f"no page; told {_when(one.told)}"
    return f"{_when(one.lead)} by {one.by}"


def _when(lead: int) -> str:
    if lead == 0:
        return "as it began"
    return f"{_length(abs(lead))} {'before' if lead > 0 else 'after'}"


def _rate(count: int, weeks: float) -> str:
    return f"{count / weeks:.1f}" if weeks else "0"


def _length(milliseconds: int) -> str:
    return units.duration(round(milliseconds / 1000))


def as_json(found: Backtest) -> str:
    """Everything: both sides with their levels, pages, firings (the first thousand) and incidents; times are ISO 8601,
    lengths seconds."""
    whole = {
        "schema_version": SCHEMA_VERSION,
        "environment": found.environment,
        "from": instant(found.begin / 1000),
        "to": instant(found.end / 1000),
        "source": found.source,
        "exact": found.exact,
        "before": data(found.before, found.weeks) if found.before else None,
        "after": data(found.after, found.weeks),
        "page": meaning(found),
        "unknown": list(found.unknown),
        "known_limits": list(limits(found)),
        "diagnostics": [plain(diagnostic) for diagnostic in found.diagnostics],
    }
    return encodable(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def data(side: Side, weeks: float) -> dict[str, Any]:
    """One side as plain data."""
    firings = [
        {"alert": one.watched.alert.name, "labels": dict(one.labels), "pending": instant(one.since / 1000),
         "firing": instant(one.fired / 1000), "resolved": None if one.open else instant(one.resolved / 1000)}
        for one in side.firings[:_MOST_FIRINGS]
    ]  # fmt: skip
    return {
        "pages_a_week": round(len(side.pages) / weeks, 3) if weeks else 0.0,
        "pages": [instant(at / 1000) for at in side.pages],
        "notifications": side.notifications,
        "routed": side.routed,
        "longest": side.longest / 1000,
        "for_nothing": side.for_nothing,
        "outside_of_incidents": side.outside,
        "levels": [
            {**asdict(row), "longest": row.longest / 1000, "total": row.total / 1000} for row in side.levels
        ],
        "incidents": [
            {"name": one.incident.name, "start": instant(one.incident.begin / 1000), "end": instant(one.incident.end / 1000),
             "service": one.incident.service or None, "alert": one.by or None,
             "page_lead": None if one.lead is None else one.lead / 1000, "told_lead": None if one.told is None else one.told / 1000}
            for one in side.caught
        ],
        "firings": firings,
        "firings_left_out": max(len(side.firings) - _MOST_FIRINGS, 0),
    }  # fmt: skip
