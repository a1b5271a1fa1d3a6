"""Every code that the program can say has a page that explains it, and no page explains a code that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capgen.errors import UsageError
from capgen.report.codes import codes, page, parse

PACKAGE = Path(__file__).parents[2] / "capgen"
PAGE = "# CG304: levels out of order\n\nEach level is worse.\n\n## Bad\n\n```yaml\na: 1\n```\n\n## Good\n\n    a: 2\n"


def said() -> set[str]:
    return {code for file in PACKAGE.rglob("*.py") for code in re.findall(r"\"(CG[0-9]{3})\"", file.read_text())}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert said(), "no code found in the source"
    assert sorted(said() - set(codes())) == [], "codes without a page in capgen/codes"
    assert sorted(set(codes()) - said()) == [], "pages in capgen/codes of codes that nothing says"


def test_every_page_has_the_shape() -> None:
    for code in codes():
        assert page(code).code == code
        assert len(page(code).title) <= 80, code


def test_a_page_is_read_in_its_parts() -> None:
    read = parse("CG304", PAGE)
    assert (read.title, read.bad, read.good) == ("levels out of order", "```yaml\na: 1\n```", "a: 2")
    assert read.text == PAGE


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (PAGE.replace("CG304", "CG305"), "has to start with"),
        (PAGE.replace("## Good", "## Well"), "no `## Good`"),
        (PAGE.replace("    a: 2\n", ""), "no `## Good`"),
        (PAGE.replace("Each level is worse.", ""), "does not say what is wrong"),
    ],
)
def test_a_page_out_of_shape_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse("CG304", text)


@pytest.mark.parametrize("code", ["CG999", "../catalog/ladders", "CG101.md", ""])
def test_an_unknown_code_is_a_usage_error(code: str) -> None:
    with pytest.raises(UsageError, match="there is no code"):
        page(code)
