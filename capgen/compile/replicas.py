"""Finds what a pair of Prometheus servers counts twice, in expressions that a spec brings itself.

Whoever reads both members of a highly available pair side by side sees each series once for each. The catalogue's
expressions take one of the two (`max without ($replicas)`); a `sum` of one's own adds them up, and its alerts fire at
half the level.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from capgen import promql
from capgen.compile.context import Context
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, Call, Expr, Selector, Subquery, Unary
from capgen.yamlio import Path

_ADDING = frozenset(("sum", "count"))
_GONE = frozenset(("absent", "absent_over_time", "scalar"))


def declared(context: Context) -> tuple[str, ...]:
    """The labels that tell replicas apart, where anybody says that there are some."""
    for layer in (context.spec.environment.prometheus, context.spec.model.prometheus):
        if layer is not None and layer.replica_labels:
            return tuple(sorted(layer.replica_labels))
    return ()


def check_replicas(context: Context, filled: str, path: Path) -> None:
    """Notes an expression of the spec's own that adds up what replicas see alike."""
    labels = declared(context)
    metric = next(_added_up(promql.parse(filled), labels), None) if labels else None
    if metric is not None:
        context.error(
            "CG381",
            f"every replica of Prometheus adds its own {metric}",
            path,
            f"take one of them before adding up: `max without ($replicas) ({metric}{{$selector}})`",
            severity=Severity.WARNING,
        )


def _added_up(expr: Expr, labels: Collection[str]) -> Iterator[str]:
    if isinstance(expr, Aggregate) and expr.op in _ADDING and (metric := _carried(expr.inner, labels)):
        yield metric
    for inner in _parts(expr):
        yield from _added_up(inner, labels)


def _carried(expr: Expr, labels: Collection[str]) -> str:
    """A metric whose replicas still stand side by side in the result; "" when there is none."""
    match expr:
        case Selector():
            pinned = any(m.name in labels and m.op == "=" and m.value for m in expr.matchers)
            return "" if pinned else expr.name
        case Aggregate():
            if expr.op in ("topk", "bottomk"):
                return _carried(expr.inner, labels)
            kept = {label for label in labels if (label in expr.labels) == (expr.grouping == "by")}
            return _carried(expr.inner, kept) if expr.grouping and kept else ""
        case Call() if expr.function in _GONE:
            return ""
        case _:
            return next((metric for inner in _parts(expr) if (metric := _carried(inner, labels))), "")


def _parts(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Call():
            return expr.arguments
        case Aggregate() | Subquery() | Unary():
            return (expr.inner,)
        case Binary():
            return (expr.left, expr.right)
        case _:
            return ()
