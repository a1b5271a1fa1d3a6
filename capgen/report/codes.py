"""The pages that explain the codes: one Markdown file a code in `capgen/codes`, shipped in the wheel.

A page is data and not a docstring, so that `capgen explain CG304`, the rules of a SARIF report and the
documentation show the same words, and a test can ask for a page for every code and a code for every page.
"""

from __future__ import annotations

import re
from importlib.resources import files

from msgspec import Struct

from capgen.diagnostics import suggest
from capgen.errors import UsageError

_CODE = re.compile(r"CG[0-9]{3}")
_TITLE = re.compile(r"# (CG[0-9]{3}): (\S.*)")
_FOLDER = files("capgen") / "codes"


class Page(Struct, frozen=True):
    """What a code means. `bad` and `good` are the Markdown under those headings, `text` is the whole page."""

    code: str
    title: str
    text: str
    bad: str
    good: str


def codes() -> tuple[str, ...]:
    """Every code that has a page, sorted."""
    if not _FOLDER.is_dir():
        return ()
    names = (entry.name.removesuffix(".md") for entry in _FOLDER.iterdir() if entry.name.endswith(".md"))
    return tuple(sorted(name for name in names if _CODE.fullmatch(name)))


def page(code: str) -> Page:
    """The page of a code. Raises UsageError for an unknown one, with the close name."""
    if code not in codes():
        raise UsageError(f"there is no code {code!r}: {suggest(code, codes(), what='codes')}")
    return parse(code, (_FOLDER / f"{code}.md").read_text(encoding="utf-8"))


def parse(code: str, text: str) -> Page:
    """A page from its Markdown: `# CG101: title`, an explanation, `## Bad`, `## Good`.

    Raises ValueError when one of them is missing or empty: a page is ours, so that is a bug and a test finds it.
    """
    head, *sections = re.split(r"^## +", text.strip(), flags=re.MULTILINE)
    title = _TITLE.match(head)
    if title is None or title[1] != code:
        raise ValueError(f"{code}.md has to start with `# {code}: title`")
    if not head[title.end() :].strip():
        raise ValueError(f"{code}.md does not say what is wrong, between its title and `## Bad`")
    bodies = {name.strip(): body.strip() for name, _, body in (section.partition("\n") for section in sections)}
    for wanted in ("Bad", "Good"):
        if not bodies.get(wanted):
            raise ValueError(f"{code}.md has no `## {wanted}` with an example below it")
    return Page(code, title[2].strip(), text.strip() + "\n", bodies["Bad"], bodies["Good"])
