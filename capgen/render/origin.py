"""Finds the template line that printed a line of output, for messages about a project's own templates.

Jinja does not keep that. So when, and only when, an output is broken, the template is rendered once more with a
mark at the start of each of its lines, and the marks around the broken line are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import BaseLoader, Environment, TemplateNotFound

_MARK = re.compile("\x00([^\x00]*):([0-9]+)\x00")


class _Marking(BaseLoader):
    """Hands out the templates of another loader with marks in those that `wanted` names."""

    def __init__(self, environment: Environment, wanted: Mapping[str, str]) -> None:
        self.environment, self.wanted = environment, wanted

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool]]:
        loader = self.environment.loader
        if loader is None:
            raise TemplateNotFound(template)
        text, file, _ = loader.get_source(self.environment, template)
        return (_marked(self.environment, text, template) if template in self.wanted else text), file, lambda: True


def _marked(environment: Environment, text: str, name: str) -> str:
    pieces: list[str] = []
    fresh = True
    for line, kind, value in environment.lex(text, name):
        if kind != "data":
            pieces.append(value)
            fresh = value.endswith("\n")
            continue
        number = line
        for index, part in enumerate(value.split("\n")):
            if index:
                pieces.append("\n")
                number, fresh = number + 1, True
            if fresh:
                pieces.append(f"\x00{name}:{number}\x00")
                fresh = False
            pieces.append(part)
        fresh = value.endswith("\n")
    return "".join(pieces)


def template_line(
    environment: Environment, files: Mapping[str, str], name: str, values: Mapping[str, Any], line: int
) -> tuple[str, int] | None:
    """The name and line of the own template (`files`: name -> file) that printed a line of the output of `name`."""
    marking = environment.overlay(loader=_Marking(environment, files), cache_size=0)
    found: tuple[str, int] | None = None
    for number, text in enumerate(marking.get_template(name).render(values).split("\n"), start=1):
        for mark in _MARK.finditer(text):
            found = (mark[1], int(mark[2]))
        if number >= line and found is not None:
            return found
    return found
