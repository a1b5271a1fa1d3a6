"""A division by what can be zero: x/0 is infinite and fires, 0/0 is no number and poisons every sum it is in."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls, named
from capgen.diagnostics import Severity
from capgen.promql import COMPARISONS, Aggregate, Binary, Call, Expr, Unary, selectors, walk

CODE = "CG511"

ZERO_MEANS = {
    "redis_memory_max_bytes": "no limit",
    "redis_config_maxclients": "unknown",
    "go_sql_max_open_connections": "no limit",
    "container_spec_memory_limit_bytes": "no limit",
    "node_memory_SwapTotal_bytes": "no swap",
    "node_filesystem_files": "a file system without inodes",
    "node_nf_conntrack_entries_limit": "no connection tracking",
    "kubelet_volume_stats_inodes": "a file system without inodes",
}
"""Gauges that are zero in healthy systems, and what that means."""


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for denominators of rates and of gauges known to be zero sometimes, unless `> 0` guards them."""
    guarded = [_guarded(node) for node in walk(tree) if isinstance(node, Binary) and node.op == "and"]
    for node in walk(tree):
        if not isinstance(node, Binary) or node.op != "/":
            continue
        if (reason := _can_be_zero(node.right)) and node.right not in guarded:
            yield Problem(CODE, Severity.WARNING, f"the division by {named(node.right)} has no guard, and {reason}",
                          "put `> 0` inside: `… / (… > 0)`", node.right)  # fmt: skip


def _guarded(node: Binary) -> Expr | None:
    right = node.right
    return right.left if isinstance(right, Binary) and right.op in COMPARISONS else None


def _can_be_zero(side: Expr) -> str:
    match side:
        case Binary() if side.op in COMPARISONS:
            return ""
        case Binary() if side.op in ("and", "unless", "*", "-"):
            return _can_be_zero(side.left)
        case Binary() if side.op == "+":
            # A sum is zero only when both are.
            return _can_be_zero(side.left) and _can_be_zero(side.right)
        case Binary() if side.op == "or":
            return _can_be_zero(side.left) or _can_be_zero(side.right)
        case Binary():
            return ""
        case Call() if side.function == "clamp_min":
            return ""
        case Aggregate() if side.op in ("count", "count_values", "group"):
            return ""
        case Aggregate() | Unary():
            return _can_be_zero(side.inner)
        case _:
            if calls(side, "rate", "irate", "increase"):
                return "without traffic its rate is zero"
            zero = next((s.name for s in selectors(side) if s.name in ZERO_MEANS), None)
            return f"zero means {ZERO_MEANS[zero]}" if zero else ""
