"""A review as a comment on a pull request, as JSON, and as a page with charts that needs nothing from outside.

The risky changes come first. All three are made from the same Review and hold no time, host or path of the machine,
so the same change gives the same bytes.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from capgen import units
from capgen.report.backtest import data, limits, meaning, review_blocks
from capgen.report.machine import plain
from capgen.report.markdown import LIMIT, MARKER, escaped, fitted
from capgen.report.plan import details, told
from capgen.report.simulation import compared_rows
from capgen.report.visible import encodable, one_line
from capgen.review.risk import Change, Risk
from capgen.simulate.known_limits import KNOWN_LIMITS

if TYPE_CHECKING:
    from capgen.review.document import Review
    from capgen.simulate.alerts.result import Backtest
    from capgen.simulate.result import Comparison, Simulation

SCHEMA_VERSION = 1
_LONGEST = 400
_SIGNS = {Risk.HIGH: "high", Risk.MEDIUM: "medium", Risk.LOW: "low"}


def as_markdown(review: Review) -> str:
    """At most 65,536 characters; what is left out from the end is counted."""
    head = [MARKER, f"**capgen: what changes since {escaped(review.base)}**", "", _counts(review), ""]
    rows = [
        *_changes(review), *_pages(review), *_replays(review), *_findings(review), *_unknown(review), *_delivery(review),
        *_files(review),
    ]  # fmt: skip
    return fitted(head, rows, LIMIT)


def _counts(review: Review) -> str:
    high = sum(change.risk is Risk.HIGH for change in review.changes)
    before, after = review.alerts
    return (
        f"{_counted(len(review.changes), 'change')}, {high} of high risk; "
        f"{_counted(len(review.files), 'generated file')} {'differs' if len(review.files) == 1 else 'differ'}; "
        f"{_counted(after, 'alert')}, {after - before:+d}"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _changes(review: Review) -> Iterator[str]:
    if not review.changes:
        yield "Nothing of what the specs compile to changes."
        return
    yield from ("| risk | environment | service | what |", "| --- | --- | --- | --- |")
    for change in review.changes:
        cells = (_SIGNS[change.risk], change.environment, change.service, _short(change))
        yield f"| {' | '.join(escaped(cell) for cell in cells)} |"


def _short(change: Change) -> str:
    return change.text if len(change.text) <= _LONGEST else f"{change.text[: _LONGEST - 1]}…"


def _replays(review: Review) -> Iterator[str]:
    from capgen.simulate.picture import sparkline

    for one in review.replays:
        yield from ("", f"**{escaped(one.service)}: {escaped(one.workload)}, replayed**", "")
        sides = _sides(one)
        highest = max(side.summary.most for _, side in sides)
        yield "```"
        yield from (f"{name:>9} {sparkline(side.replay, highest)}" for name, side in sides)
        yield "```"
        yield from ("| | before | after |", "| --- | --- | --- |")
        yield from (f"| {escaped(n)} | {escaped(b)} | {escaped(a)} |" for n, b, a in compared_rows(one))
        for words in filter(None, (one.price, one.demand)):
            yield from ("", escaped(words))


def _pages(review: Review) -> Iterator[str]:
    found = review.backtest
    if found is None:
        return
    for block in review_blocks(found):
        yield from ("", f"**{escaped(block.caption)}**", "")
        yield f"| {' | '.join(map(escaped, block.headings))} |"
        yield f"|{' --- |' * len(block.headings)}"
        yield from (f"| {' | '.join(map(escaped, row))} |" for row in block.rows)
    yield from ("", escaped(meaning(found)))


def _delivery(review: Review) -> Iterator[str]:
    if review.delivery is not None:
        summary, changes = told(review.delivery)
        yield from ("", f"**Applying it: {escaped(summary)}**", "")
        yield from (details(head, body) for head, body in changes)


def _sides(one: Comparison) -> list[tuple[str, Simulation]]:
    """The replays there are, by what they are called."""
    if one.before:
        return [("before", one.before), ("after", one.after)]
    return [("after" if one.alone else "unchanged", one.after)]


def _findings(review: Review) -> Iterator[str]:
    for title, found in (("Bounds that are not kept", review.bounds), ("New in the checks", review.new)):
        if found:
            yield from ("", f"**{title}**", "")
            yield from (f"- {f.severity} {f.code}: {escaped(f.message)}" for f in found)


def _unknown(review: Review) -> Iterator[str]:
    yield from ("", "**What this cannot tell**", "")
    yield from (f"- {escaped(text)}" for text in _told(review))


def _files(review: Review) -> Iterator[str]:
    if review.files:
        yield from ("", "**Generated files**", "")
        yield from (f"- {what}: {escaped(path)}" for path, what in review.files)


def as_json(review: Review) -> str:
    """Everything; replays without their series."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "base": review.base,
        "changes": [
            {"risk": _SIGNS[c.risk], "environment": c.environment, "service": c.service, "text": c.text}
            for c in review.changes
        ],
        "alerts": {"before": review.alerts[0], "after": review.alerts[1]},
        "replays": [_replay(one) for one in review.replays],
        "bounds": [plain(finding) for finding in review.bounds],
        "new_findings": [plain(finding) for finding in review.new],
        "files": [{"path": path, "change": what} for path, what in review.files],
        "pages": _pages_data(review),
        "delivery": _delivery_data(review),
        "unknown": _told(review),
    }
    return encodable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _told(review: Review) -> list[str]:
    """What is not known, and where replays and back-tests depart from reality."""
    found = review.backtest
    return [
        *review.unknown,
        *((*found.unknown, *(d.message for d in found.diagnostics), *limits(found)) if found else ()),
        *(KNOWN_LIMITS if review.replays else ()),
    ]


