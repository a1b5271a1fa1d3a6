"""Whatever a text of a spec holds, a service's page shows it as that text: no link, heading, cell or element more."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import markdown
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from properties.strangers import LINES, PIECES, TEXTS, TOKEN, spec, write_project

from capgen import api
from capgen.markdown import WORD_JOINER, one_line

MARKDOWN = (
    "# x", "## ", "* x", "- x", "+ x", "1. x", "> x", "| a | b |", "\n\n", "***", "---", "===", "```", "`", "~~x~~", "_x_", "**x**", "<b>", "</td>", "<!--", "-->",
    "<script>alert(1)</script>", "[x](http://evil.example)", "![x](http://evil.example/a.png)", "[x]: http://evil.example", "http://evil.example", "HTTPS://evil.example",
    "www.evil.example", "WWW.evil.example", "a@evil.example", "mailto:a@evil.example", "javascript:alert(1)", "&lt;", "&#42;", "\\", "    code", "$x$", ":tada:", "@team", "[^1]", "- [ ] x",
)  # fmt: skip
PROSE = st.lists(st.sampled_from((*PIECES, *MARKDOWN)), min_size=1, max_size=6).map("".join)


def page(folder: Path, text: str, line: str) -> str:
    built = api.build([write_project(folder, spec(text, line))])
    return api.generated_files(built)["files/shop/README.md"]


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> list[markdown.Element | str]:
    """What the page consists of, with a harmless word in every place."""
    found = markdown.parts(page(tmp_path_factory.mktemp("benign"), TOKEN, TOKEN))
    assert sum(part.count(TOKEN) for part in found if isinstance(part, str)) >= 8
    return found


@settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate])
@given(text=st.one_of(PROSE, TEXTS).filter(one_line), line=LINES)
def test_hostile_text_is_text_on_the_page(
    tmp_path_factory: pytest.TempPathFactory, benign: list[markdown.Element | str], text: str, line: str
) -> None:
    found = shown(markdown.parts(page(tmp_path_factory.mktemp("hostile"), text, line)))
    assert found == shown([p.replace(TOKEN, one_line(text)) if isinstance(p, str) else p for p in benign])


def shown(parts: list[markdown.Element | str]) -> list[markdown.Element | str]:
    """Elements as they are, texts without what nobody sees."""
    visible = [" ".join(p.replace(WORD_JOINER, "").split()) if isinstance(p, str) else p for p in parts]
    return [part for part in visible if part]
