"""The forms for programs: whatever a spec holds, each stays well-formed and says exactly what was found."""

from __future__ import annotations

import html
import json
import re
from xml.etree import ElementTree as ET

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st
from properties.findings import findings, hostile
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from capgen.diagnostics import Diagnostic, Severity, Span, in_order
from capgen.report.findings import FORMATS, render
from capgen.report.markdown import LIMIT, MARKER, escaped, fitted
from capgen.report.visible import encodable, one_line, visible

several = st.lists(findings(), max_size=6, unique_by=lambda found: found.sort_key)
ONE = Diagnostic("CG304", "too low: 5%, no", Span("a,b:c.yaml", 3, 5, 3, 9), "raise it", excerpt="    5%")


@pytest.mark.parametrize("form", FORMATS)
@given(found=st.lists(findings(), max_size=6))
def test_every_form_is_text_that_can_be_written_and_does_not_depend_on_order(
    form: str, found: list[Diagnostic]
) -> None:
    rendered = render(found, form)
    rendered.encode("utf-8")
    assert rendered.endswith("\n") or (not found and form in ("text", "github"))
    assert render([*reversed(found), *found], form) == rendered


@given(several)
def test_json_gives_back_what_was_found(found: list[Diagnostic]) -> None:
    document = json.loads(render(found, "json"))
    assert list(document) == ["schema_version", "diagnostics", "summary"]
    assert document["schema_version"] == 1
    expected = in_order(found)
    assert [(d["code"], d["severity"], d["message"], d["hint"], d["excerpt"]) for d in document["diagnostics"]] == [
        (d.code, d.severity, encodable(d.message), encodable(d.hint), encodable(d.excerpt)) for d in expected
    ]
    assert [d["span"] and tuple(d["span"].values()) for d in document["diagnostics"]] == [
        d.span and (encodable(d.span.file), d.span.line, d.span.column, d.span.end_line, d.span.end_column)
        for d in expected
    ]
    assert sum(document["summary"].values()) == len(expected)


@given(several)
def test_sarif_is_what_the_standard_asks_for(found: list[Diagnostic]) -> None:
    text = render(found, "sarif", tool_version="1.2.3")
    # These models are generated from the standard's own JSON Schema and refuse unknown keys.
    run = Sarif.model_validate_json(text).runs[0]
    assert run.tool.driver.version == "1.2.3"
    ids = [rule.id for rule in run.tool.driver.rules or []]
    assert ids == sorted({d.code for d in found})
    for result, diagnostic in zip(json.loads(text)["runs"][0]["results"], in_order(found), strict=True):
        assert ids[result["ruleIndex"]] == result["ruleId"] == diagnostic.code
        assert "](" not in result["message"]["text"].replace("\\](", "")
        if diagnostic.span:
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            assert re.fullmatch(r"[A-Za-z0-9/_.~%-]*", uri)


@given(several)
def test_a_github_command_is_one_line_whose_fields_read_back(found: list[Diagnostic]) -> None:
    lines = render(found, "github").splitlines()
    expected = in_order(found)
    assert len(lines) == len(expected)
    for line, diagnostic in zip(lines, expected, strict=True):
        command = re.fullmatch(r"::(error|warning|notice) ([^:\r\n]*)::(.*)", line)
        assert command is not None
        fields = dict(pair.split("=", 1) for pair in command[2].split(","))
        assert unescaped(fields["title"]) == diagnostic.code
        said = one_line(diagnostic.message) + (f"\nhint: {one_line(diagnostic.hint)}" if diagnostic.hint else "")
        assert unescaped(command[3]) == said
        if diagnostic.span:
            assert unescaped(fields["file"]) == visible(diagnostic.span.file)
            assert (fields["line"], fields["col"]) == (str(diagnostic.span.line), str(diagnostic.span.column))


