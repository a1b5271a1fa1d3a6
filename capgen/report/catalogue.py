"""The catalogue as text for a terminal, as Markdown for the documentation, as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence

from capgen import units
from capgen.catalog.model import Exporter, Metric, SignalDef


def overview_report(exporters: Sequence[Exporter], form: str, *, width: int = 80) -> str:
    """All exporters, a line each."""
    if form == "json":
        names = [
            {"exporter": e.exporter, "title": e.title, "about": e.about, "signals": sorted(e.signals)}
            for e in exporters
        ]
        return _json({"exporters": names})
    if form == "markdown":
        rows = [f"| [{e.exporter}](#{e.exporter}) | {e.title} | {_cell(e.about)} |" for e in exporters]
        return "\n".join(("| exporter | | measures |", "| --- | --- | --- |", *rows)) + "\n"
    wide = max((len(e.exporter) for e in exporters), default=0) + 2
    return "".join(_wrapped(e.exporter.ljust(wide), f"{e.title}: {e.about}", width) for e in exporters)


def exporter_report(exporter: Exporter, form: str, *, width: int = 80) -> str:
    """One exporter: its signals with their levels, then its metrics."""
    if form == "json":
        return _json(exporter.model_dump(mode="json", by_alias=True))
    if form == "markdown":
        return _markdown(exporter)
    lines = [f"{exporter.exporter} ({exporter.title})\n", _wrapped("  ", exporter.about, width), "\nsignals\n"]
    for name, signal in sorted(exporter.signals.items()):
        unasked = "" if signal.default else " (only when named)"
        lines.append(_wrapped(f"  {name}: ", f"{signal.title}{unasked}; {levels_text(signal)}", width))
    lines.append("\nmetrics\n")
    for name, metric in sorted(exporter.metrics.items()):
        lines.append(_wrapped(f"  {name}: ", _metric_text(metric), width))
    return "".join(lines)


def levels_text(signal: SignalDef) -> str:
    """`warning from 50%, critical from 80%`, or that it only is recorded."""
    given = [(name, value) for name, value in signal.levels.items() if value is not None]
    side = "from" if signal.worse == "above" else "down from"
    shown = (f"{name} {side} {units.human(units.parse(value, signal.unit), signal.unit)}" for name, value in given)
    return ", ".join(shown) or "recorded, without levels"


def _metric_text(metric: Metric) -> str:
    facts = [metric.type, *([metric.unit] if metric.unit else [])]
    if metric.labels:
        facts.append(f"by {', '.join(metric.labels)}")
    for word, value in (("since", metric.since), ("until", metric.until), ("needs", metric.flag)):
        if value:
            facts.append(f"{word} {value}")
    return f"{', '.join(facts)}. Missing when: {metric.absent}."


def _markdown(exporter: Exporter) -> str:
    rows = [
        f"| `{name}` | {_cell(s.title)} | {_cell(levels_text(s))} | {'' if s.default else 'when named'} |"
        for name, s in sorted(exporter.signals.items())
    ]
    metrics = [f"| `{name}` | {_cell(_metric_text(metric))} |" for name, metric in sorted(exporter.metrics.items())]
    parts: Iterable[str] = (
        f"## {exporter.exporter}", "", f"{exporter.title}. {_cell(exporter.about)}", *(["", f"<{exporter.link}>"] if exporter.link else []), "",
        "| signal | | levels | |", "| --- | --- | --- | --- |", *rows, "",
        "| metric | |", "| --- | --- |", *metrics, "",
    )  # fmt: skip
    return "\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _wrapped(head: str, text: str, width: int) -> str:
    indent = " " * min(len(head), 24)
    return (
        textwrap.fill(
            " ".join(text.split()),
            max(width, 40),
            initial_indent=head,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        + "\n"
    )


def _json(value: object) -> str:
    return (
        json.dumps({"schema_version": 1, **value} if isinstance(value, dict) else value, indent=2, ensure_ascii=False)
        + "\n"
    )
