"""An alert on a level without `for`: one bad sample pages somebody."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Call, selectors, walk

CODE = "CG514"
EVENTS = frozenset(("increase", "changes", "resets", "delta", "idelta", "timestamp", "time"))


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """A warning unless the expression counts events or looks over a time itself."""
    if not rule.alert or rule.for_ or not selectors(rule.expr):
        return
    functions = {node.function for node in walk(rule.expr) if isinstance(node, Call)}
    if functions & EVENTS or any(function.endswith("_over_time") for function in functions):
        return
    hint = "add `for:` of two evaluations or more; an alert on events counts them with increase()"
    yield Problem(CODE, Severity.WARNING, f"the alert {rule.name} fires on a single sample", hint, key=("alert",))