def unescaped(text: str) -> str:
    """As the runner reads it."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_a_github_command_as_the_runner_documents_it() -> None:
    assert render([ONE], "github") == (
        "::error file=a%2Cb%3Ac.yaml,line=3,col=5,endColumn=9,title=CG304::too low: 5%25, no%0Ahint: raise it\n"
    )


@given(several)
def test_junit_is_well_formed_and_counts_errors_as_failures(found: list[Diagnostic]) -> None:
    root = ET.fromstring(render(found, "junit").encode())
    cases, expected = root.findall("testsuite/testcase"), in_order(found)
    assert len(cases) == int(root.get("tests", "")) == max(len(expected), 1)
    assert int(root.get("failures", "")) == len(root.findall(".//failure"))
    for case, diagnostic in zip(cases, expected, strict=False):
        said = case.find("failure" if diagnostic.severity is Severity.ERROR else "system-out")
        assert said is not None
        assert one_line(diagnostic.message) in (said.text or "")


def rendered_page(text: str) -> str:
    """By GitHub's own parser, which is told to let raw HTML through, so that what gets through is seen."""
    return github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)


@given(several)
def test_a_comment_shows_hostile_text_as_it_is(found: list[Diagnostic]) -> None:
    text = render(found, "markdown")
    assert text.startswith(MARKER + "\n")
    rows = re.findall(r"<tr>\n(.*?)</tr>", rendered_page(text), re.DOTALL)[1:]
    assert len(rows) == len(in_order(found))
    said = {one_line(diagnostic.message) for diagnostic in found}
    for row in rows:
        # Our own line break before a hint is all the markup that a cell may hold.
        assert re.findall(r"<[^>]*>", row.replace("<br>", "")) == ["<td>", "</td>"] * 3
        what = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)[2].partition("<br>hint:")[0]
        assert html.unescape(what).replace("\u200b", "").strip() in {message.strip() for message in said}


@given(hostile)
def test_escaped_text_reads_back_and_mentions_nobody(text: str) -> None:
    page = rendered_page(f"x{escaped(text)}x\n")
    shown = html.unescape(re.sub(r"^<p>|</p>\n$", "", page))
    assert shown.replace("\u200b", "") == f"x{one_line(text)}x"
    assert not re.search(r"@\w|#\d|(?i:gh-\d|www\.\w)", shown)


def test_a_comment_never_grows_past_the_limit_and_says_what_it_left_out() -> None:
    many = [
        Diagnostic("CG304", f"|{'`' * 3000}", Span("a.yaml", number + 1, 1, number + 1, 2), severity=severity)
        for number, severity in enumerate([Severity.WARNING] * 60 + [Severity.ERROR] * 5)
    ]
    text = render(many, "markdown")
    assert LIMIT - 3000 < len(text) <= LIMIT
    shown = text.count("\n| ") - 2
    assert text.endswith(f"\n… and {65 - shown} more\n")
    assert text.count("| error CG304 |") == 5
    assert render(many[::-1], "markdown") == text


@given(st.lists(st.integers(1, 60), max_size=12), st.integers(60, 300))
def test_rows_are_cut_at_the_limit_and_not_before(lengths: list[int], limit: int) -> None:
    rows = ["x" * length for length in lengths]
    text = fitted(["head"], rows, limit)
    assert len(text) <= limit
    whole = "\n".join(["head", *rows]) + "\n"
    if len(whole) <= limit:
        assert text == whole
    else:
        kept = text.count("x\n")
        assert text.endswith(f"\n… and {len(rows) - kept} more\n")
        assert len(text) + len(rows[kept]) + 1 > limit - 1


def test_a_comment_that_just_fits_is_not_cut() -> None:
    def comment(length: int) -> str:
        rows = [Diagnostic("CG101", "x" * 900, Span("a", line, 1, line, 2)) for line in range(1000, 1070)]
        return render([*rows, Diagnostic("CG101", "y" * length, Span("b", 1, 1, 1, 2))], "markdown")

    room = LIMIT - len(comment(1)) + 1
    assert 1 < room < 1000
    assert len(comment(room)) == LIMIT
    assert "more" not in comment(room)
    assert comment(room + 1).endswith("\n… and 1 more\n")


def test_no_findings_is_a_whole_document_where_a_program_reads_it() -> None:
    assert json.loads(render([], "json"))["diagnostics"] == []
    assert json.loads(render([], "sarif"))["runs"][0]["results"] == []
    assert "no findings" in render([], "markdown")
    assert render([], "github") == ""
