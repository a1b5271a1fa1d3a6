"""What can be said of a signal's expression before it is filled in: its metrics, its scope, its labels.

None of that depends on the service, so it is worked out once for each template, with stand-ins for the
placeholders, and remembered.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TypeAlias

from capgen import promql
from capgen.catalog.model import SignalDef

_MARK = "__capgen__"

Shapes: TypeAlias = "tuple[tuple[str, promql.Shape | None], ...]"


def chosen(definition: SignalDef, version: str | None, given: Collection[str]) -> str:
    """The definition's expression for an exporter's version and the params that the spec gives."""
    for variant in definition.variants:
        if variant.given is not None and variant.given not in given:
            continue
        if within(version, variant.since, variant.until):
            return variant.expr
    return definition.expr


def within(version: str | None, since: str | None, until: str | None) -> bool:
    """Whether a version lies between two, both included. An unknown version counts as the newest."""
    if version is None:
        return until is None
    at = _numbers(version)
    return (since is None or at >= _numbers(since)) and (until is None or at <= _numbers(until))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@lru_cache(maxsize=4096)
def _tree(template: str) -> promql.Expr:
    values = {name: "5m" if name == "window" else "x" for name in promql.placeholders(template)}
    try:
        return promql.parse(promql.fill(template, lambda _: f'{_MARK}="1"', values))
    except promql.BadPromQL:
        # A param that stands where only a number can; a label's name can stand nowhere else.
        numbers = {name: "5m" if name == "window" else "0.5" for name in values}
        return promql.parse(promql.fill(template, lambda _: f'{_MARK}="1"', numbers))


@lru_cache(maxsize=4096)
def metrics(template: str) -> tuple[str, ...]:
    """The metrics that a template reads, sorted."""
    found = {selector.name for selector in promql.selectors(_tree(template)) if _is_marked(selector)}
    return tuple(sorted(found))


def unscoped(template: str) -> str:
    """The first metric whose selector lacks `$selector`, "" if all have it."""
    bare = (selector.name or "{…}" for selector in promql.selectors(_tree(template)) if not _is_marked(selector))
    return next(bare, "")


def _is_marked(selector: promql.Selector) -> bool:
    return any(matcher.name == _MARK for matcher in selector.matchers)


@lru_cache(maxsize=4096)
def shape(template: str, shapes: Shapes) -> promql.Shape:
    """What the result looks like, given what the metrics look like."""
    found = promql.shape(_tree(template), dict(shapes).get)
    return promql.Shape(found.kind, found.labels - {_MARK}, found.open)
