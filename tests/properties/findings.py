"""Findings as strangers would write them: any character there is, and the ones that break a format more often."""

from __future__ import annotations

from hypothesis import strategies as st

from capgen.diagnostics import Diagnostic, Severity, Span

_NASTY = "\x00\x1b[31m\x07\t\r\n\x85\u2028\u202e\u200b\ud800\ufffe|`<>&\"'%:,@#*_[]()\\{}$~é中👍́"
_PIECES = (
    "::error::x",
    "]]>",
    "<!--",
    "-->",
    "%0A",
    "](http://evil.example)",
    "@everyone",
    "www.evil.example",
    "GH-1",
    "\r\n::stop",
)

hostile = st.lists(
    st.one_of(st.sampled_from(_NASTY), st.sampled_from(_PIECES), st.characters(), st.text("abc xyz", max_size=12)),
    max_size=25,
).map("".join)


@st.composite
def findings(draw: st.DrawFn) -> Diagnostic:
    span = None
    if draw(st.booleans()):
        line, column = draw(st.integers(1, 9999)), draw(st.integers(1, 300))
        end_line = line + draw(st.integers(0, 2))
        end_column = draw(st.integers(column + 1, column + 50)) if end_line == line else draw(st.integers(1, 300))
        span = Span(draw(hostile), line, column, end_line, end_column)
    code = draw(st.sampled_from(("CG101", "CG304", "CG501")))
    severity = draw(st.sampled_from(Severity))
    return Diagnostic(code, draw(hostile), span, draw(hostile), severity, draw(hostile) if span else "")
