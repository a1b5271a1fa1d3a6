"""What can be said of a signal's expression before it is filled in: its metrics, its scope, its labels.

None of that depends on the service, so it is worked out once for each template, with stand-ins for the
placeholders, and remembered.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TypeAlias

from capgen import promql
from capgen.catalog.expressions import MARK, scoped, tree, version_numbers
from capgen.catalog.model import SignalDef

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
    at = version_numbers(version)
    return (since is None or at >= version_numbers(since)) and (until is None or at <= version_numbers(until))


@lru_cache(maxsize=512)
def metrics(template: str) -> tuple[str, ...]:
    """The metrics that a template reads, sorted."""
    return scoped(template)


@lru_cache(maxsize=512)
def shape(template: str, shapes: Shapes) -> promql.Shape:
    """What the result looks like, given what the metrics look like."""
    found = promql.shape(tree(template), dict(shapes).get)
    return promql.Shape(found.kind, found.labels - {MARK}, found.open)
