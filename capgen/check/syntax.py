"""Reads an expression as a rule's: one instant value a series, and not so deep that judging it takes long."""

from __future__ import annotations

from capgen import promql
from capgen.diagnostics import Severity
from capgen.promql import BadPromQL, Expr, TooLarge

CODE, TOO_LARGE = "CG501", "CG623"
MAX_LEVELS = 100


def tree_of(text: str) -> Expr:
    """The tree of an expression. Raises BadPromQL with a one-line reason, TooLarge with what it is that is too much;
    see `promql.parse`."""
    try:
        tree = promql.parse(text)
    except TooLarge:
        raise
    except BadPromQL as error:
        raise BadPromQL(f"not valid PromQL: {' '.join(str(error).split())}") from error
    level, depth = [tree], 0
    while level := [child for node in level for child in promql.children(node)]:
        depth += 1
        if depth > MAX_LEVELS:
            raise TooLarge(f"nested deeper than {MAX_LEVELS} operators and functions")
    kind = promql.shape(tree, lambda _: None).kind
    if kind in ("range", "string"):
        what = "a range of samples" if kind == "range" else "text"
        raise BadPromQL(f"the result is {what}, and a rule needs one value a series")
    return tree


def told(error: BadPromQL) -> tuple[str, str, str, Severity]:
    """What a rule's author is told of an expression that `tree_of` refused: code, message, hint, severity."""
    if isinstance(error, TooLarge):
        hint = "record parts of it, so that people and checks can follow"
        return TOO_LARGE, f"the rule is not checked: its expression is {error}", hint, Severity.WARNING
    return CODE, str(error), "check brackets, operators and durations", Severity.ERROR
