"""The terminal's form: the caret under the right column, nothing wider than the terminal, nothing it would obey."""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties.findings import findings, hostile
from rich.cells import cell_len

from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.report.findings import render
from capgen.report.text import wrapped


def finding(text: str, word: str, **more: str) -> Diagnostic:
    column = text.index(word) + 1
    return Diagnostic(
        "CG304", "wrong", Span("specs/apm.yaml", 30, column, 30, column + len(word)), excerpt=text, **more
    )


def marked(rendered: str) -> str:
    """What stands above the carets, found cell by cell as a terminal of one's own would."""
    _, line, carets = rendered.split("\n")[:3]
    cells: list[str] = []
    for character in line:
        if combining(character):
            cells[-1] += character
        else:
            cells += [character, ""] if east_asian_width(character) in "WF" else [character]
    return "".join(cells[carets.index("^") : carets.rindex("^") + 1])


def test_a_finding_says_where_what_and_what_to_do() -> None:
    found = [
        finding("    critical: 70%", "70%", hint="put the levels in order"),
        Diagnostic("CG602", "nobody listens", severity=Severity.WARNING),
    ]
    assert render(found, "text") == (
        "warning CG602: nobody listens\n"
        "\n"
        "specs/apm.yaml:30:15: error CG304: wrong\n"
        "  30 |     critical: 70%\n"
        "     |               ^^^\n"
        "  hint: put the levels in order\n"
        "\n"
        "1 error, 1 warning\n"
    )


def test_a_long_message_is_wrapped_below_its_place() -> None:
    message, hint = "the level is not where it should be, " * 5, "move it to another place, " * 6
    found = Diagnostic("CG304", message, Span("specs/apm.yaml", 30, 5, 30, 9), hint)
    lines = render([found], "text").split("\n")
    assert lines[:2] == [
        "specs/apm.yaml:30:5: error CG304: the level is not where it should be, the level",
        "  is not where it should be, the level is not where it should be, the level is",
    ]
    assert [line[:16] for line in lines[3:-3]] == ["  hint: move it ", "        place, m", "        another "]
    assert max(map(len, lines)) == 80


def test_nothing_is_said_about_nothing() -> None:
    assert render([], "text") == ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("cpu: 70%", "70%"),
        ("\tcpu:\t70%", "70%"),
        ("警告: 高い", "高い"),
        ("cafe\u0301: 70%", "70%"),
        ("👍: x", "x"),
        ("a\x1b[31m: x", "x"),
        ("a\u202eb: x", "x"),
        ("a: " + "b" * 300 + " here " + "c" * 300, "here"),
        ("警" * 200 + " here " + "告" * 200, "here"),
        ("here " + "c" * 300, "here"),
        ("c" * 300 + " here", "here"),
    ],
)
def test_the_caret_stands_under_the_word(text: str, word: str) -> None:
    rendered = render([finding(text, word)], "text")
    assert marked(rendered) == word
    assert all(len(line) <= 80 for line in rendered.split("\n"))


def test_a_span_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    found = Diagnostic("CG201", "m", Span("a.yaml", 1, 4, 3, 2), excerpt="a: {b: c,")
    assert marked(render([found], "text")) == "{b: c,"


def test_a_place_past_the_end_of_the_line_is_marked_right_behind_it() -> None:
    found = Diagnostic("CG101", "m", Span("a.yaml", 1, 9, 1, 10), excerpt="cpu:")
    assert render([found], "text").split("\n")[1:3] == ["   1 | cpu:", "     |     ^"]


@given(findings())
def test_only_our_own_line_breaks_and_no_escape_sequences_reach_the_terminal(found: Diagnostic) -> None:
    rendered = render([found], "text")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", rendered)
    rendered.encode()
    # A word is never broken, so only lines of one long word may be wider than the terminal.
    assert rendered.endswith(("1 error\n", "1 warning\n", "1 note\n"))


@given(hostile.filter(bool), st.data(), st.integers(40, 120))
def test_the_caret_is_right_in_any_line_and_any_width(text: str, data: st.DataObject, width: int) -> None:
    column = data.draw(st.integers(1, len(text)))
    head, line, carets, *_ = render(
        [Diagnostic("CG101", "m", Span("a.yaml", 7, column, 7, column + 1), excerpt=text)], "text", width=width
    ).split("\n")
    assert head == "a.yaml:7:1: error CG101: m".replace(":1:", f":{column}:")
    # The table of widths is rich's in both; what is put to the test is the arithmetic of tabs, cuts and columns.
    before, wanted = carets.index("^"), text[column - 1]
    at_caret = [line[number] for number in range(len(line)) if cell_len(line[:number]) == before]
    assert cell_len(line) <= width
    if wanted.isprintable() and not wanted.isspace() and cell_len(wanted):
        assert wanted in at_caret


@given(st.text("ab 中", max_size=200), st.integers(10, 40))
def test_wrapping_loses_nothing_and_keeps_to_the_room(text: str, room: int) -> None:
    lines = wrapped(text, room // 2, room)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for number, line in enumerate(lines):
        cells = sum(2 if character == "中" else 1 for character in line)
        assert cells <= (room if number else room // 2) or " " not in line.strip()


def test_color_adds_styles_and_changes_no_word() -> None:
    found = [finding("cpu: 70%", "70%", hint="h"), Diagnostic("CG602", "m", severity=Severity.NOTE)]
    plain, colored = render(found, "text"), render(found, "text", color=True)
    assert colored != plain
    assert re.sub("\x1b\\[[0-9;]*m", "", colored) == plain
