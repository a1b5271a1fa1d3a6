"""Reads an expression as a rule's: one instant value a series, and not so deep that judging it takes long."""

from __future__ import annotations

from capgen import promql
from capgen.promql import BadPromQL, Expr

CODE = "CG501"
MAX_LEVELS = 100


def tree_of(text: str) -> Expr:
    """The tree of an expression. Raises BadPromQL with a one-line reason; see `promql.parse`."""
    try:
        tree = promql.parse(text)
    except BadPromQL as error:
        raise BadPromQL(f"not valid PromQL: {' '.join(str(error).split())}") from error
    level, depth = [tree], 0
    while level := [child for node in level for child in promql.children(node)]:
        depth += 1
        if depth > MAX_LEVELS:
            raise BadPromQL(f"nested deeper than {MAX_LEVELS} operators and functions; record parts of it")
    kind = promql.shape(tree, lambda _: None).kind
    if kind in ("range", "string"):
        what = "a range of samples" if kind == "range" else "text"
        raise BadPromQL(f"the result is {what}, and a rule needs one value a series")
    return tree
