"""Quantities: what is written is what is computed with, and what is shown reads back as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen.units import UNITS, BadQuantity, duration, human, kube_bytes, kube_cpu, number, parse

SUFFIXES = [(unit.name, suffix) for unit in UNITS.values() for suffix in unit.suffixes if suffix]
WRITTEN = st.tuples(
    st.sampled_from([*SUFFIXES, ("short", ""), ("ratio", "")]),
    st.integers(min_value=0, max_value=9999),
    st.integers(min_value=0, max_value=4),
)


@given(WRITTEN)
def test_what_is_shown_reads_back_as_the_same_value(written: tuple[tuple[str, str], int, int]) -> None:
    (unit, suffix), digits, decimals = written
    value = parse(f"{digits / 10**decimals:.{decimals}f}{suffix}", unit)
    assert parse(human(value, unit), unit) == value


@given(st.sampled_from(sorted(UNITS)), st.floats(min_value=1e-12, max_value=1e28))
def test_whatever_was_computed_is_shown_so_that_it_reads_back(unit: str, value: float) -> None:
    assert parse(human(value, unit), unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("99.9%", "ratio", 0.999), ("0.1%", "ratio", 0.001), ("110%", "ratio", 1.1), ("80%", "ratio", 0.8),
        ("0.8", "ratio", 0.8), (0.8, "ratio", 0.8), ("7%", "ratio", 0.07), ("29%", "ratio", 0.29),
        ("200ms", "seconds", 0.2), ("1h30m", "seconds", 5400), ("1.5h", "seconds", 5400), ("90d", "seconds", 7776000),
        ("1us", "seconds", 1e-6), ("2w", "seconds", 1209600), ("1y", "seconds", 31536000),
        ("4Gi", "bytes", 4294967296), ("1TB", "bytes", 1e12), ("1k", "bytes", 1000), ("1Ki", "bytes", 1024), (7, "bytes", 7),
        ("1Gbps", "bytes_per_second", 125e6), ("1bps", "bytes_per_second", 0.125), ("125MB/s", "bytes_per_second", 125e6),
        ("500m", "cores", 0.5), ("2", "cores", 2), (2, "cores", 2), ("1.5k", "short", 1500), ("20/s", "per_second", 20),
    ],
)  # fmt: skip
def test_what_is_written_is_what_is_computed_with(text: str | float, unit: str, value: float) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "advice"),
    [
        ("5", "seconds", "has no unit"), (5, "seconds", "has no unit"), ("80%", "seconds", "is a share"),
        ("200ms", "ratio", "is a duration"), ("4Gi", "seconds", "is an amount of data"),
        ("4GB", "seconds", "is an amount of data"), ("1Gbps", "bytes", "an amount of data is wanted"), ("500m", "bytes", "an amount of data is wanted"),
        ("5 parsec", "seconds", "unknown unit 'parsec'"), ("", "ratio", "is no quantity"), ("eighty", "ratio", "is no quantity"),
        ("30m1h", "seconds", "is no quantity"), ("1h1h", "seconds", "is no quantity"), ("nan", "ratio", "is no quantity"),
        ("inf", "short", "is no quantity"), ("1e999", "short", "out of range"), (True, "short", "truth value"),
        ("١٢", "short", "is no quantity"), ("0x10", "short", "is no quantity"), ("1,5", "short", "is no quantity"),
    ],
)  # fmt: skip
def test_what_is_no_quantity_is_refused_with_the_spellings(text: str | float, unit: str, advice: str) -> None:
    with pytest.raises(BadQuantity, match=advice) as refused:
        parse(text, unit)
    if "out of range" not in advice:
        assert UNITS[unit].examples in str(refused.value)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.999, "ratio", "99.9%"), (0.29, "ratio", "29%"), (0.07, "ratio", "7%"), (1.1, "ratio", "110%"), (0, "ratio", "0%"),
        (0.2, "seconds", "200ms"), (5400, "seconds", "1h30m"), (90, "seconds", "1m30s"), (0, "seconds", "0s"),
        (7776000, "seconds", "90d"), (604800, "seconds", "1w"), (61.5, "seconds", "1m1s500ms"), (1e-6, "seconds", "0.000001s"),
        (0.0015, "seconds", "1.5ms"),
        (2**32, "bytes", "4Gi"), (1000, "bytes", "1000B"), (1536, "bytes", "1.5Ki"), (0, "bytes", "0B"),
        (125e6, "bytes_per_second", "1Gbps"), (0.125, "bytes_per_second", "1bps"), (312500, "bytes_per_second", "2.5Mbps"),
        (0.5, "cores", "500m"), (2, "cores", "2"), (500, "short", "500"), (20, "per_second", "20/s"),
        (0, "bytes_per_second", "0bps"), (1.5 * 2**30, "bytes", "1.5Gi"), (0.0000012, "seconds", "0.0000012s"),
        (941 * 2.0**50, "bytes_per_second", "1059471812338909200B/s"),
    ],
)  # fmt: skip
def test_values_are_shown_as_people_write_them(value: float, unit: str, text: str) -> None:
    assert human(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8, "0.8"), (2.0, "2"), (1e-5, "0.00001"), (1e21, "1000000000000000000000"), (0.1 + 0.2, "0.30000000000000004"), (-0.5, "-0.5")],
)  # fmt: skip
def test_numbers_in_expressions_have_no_exponent_and_lose_nothing(value: float, text: str) -> None:
    assert number(value) == text
    assert float(number(value)) == value


@given(st.floats(min_value=1e-9, max_value=1e18))
def test_every_number_reads_back(value: float) -> None:
    assert float(number(value)) == value
    assert "e" not in number(value)


@given(st.integers(min_value=0, max_value=400 * 86_400_000))
def test_every_duration_of_whole_milliseconds_reads_back(milliseconds: int) -> None:
    shown = duration(milliseconds / 1000)
    assert round(parse(shown, "seconds") * 1000) == milliseconds


@pytest.mark.parametrize(("cores", "text"), [(0.1, "100m"), (2, "2"), (1.5, "1500m"), (0.0004, "0")])
def test_cpu_in_kubernetes_spelling(cores: float, text: str) -> None:
    assert kube_cpu(cores) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2**32, "4Gi"), (128 * 2**20, "128Mi"), (1e9, "1000000000"), (1536, "1536"), (2**40, "1Ti")]
)
def test_memory_in_kubernetes_spelling(value: float, text: str) -> None:
    assert kube_bytes(value) == text
