"""Label values made up for tests have to pass the selectors they are made for."""

from __future__ import annotations

import re

import pytest

from capgen.promql import Matcher
from capgen.prove.sampling import accepts, refused, samples


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("idle|iowait|steal", ("idle", "iowait", "steal")),
        ("5..|5xx", ("500", "5xx")),
        ("web-[bcdf]{1,10}-[a-z0-9]{5}", ("web-b-aaaaa",)),
        ("lag_(master|source)", ("lag_master", "lag_source")),
        ("1(\\.0)?", ("1.0",)),
        ("[^/]+", ("a",)),
        ("(?i)ready", ("ready",)),
        ("", ("",)),
    ],
)
def test_a_sample_for_each_alternative(pattern: str, expected: tuple[str, ...]) -> None:
    assert samples(pattern) == expected
    assert all(re.fullmatch(pattern, value) for value in expected)


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher("x", "=", "a"),
        Matcher("x", "!=", ""),
        Matcher("x", "=~", "a|b"),
        Matcher("x", "!~", "tmpfs|fuse.*"),
        Matcher("x", "=~", "[ab]+"),
    ],
)
def test_a_refused_value_is_refused(matcher: Matcher) -> None:
    value = refused(matcher)
    assert value is not None
    assert not accepts(matcher, value)


def test_there_is_not_always_a_value_to_refuse() -> None:
    assert refused(Matcher("x", "=~", ".*")) is None
