"""PromQL as it is written: templates that are filled in, and what a selector's braces hold.

The same templates are filled for all services, and the same texts quoted in all their rules, so both are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

_FILLED = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\{\s*\$selector\b|\$([a-z_][a-z0-9_]*)")
_PLACEHOLDER = re.compile(r"\$([a-z_][a-z0-9_]*)")


def placeholders(template: str) -> tuple[str, ...]:
    """The names after `$` in a template, each once, sorted."""
    return tuple(sorted(set(_PLACEHOLDER.findall(template))))


def fill(template: str, selector_of: Callable[[str], str], values: Mapping[str, str]) -> str:
    """A template as PromQL: `metric{$selector` gets the matchers for that metric, `$name` its value.

    White space is folded, so that a template may be written over several lines. Raises KeyError with the
    name of a placeholder that has no value.
    """
    pieces = _pieces(template)
    filled = [pieces[0]]
    for metric, name, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        filled += (values[name] if name else f"{metric or ''}{{{selector_of(metric or '')}", text)
    return "".join(filled)


@lru_cache(maxsize=512)
def _pieces(template: str) -> tuple[str, ...]:
    """Text, metric, placeholder, text, …: every template is filled for many services."""
    # Folded before anything is put in: what a spec's matcher says keeps its spaces, and its dollars.
    folded = " ".join(template.split()).replace("( ", "(").replace(" )", ")")
    return tuple(_FILLED.split(folded))


@lru_cache(maxsize=512)  # every selector names the service
def string(text: str) -> str:
    """The text as a PromQL string literal in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if not escaped.isprintable():
        escaped = "".join(c if c.isprintable() or ord(c) > 255 else f"\\x{ord(c):02x}" for c in escaped)
    return f'"{escaped}"'


def matchers(pairs: Mapping[str, str], regexes: Mapping[str, str] | None = None) -> str:
    """The inside of a selector's braces: equality matchers, then regular expressions, each sorted by name."""
    found = [f"{name}={string(value)}" for name, value in sorted(pairs.items())]
    if regexes:
        found += [f"{name}=~{string(value)}" for name, value in sorted(regexes.items())]
    return ",".join(found)
