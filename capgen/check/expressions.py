"""Judges one expression on its own: a spec's, or the one inside a rule. Pure, and without files or positions in them."""

from __future__ import annotations

from msgspec import Struct

from capgen.check.lint import EXPRESSION_CHECKS
from capgen.check.places import locate
from capgen.check.problem import Problem, Setting
from capgen.check.syntax import told, tree_of
from capgen.diagnostics import Severity
from capgen.promql import BadPromQL, Expr


class Finding(Struct, frozen=True, order=True):
    """What is wrong with an expression, at `start` (from 0) for `length` characters of its text."""

    start: int
    length: int
    code: str
    message: str
    hint: str
    severity: Severity


def check_expression(text: str, setting: Setting) -> tuple[Finding, ...]:
    """Everything the expression checks find, by position. A text that does not parse is one finding."""
    try:
        tree = tree_of(text)
    except BadPromQL as error:
        return (Finding(0, len(text), *told(error)),)
    found = [_finding(text, tree, problem) for problem in problems(tree, setting)]
    return tuple(sorted(dict.fromkeys(found)))


def problems(tree: Expr, setting: Setting) -> tuple[Problem, ...]:
    """What the expression checks say of a tree."""
    here = setting.reading(tree)
    return tuple(problem for check in EXPRESSION_CHECKS for problem in check(tree, here))


def _finding(text: str, tree: Expr, problem: Problem) -> Finding:
    start, length = locate(text, tree, problem.at, problem.word)
    return Finding(start, length, problem.code, problem.message, problem.hint, problem.severity)
