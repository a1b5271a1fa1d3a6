"""`$value` in a label: each evaluation makes a new alert, so `for` never ends and nothing resolves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity

CODE = "CG523"
_VALUE = re.compile(r"\{\{[^{}]*(?:\$value|\.Value)\b[^{}]*\}\}")


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """An error for each label that prints the value."""
    for name, text in rule.labels.items():
        if rule.alert and _VALUE.search(text):
            yield Problem(CODE, Severity.ERROR, f"the label {name!r} holds the value, so each change of it is a new alert",
                          "move it to an annotation", key=("labels", name), word="value")  # fmt: skip
