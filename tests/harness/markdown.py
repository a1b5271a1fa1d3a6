"""Markdown as GitHub's own parser reads it: the elements of a page, its links, and the places that links may lead to."""

from __future__ import annotations

from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

Element = tuple[str, tuple[tuple[str, str | None], ...]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Element | str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, tuple(sorted(attrs))))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if self.parts and isinstance(self.parts[-1], str):
            text = " ".join(filter(None, (str(self.parts.pop()), text)))
        if text:
            self.parts.append(text)


def parts(page: str) -> list[Element | str]:
    """What the page consists of, in order: opened and closed elements, and texts with single spaces."""
    reader = _Reader()
    reader.feed(cmarkgfm.github_flavored_markdown_to_html(page, options=Options.CMARK_OPT_UNSAFE))
    reader.close()
    return reader.parts


def links(page: str) -> list[str]:
    """Where the page's links lead."""
    return _values(page, "href")


def anchors(page: str) -> list[str]:
    """The places of the page that a link may name."""
    return _values(page, "id")


def _values(page: str, attribute: str) -> list[str]:
    elements = [part for part in parts(page) if not isinstance(part, str)]
    return [value or "" for _, attributes in elements for name, value in attributes if name == attribute]
