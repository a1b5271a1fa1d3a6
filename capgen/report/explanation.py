"""Answers of `explain` as text for a terminal, each fact with its place beside it, or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from msgspec import to_builtins

from capgen.explain import Answer, Fact
from capgen.report.visible import visible


def as_text(answers: Sequence[Answer], *, width: int = 80) -> str:
    """The answers one below the other: a title, notes, then each fact with its place in the line below."""
    return "\n".join(_answer(answer, width) for answer in answers)


def as_json(answers: Sequence[Answer]) -> str:
    """The answers as data."""
    return (
        json.dumps(
            {"schema_version": 1, "answers": [to_builtins(answer) for answer in answers]}, indent=2, ensure_ascii=False
        )
        + "\n"
    )


def _answer(answer: Answer, width: int) -> str:
    lines = [visible(answer.title)]
    lines += [
        textwrap.fill(visible(note), width, initial_indent="  ", subsequent_indent="    ") for note in answer.notes
    ]
    wide = min(max((len(fact.name) for fact in answer.facts), default=0), 40)
    lines += [_fact(fact, wide, width) for fact in answer.facts]
    return "\n".join(lines) + "\n"


def _fact(fact: Fact, wide: int, width: int) -> str:
    # The place says more than the layer's name, unless the layer is not a file of the user's.
    where = fact.place or fact.layer
    if fact.place and not fact.place.startswith(fact.layer):
        where = f"{fact.layer}, {fact.place}"
    head = f"  {visible(fact.name).ljust(wide)}  "
    body = visible(fact.value) + (f"  [{visible(where)}]" if where else "")
    return textwrap.fill(
        body,
        max(width, 40),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
