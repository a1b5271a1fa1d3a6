"""What differs between two texts, by lines: a file has no fields, and a reviewer reads lines anyway."""

from __future__ import annotations

from difflib import SequenceMatcher

from capgen.reconcile.plan import ABSENT, FieldChange


def compare_lines(before: str, after: str) -> tuple[FieldChange, ...]:
    """The changed runs of lines. `path` counts the lines of `before` from 1: `line 7`, `lines 7-9`, `after line 6`."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    # The ends are cut off first: a dashboard of 30,000 lines with one changed costs one line.
    matcher = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    found = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            i, j, k, m = (place + start for place in (i, j, k, m))
            found.append(FieldChange(_where(i, j), "".join(old[i:j]) or ABSENT, "".join(new[k:m]) or ABSENT))
    return tuple(found)


def _shared(first: list[str], second: list[str]) -> int:
    """How many items at the start are the same."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _where(start: int, end: int) -> str:
    if end == start:
        return f"after line {start}"
    return f"line {end}" if end == start + 1 else f"lines {start + 1}-{end}"
