"""What of an alert that is taken over the language has no word for: a person has to be told, and not to find out at night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capgen.check.rulefile import Group
from capgen.intake.found import Remark
from capgen.intake.rules import Written

_GROUP = ("limit", "query_offset", "partial_response_strategy")


def lost(taken: Sequence[tuple[Written, Mapping[str, Any]]]) -> Iterator[Remark]:
    """Of each alert (with the signal that it became part of) the annotations, and of their groups the settings, that go."""
    seen: set[tuple[str, int]] = set()
    for written, signal in taken:
        group = written.rule.group
        if (place := (str(written.found), group.index)) not in seen:
            seen.add(place)
            yield from _of_group(written, group)
        gone = [
            name for name, text in sorted(written.rule.annotations.items()) if text and not _kept(name, text, signal)
        ]
        if gone:
            yield written.remark(f"the annotation{'s' if gone[1:] else ''} {', '.join(gone)} would be lost")


def _of_group(written: Written, group: Group) -> Iterator[Remark]:
    inside = ".spec.groups" if written.found.kind == "PrometheusRule" else ".groups"
    for name in _GROUP:
        node = group.node.at((name,))
        if node is not None:
            why = f"the language has no word for it: alerts of {group.name} that are taken over go without it"
            span = None if written.found.live else node.span
            yield Remark(str(written.found), f"{inside}[{group.index}].{name}", why, span)


def _kept(name: str, text: str, signal: Mapping[str, Any]) -> bool:
    """Whether it stands in the signal, or is told elsewhere: texts with templates are."""
    return "{{" in text or text in (signal.get("about"), signal.get("action"), signal.get("runbook"))
