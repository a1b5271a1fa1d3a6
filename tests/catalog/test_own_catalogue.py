"""A project's own catalogue file: what is misspelt or cannot be in it is told at its place, once."""

from __future__ import annotations

import pytest

from capgen.catalog.consistency import inconsistencies
from capgen.catalog.load import Catalog
from capgen.errors import Findings
from capgen.yamlio import Source

FILE = """\
exporter: queue
title: Mail queue
jobs: {side: queue-side}
params: {who: domain}
metrics:
  mail_queued: {type: gauge, labels: {domain: 10}, job: side, absent: never}
  mail_limit: {type: gauge, labels: {domain: 10}, since: 1.0.0, until: 2.0.0, absent: never}
  mail_in_bytes_total: {type: counter, labels: {domain: 10}, absent: never}
  mail_wait_seconds: {type: histogram, labels: {domain: 10}, absent: never}
signals:
  queued: {title: Q, action: Look., expr: 'sum by (domain) (mail_queued{$selector})', unit: short, record: sum, share: full}
  full:
    title: F
    action: Look.
    expr: max by (domain) (mail_queued{$selector}) / on (domain) (max by (domain) (mail_limit{$selector}) > 0)
    unit: ratio
    record: ratio
    levels: {warning: 70%, critical: 90%}
  got: {title: R, action: Look., expr: 'sum by ($who) (rate(mail_in_bytes_total{$selector}[$window]))', unit: bytes, record: rate, opposite: sent}
  sent: {title: S, action: Look., expr: 'sum by (domain) (rate(mail_in_bytes_total{$selector}[$window]))', unit: bytes, record: rate}
  wait:
    title: W
    action: Look.
    expr: histogram_quantile($q, sum by (le, domain) (rate(mail_wait_seconds_bucket{$selector}[$window])))
    variants: [{given: q, expr: 'histogram_quantile(0.5, sum by (le, domain) (rate(mail_wait_seconds_bucket{$selector}[$window])))'}]
    traffic: sum by (domain) (rate(mail_wait_seconds_count{$selector}[$window]))
    params: {q: {unit: ratio, default: 0.9}}
    unit: seconds
    record: p90
"""


def findings(text: str) -> list[tuple[str, int, str]]:
    """Code, line and the text at the place of each."""
    try:
        Catalog({"queue.yaml": Source("catalog/queue.yaml", text)}).entry("queue")
    except Findings as found:
        lines = text.splitlines()
        spans = [(d.code, d.span) for d in found.diagnostics if d.span]
        assert len(spans) == len(found.diagnostics)
        return [(code, s.line, lines[s.line - 1][s.column - 1 : s.end_column - 1]) for code, s in spans]
    return []


def test_a_file_that_holds_together_is_read() -> None:
    assert findings(FILE) == []


@pytest.mark.parametrize(
    ("right", "wrong", "code", "place"),
    [
        ("share: full", "share: ful", "CG626", "ful"),
        ("opposite: sent", "opposite: snet", "CG626", "snet"),
        ("share: full", "share: sent", "CG627", "sent"),
        ("share: full", "share: queued", "CG627", "queued"),
        ("opposite: sent", "opposite: full", "CG627", "full"),
        ("job: side", "job: sied", "CG626", "sied"),
        ("until: 2.0.0", "until: 0.9.0", "CG205", "0.9.0"),
        ("given: q", "given: quantile", "CG626", "quantile"),
        ("warning: 70%", "warnin: 70%", "CG308", "warnin"),
        ("warning: 70%", "warning: 95%", "CG309", "90%"),
        ("warning: 70%", "warning: 70ms", "CG204", "70ms"),
        ("critical: 90%", "critical: 190%", "CG205", "190%"),
        ("    record: ratio", "    record: ratio\n    ladder: utilization", "CG307", "utilization"),
        ("(mail_queued{$selector})'", "(mail_qeued{$selector})'", "CG626", None),
        ("sum by (domain) (mail_queued", "sum by (domian) (mail_queued", "CG626", None),
        ("(mail_queued{$selector})'", "(mail_queued{$selecto})'", "CG311", None),
        ("(mail_queued{$selector})'", "(mail_queued)'", "CG321", None),
        ("(mail_queued{$selector})'", "(mail_queued{$selector}'", "CG320", None),
        ("(mail_queued{$selector})'", "(rate(mail_queued{$selector}[$window]))'", "CG628", None),
        ("rate(mail_wait_seconds_count", "rate(mail_wait_seconds_cuont", "CG626", None),
    ],
)
def test_what_cannot_be_is_told_at_its_place(right: str, wrong: str, code: str, place: str | None) -> None:
    text = FILE.replace(right, wrong, 1)
    found = findings(text)
    assert [one[0] for one in found] == [code], found
    if place is not None:
        assert found[0][2] == place
    else:
        assert found[0][1] == next(n for n, line in enumerate(text.splitlines(), 1) if line not in FILE.splitlines())


@pytest.mark.parametrize("name", Catalog().exporters)
def test_the_packaged_files_hold_together(name: str) -> None:
    catalog = Catalog()
    entry = catalog.entry(name)
    assert inconsistencies(entry.exporter, entry.node, catalog.ladders) == ()
