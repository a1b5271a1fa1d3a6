"""From what the oracle says to what a test asserts: at which instants, and in which words.

Every change of an alert's state inside a segment is asserted from both sides (pending, then firing; still
firing, then gone), and the end of every segment in full. Instants about which the two readings disagree are
passed over for the next one that is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capgen.blueprint import Alert, Record
from capgen.prove.oracle import Expected, Trace
from capgen.prove.suite import AlertCheck, SampleCheck, braces
from capgen.prove.tape import Segment
from capgen.prove.templates import expand
from capgen.prove.vectors import Labels
from capgen.units import number

Reading = tuple[tuple[Expected, ...], ...]
VALUE_TOLERANCE = 1e-6
ELSEWHERE = "elsewhere"
"""The value of a label on records that another service or source made."""


def result_labels(labels: Labels, record: Labels) -> Labels:
    """The labels of a recorded series."""
    return tuple(sorted({**dict(labels), **dict(record)}.items()))


def state_table(reading: Sequence[Expected], extra: Labels) -> tuple[tuple[str, float], ...]:
    """The series of ALERTS for pending and firing alerts."""
    rows = []
    for found in reading:
        labels = dict(_labels(found, extra))
        labels |= {"alertname": found.alert.name, "alertstate": "firing" if found.firing else "pending"}
        rows.append((f"ALERTS{braces(tuple(sorted(labels.items())))}", 1.0))
    return tuple(sorted(rows))


def _firing(reading: Sequence[Expected], name: str, extra: Labels) -> tuple[tuple[Labels, Labels], ...]:
    fired = []
    for found in reading:
        if found.alert.name != name or not found.firing:
            continue
        base = {**dict(found.labels), **dict(extra)}
        texts = tuple((key, expand(text, base, found.value)) for key, text in found.alert.annotations)
        fired.append((_labels(found, extra), texts))
    return tuple(sorted(fired))


def _labels(found: Expected, extra: Labels) -> Labels:
    """An alert's labels: the series' own, and the rule's over them, which Prometheus expands as it does annotations."""
    base = {**dict(found.labels), **dict(extra)}
    own = {name: expand(text, base, found.value) if "{{" in text else text for name, text in found.alert.labels}
    return tuple(sorted((base | own).items()))


def check_states(
    readings: Sequence[Reading], segments: Sequence[Segment], step: float, extra: Labels
) -> tuple[SampleCheck, ...]:
    """ALERTS on both sides of each change, where scrapes fail, and at the end of each segment."""
    tables = [tuple(state_table(reading, extra) for reading in both) for both in readings]
    certain = [table[0] == table[1] for table in tables]
    chosen: set[int] = set()
    for segment in segments:
        last = len(tables) - 1 if segment is segments[-1] else segment.last
        for k in range(max(1, segment.first), last + 1):
            if tables[k] == tables[k - 1]:
                continue
            before = next((j for j in range(k - 1, segment.first - 1, -1) if certain[j]), None)
            after = next((j for j in range(k, last + 1) if certain[j]), None)
            chosen.update(j for j in (before, after) if j is not None)
        chosen.update(k for k in (*segment.missed, last) if certain[k])
    return tuple(SampleCheck(k * step, "ALERTS", tables[k][0]) for k in sorted(chosen))


def check_alerts(
    readings: Sequence[Reading], instants: Iterable[int], step: float, names: Sequence[str], extra: Labels
) -> tuple[AlertCheck, ...]:
    """Every alert name at the given evaluations, with labels and annotations."""
    checks = []
    for k in instants:
        for name in names:
            both = {_firing(reading, name, extra) for reading in readings[k]}
            if len(both) == 1:
                checks.append(AlertCheck(k * step, name, both.pop()))
    return tuple(checks)


def check_record(
    record: Record, found: Trace, instants: Iterable[int], step: float, *, scale: float = 1e-9
) -> tuple[SampleCheck, ...]:
    """A record's series and values: exact labels, and the value within what both readings allow. `scale`: the least
    that a value's error is taken relative to."""
    checks = []
    own = [f'{name}!="{ELSEWHERE}"' for name, _ in record.labels]
    for k in instants:
        closed, opened = found[0][k], found[1][k]
        if closed.keys() != opened.keys() or any(v != v for v in (*closed.values(), *opened.values())):
            continue
        rows = {result_labels(labels, record.labels): (closed[labels], opened[labels]) for labels in closed}
        if len(rows) != 1:
            expected = tuple(sorted((braces(labels), 1.0) for labels in rows))
            everything = f"{record.name}{{{','.join(own)}}}"
            checks.append(SampleCheck(k * step, f"{everything} * 0 + 1" if rows else everything, expected))
        for labels, (a, b) in sorted(rows.items()):
            middle = (a + b) / 2
            tolerance = abs(a - b) * 0.51 + VALUE_TOLERANCE * max(abs(middle), scale)
            selector = f"{record.name}{{{','.join(own)}}}" if len(rows) == 1 else record.name + braces(labels)
            expr = f"abs({selector} - {number(float(f'{middle:.12g}'))}) <= bool {number(float(f'{tolerance:.3g}'))}"
            checks.append(SampleCheck(k * step, expr.replace("- -", "+ "), ((braces(labels), 1.0),)))
    return tuple(checks)


def alert_names(alerts: Sequence[Alert]) -> tuple[str, ...]:
    """The distinct names of the alerts, in order."""
    return tuple(dict.fromkeys(alert.name for alert in alerts))
