"""Strings for label values: one that a matcher accepts, one that it refuses.

A series in a unit test needs a concrete `pod="web-bcdfg-12345"` for the selector's `pod=~"web-…"`. Python's own
regular-expression parser gives the tree; every sample is checked against the pattern before it is used.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import Any

from capgen.promql import Matcher

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the documented name of `re._parser`, which has no stubs
    import sre_parse

MAX_ALTERNATIVES = 6
_PREFERRED = "a1-b_./:"


def accepts(matcher: Matcher, value: str) -> bool:
    """Whether a label with this value ("" for none) passes the matcher."""
    match matcher.op:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return _compiled(matcher.value).fullmatch(value) is not None
        case "!~":
            return _compiled(matcher.value).fullmatch(value) is None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


@lru_cache(maxsize=1024)
def samples(pattern: str) -> tuple[str, ...]:
    """Up to MAX_ALTERNATIVES strings that the anchored pattern matches, one for each branch; () if none is found."""
    try:
        tree: Any = sre_parse.parse(pattern, re.DOTALL)
    except re.error:
        return ()
    found = dict.fromkeys(islice(_sequence(tree), MAX_ALTERNATIVES))
    return tuple(text for text in found if _compiled(pattern).fullmatch(text))


def refused(matcher: Matcher, taken: Iterable[str] = ()) -> str | None:
    """A value that fails the matcher, not among `taken`; None if there is none ("" and any word pass)."""
    excluded: Sequence[str] = ()
    if matcher.op == "!=":
        excluded = (matcher.value,)
    elif matcher.op == "!~":
        excluded = samples(matcher.value)
    used = set(taken)
    options = (*excluded, "other", "elsewhere", "0", "")
    return next((value for value in options if value not in used and not accepts(matcher, value)), None)


def _sequence(tree: Any) -> Iterator[str]:
    parts = [list(islice(_piece(str(op), argument), MAX_ALTERNATIVES)) for op, argument in tree]
    return ("".join(choice) for choice in product(*parts))


def _piece(op: str, argument: Any) -> Iterator[str]:
    match op:
        case "LITERAL":
            yield chr(argument)
        case "ANY":
            yield "0"
        case "NOT_LITERAL":
            yield next(c for c in _PREFERRED if ord(c) != argument)
        case "IN":
            yield _one_of(argument)
        case "BRANCH":
            for branch in argument[1]:
                yield from islice(_sequence(branch), 1) if len(argument[1]) > 1 else _sequence(branch)
        case "SUBPATTERN":
            yield from _sequence(argument[3])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            # One repetition where none would do: a pod's hash is more telling than nothing.
            count = max(int(least), min(1, int(most)))
            yield next(_sequence(inner), "") * count
        case "AT":
            yield ""


def _one_of(options: Any) -> str:
    negated = str(options[0][0]) == "NEGATE"
    inside = "".join(_members(options))
    if negated:
        return next(c for c in _PREFERRED + "zyx" if c not in inside)
    return inside[0]


def _members(options: Any) -> Iterator[str]:
    for op, argument in options:
        match str(op):
            case "LITERAL":
                yield chr(argument)
            case "RANGE":
                yield from (chr(code) for code in range(argument[0], min(argument[1], argument[0] + 127) + 1))
            case "CATEGORY":
                name = str(argument)
                yield {"CATEGORY_DIGIT": "1234567890", "CATEGORY_WORD": "abc_123", "CATEGORY_SPACE": " "}.get(name, "-")
