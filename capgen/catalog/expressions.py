"""The expressions of catalogue files and specs before they are filled in: with stand-ins for their placeholders."""

from __future__ import annotations

from functools import lru_cache

from capgen import promql

MARK = "__capgen__"
"""The label of the matcher that stands for `$selector`."""
STAND_IN = "__capgen_value__"
"""What stands for a param, where an expression or a label's name can."""


@lru_cache(maxsize=4096)
def tree(template: str) -> promql.Expr:
    """The template as an expression. Raises BadPromQL."""
    values = {name: "5m" if name == "window" else STAND_IN for name in promql.placeholders(template)}
    try:
        return promql.parse(promql.fill(template, lambda _: f'{MARK}="1"', values))
    except promql.BadPromQL:
        # A param that stands where only a number can; a label's name can stand nowhere else.
        numbers = {name: "5m" if name == "window" else "0.5" for name in values}
        return promql.parse(promql.fill(template, lambda _: f'{MARK}="1"', numbers))


def scoped(template: str) -> tuple[str, ...]:
    """The metrics that are narrowed down by `$selector`, sorted."""
    found = {selector.name for selector in promql.selectors(tree(template)) if _is_marked(selector)}
    return tuple(sorted(found))


def unscoped(template: str) -> str:
    """The first metric whose selector lacks `$selector`, "" if all have it."""
    read = (selector for selector in promql.selectors(tree(template)) if selector.name != STAND_IN)
    return next((selector.name or "{…}" for selector in read if not _is_marked(selector)), "")


def _is_marked(selector: promql.Selector) -> bool:
    return any(matcher.name == MARK for matcher in selector.matchers)


def version_numbers(version: str) -> tuple[int, ...]:
    """A version that can be compared."""
    return tuple(int(part) for part in version.split("."))
