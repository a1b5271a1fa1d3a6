"""An annotation that prints a label which the result does not have: the page reads "host  is full"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from capgen.check.lint.unknown_metric import one_slip
from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, walk

CODE = "CG521"
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([a-zA-Z_][a-zA-Z0-9_]*)|index\s+(?:\$labels|\.Labels)\s+\"([^\"]+)\"")
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """A warning for each such label; `$labels` are the expression's, so the rule's own are not in it."""
    if not rule.alert:
        return
    shape = setting.shape(rule.expr)
    if shape.open:
        return
    grouped = any(isinstance(node, Aggregate) for node in walk(rule.expr))
    for key, texts in (("annotations", rule.annotations), ("labels", rule.labels)):
        for name, label in _printed(texts):
            if label in shape.labels or (not grouped and not _wrong(label, shape.labels, setting)):
                continue
            if label in rule.labels or label == "alertname":
                hint = "`$labels` has the labels of the expression only; write the value itself"
            else:
                known = (
                    sorted(shape.labels & (setting.facts.instrumented | {"job", "instance"}))
                    if not grouped
                    else sorted(shape.labels)
                )
                hint = f"keep it in `by (…)`, or use one of: {', '.join(known[:8]) or '(the result has no labels)'}"
            yield Problem(
                CODE,
                Severity.WARNING,
                f"the result has no label {label!r}, so {name!r} prints nothing there",
                hint,
                word=label,
                key=(key, name),
            )


def _printed(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each annotation's name with each label it prints, once."""
    for name, text in texts.items():
        labels = (found[1] or found[2] for action in _ACTION.findall(text) for found in _LABEL.finditer(action))
        yield from ((name, label) for label in dict.fromkeys(labels))


def _wrong(label: str, known: frozenset[str], setting: Setting) -> bool:
    """Without an aggregation a target may bring any label but those that other metrics carry, and slips."""
    return (
        not setting.facts.target_label(label)
        or label == "alertname"
        or any(min(len(label), len(k)) >= 4 and one_slip(label, k) for k in known)
    )
