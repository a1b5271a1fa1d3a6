"""Expressions over a group's own records, as expressions over what these are computed from.

A record is written before what reads it in the same cycle, and is gone in the cycle in which its expression gives
nothing; so a reader sees what it would see with the record's expression in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from capgen.blueprint import Record
from capgen.promql import Aggregate, Binary, Call, Expr, Selector, Subquery, Unary, parse


def inlined(record: Record, before: Sequence[Record]) -> Expr:
    """The record's expression, without the records `before` it. A record's own labels count as not there, which is
    the same on both sides of a join."""
    known: dict[str, Expr] = {}
    for earlier in before:
        known[earlier.name] = _without(parse(earlier.expr), known)
    return _without(parse(record.expr), known)


def _without(expr: Expr, known: Mapping[str, Expr]) -> Expr:
    match expr:
        case Selector(range=None):
            return known.get(expr.name, expr)
        case Call():
            return replace(expr, arguments=tuple(_without(argument, known) for argument in expr.arguments))
        case Aggregate() | Subquery() | Unary():
            return replace(expr, inner=_without(expr.inner, known))
        case Binary():
            return replace(expr, left=_without(expr.left, known), right=_without(expr.right, known))
        case _:
            return expr