def _pages_data(review: Review) -> dict[str, Any] | None:
    found = review.backtest
    if found is None:
        return None
    sides = {"before": found.before, "after": found.after}
    return {
        "environment": found.environment,
        "exact": found.exact,
        "page": meaning(found),
        **{name: data(side, found.weeks) if side else None for name, side in sides.items()},
    }


def _delivery_data(review: Review) -> dict[str, Any] | None:
    if review.delivery is None:
        return None
    summary, changes = told(review.delivery)
    return {"summary": summary, "changes": [{"what": head, "lines": body.splitlines()} for head, body in changes]}


def _replay(one: Comparison) -> dict[str, Any]:
    return {
        "service": one.service,
        "workload": one.workload,
        "demand": one.demand or None,
        "rows": [{"name": name, "before": before, "after": after} for name, before, after in compared_rows(one)],
    }


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ccc}"
    "svg{width:100%;height:10rem;background:#f6f6f6}.before{stroke:#6b6b6b}.after,.unchanged{stroke:#0b57d0}"
)


def as_html(review: Review) -> str:
    """One page, with a chart of the replicas of each replay."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta name="viewport" content="width=device-width"><title>capgen review</title><style>{_STYLE}</style></head><body><main>',
        f"<h1>What changes since {_text(review.base)}</h1><p>{_text(_counts(review))}</p>",
    ]
    rows = [(_SIGNS[c.risk], c.environment, c.service, c.text) for c in review.changes]
    parts.append(_table(("risk", "environment", "service", "what"), rows))
    if review.backtest is not None:
        parts.append(f"<h2>Pages</h2>{_page_chart(review.backtest)}")
        for block in review_blocks(review.backtest):
            parts.append(f"<h3>{_text(block.caption)}</h3>{_table(block.headings, block.rows)}")
        parts.append(f"<p>{_text(meaning(review.backtest))}</p>")
    for one in review.replays:
        parts.append(f"<h2>{_text(one.service)}: {_text(one.workload)}, replayed</h2>{_chart(one)}")
        parts.append(_table(("", "before", "after"), compared_rows(one)))
        parts += [f"<p>{_text(words)}</p>" for words in (one.price, one.demand) if words]
    for title, found in (("Bounds that are not kept", review.bounds), ("New in the checks", review.new)):
        if found:
            items = "".join(f"<li>{_text(f'{f.severity} {f.code}: {f.message}')}</li>" for f in found)
            parts.append(f"<h2>{title}</h2><ul>{items}</ul>")
    parts.append(f"<h2>What this cannot tell</h2><ul>{''.join(f'<li>{_text(t)}</li>' for t in _told(review))}</ul>")
    if review.delivery is not None:
        summary, changes = told(review.delivery)
        parts.append(f"<h2>Applying it: {_text(summary)}</h2>")
        parts += [
            f"<details><summary>{_text(head)}</summary><pre>{html.escape(encodable(body))}</pre></details>"
            if body
            else f"<p>{_text(head)}</p>"
            for head, body in changes
        ]
    parts.append(f"<h2>Generated files</h2>{_table(('change', 'file'), [(what, path) for path, what in review.files])}")
    return "\n".join([*parts, "</main></body></html>"]) + "\n"


def _text(text: str) -> str:
    return html.escape(encodable(one_line(text)))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    titles = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _chart(one: Comparison) -> str:
    from capgen.simulate.picture import peaks

    sides = _sides(one)
    highest = max(side.summary.most for _, side in sides)

    def line(name: str, side: Simulation) -> str:
        heights = peaks(side.replay, 300)
        points = " ".join(f"{x},{100 - round(height / max(highest, 1) * 96)}" for x, height in enumerate(heights))
        return f'<polyline class="{name}" fill="none" stroke-width="1" vector-effect="non-scaling-stroke" points="{points}"/>'

    lines = "".join(line(name, side) for name, side in sides)
    over = units.duration(round(one.after.summary.duration)) if one.after.summary.duration else "no time"
    label = f"replicas over {over}, from 0 at the bottom to {highest} at the top; grey before, blue after"
    return f'<figure><svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img" aria-label="{label}">{lines}</svg><figcaption>{label}</figcaption></figure>'


def _page_chart(found: Backtest) -> str:
    """Each page as a line at its time, before above after."""
    span = max(found.end - found.begin, 1)
    sides = [("before", found.before.pages)] if found.before else []
    sides.append(("after", found.after.pages))
    drawn = "".join(
        f'<line class="{name}" x1="{x}" x2="{x}" y1="{place * 50 + 8}" y2="{place * 50 + 44}" stroke-width="1" vector-effect="non-scaling-stroke"/>'
        for place, (name, pages) in enumerate(sides)
        for x in sorted({round((at - found.begin) / span * 300, 1) for at in pages})
    )
    label = f"pages over {units.duration(span // 1000)}; " + (
        "grey above before, blue below after" if found.before else "blue"
    )
    return f'<figure><svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img" aria-label="{label}">{drawn}</svg><figcaption>{label}</figcaption></figure>'
