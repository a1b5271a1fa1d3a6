"""CSV as it comes: in any order, with either kind of time, from any export; and mistakes with their place."""

from __future__ import annotations

import math

import pytest

from capgen.errors import Findings
from capgen.history.csv_file import columns, read_series
from capgen.history.timestamps import seconds

RUNBOOK = "date,requests_per_second,avg_cpu_usage,avg_memory_usage\n2026-01-01,100,50,60\n2026-01-02,110,52,61\n"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01 00:00:00", "2026-01-01T00:00", "2026-01-01",
        "1767225600", "1767225600.0", "1767225600000", "1767225600000000", "1767225600000000000", " 1767225600 ",
        "1.767225600e+09", "2026-01-01 00:00:00 UTC", "2026/01/01 00:00", "2026-01-01 00:00:00 +0000",
    ],
)  # fmt: skip
def test_every_usual_spelling_of_a_time(text: str) -> None:
    assert seconds(text) == 1767225600


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "26-01-01", "2026-01/01", "12", "1.7e300", "NaN", "٢٠٢٦-01-01", "-1767225600"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write"):
        seconds(text)


def test_order_duplicates_and_gaps() -> None:
    made = read_series(
        "a.csv", "timestamp,value\n1767229200,2\n1767225600,1\n1767229200,3\n1767232800,\n1767236400,NaN\n"
    )
    assert made.times.tolist() == [1767225600, 1767229200, 1767232800, 1767236400]
    assert made.values[:2].tolist() == [1, 3]
    assert all(math.isnan(value) for value in made.values[2:])
    assert [notice.code for notice in made.notices] == ["CG910", "CG910"]


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,value\n1767225600,1.5\n", "1767225600,1.5\n", "\ufefftimestamp;value\r\n1767225600;1.5\r\n",
        'Time\tValue\n"2026-01-01"\t"1.5"\n\n', "# exported\nvalue,time\n1.5,2026-01-01\n",
        "timestamp|value\n2026/01/01|1.5\n",
    ],
)  # fmt: skip
def test_exports_of_every_kind(text: str) -> None:
    made = read_series("a.csv", text)
    assert (made.times.tolist(), made.values.tolist()) == ([1767225600], [1.5])


def test_the_runbooks_table() -> None:
    assert columns("a.csv", RUNBOOK) == ("requests_per_second", "avg_cpu_usage", "avg_memory_usage")
    assert read_series("a.csv", RUNBOOK, "avg_cpu_usage").values.tolist() == [50, 52]
    with pytest.raises(Findings) as found:
        read_series("a.csv", RUNBOOK)
    assert found.value.diagnostics[0].code == "CG904"
    assert "--column: requests_per_second" in found.value.diagnostics[0].hint
    with pytest.raises(Findings) as found:
        read_series("a.csv", RUNBOOK, "avg_cpu_usag")
    assert found.value.diagnostics[0].hint == "did you mean 'avg_cpu_usage'?"


def test_every_mistake_at_once_each_with_its_place() -> None:
    text = "timestamp,value\n2026-01-01,1\nyesterday,2\n2026-01-03,1,5\n2026-01-04,high\n2026-01-05,1_000\n"
    with pytest.raises(Findings) as found:
        read_series("a.csv", text)
    assert [(d.code, str(d.span)) for d in found.value.diagnostics] == [
        ("CG901", "a.csv:3:1"), ("CG903", "a.csv:4:1"), ("CG902", "a.csv:5:12"), ("CG902", "a.csv:6:12"),
    ]  # fmt: skip


def test_a_file_of_mistakes_is_not_listed_to_its_end() -> None:
    with pytest.raises(Findings) as found:
        read_series("a.csv", "timestamp,value\n" + "x,1\n" * 5000)
    assert len(found.value.diagnostics) == 101


@pytest.mark.parametrize(
    "text", ["", "\n\n", "timestamp,value\n", "\x00\x01", "a,b,c\n", '"unclosed\n', "1767225600\n"]
)
def test_what_holds_no_series_is_a_finding(text: str) -> None:
    with pytest.raises(Findings):
        read_series("a.csv", text)
