"""A label that the metric does not have: a matcher on it selects nothing, and `by` on it tells nothing apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen.check.lint.unknown_metric import one_slip
from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Expr, Matcher, Selector, selectors, walk

CODE = "CG507"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error for a matcher that nothing can pass, a warning for one that everything passes and for `by`.

    A label that no exporter's metric carries may be a target's: it is let through unless it is a slip of one.
    """
    for selector in selectors(tree):
        facts = setting.facts.of(selector.name)
        if not facts or selector.name in setting.records or any(fact.open for fact in facts):
            continue
        known = frozenset(label for fact in facts for label in fact.labels)
        for matcher in selector.matchers:
            if matcher.name not in known and matcher.name != "__name__":
                yield from _judge(selector, matcher, known, setting)
    for node in walk(tree):
        if isinstance(node, Aggregate) and node.grouping == "by":
            yield from _grouping(node, setting)


def _judge(selector: Selector, matcher: Matcher, known: frozenset[str], setting: Setting) -> Iterator[Problem]:
    label, name = matcher.name, selector.name
    who = _owners(selector, setting)
    meant = next((own for own in sorted(known) if min(len(own), len(label)) >= 4 and one_slip(label, own)), None)
    if setting.facts.target_label(label) and (meant is None or label in setting.facts.target_labels):
        return
    here = [fact.exporter for fact in setting.facts.all[name] if label in fact.labels]
    hint = f"did you mean {meant!r}?" if meant else f"its own labels: {', '.join(sorted(known)) or 'none'}"
    if here:
        hint = f"{' and '.join(here)} has a metric of that name with this label; {hint}"
    if _takes_empty(matcher):
        yield Problem(
            CODE,
            Severity.WARNING,
            f"{name} of {who} has no label {label!r}, so the matcher filters nothing",
            hint,
            selector,
            label,
        )
    else:
        yield Problem(
            CODE,
            Severity.ERROR,
            f"{name} of {who} has no label {label!r}, so nothing is selected",
            hint,
            selector,
            label,
        )


def _grouping(node: Aggregate, setting: Setting) -> Iterator[Problem]:
    inner = setting.shape(node.inner)
    names = [s.name for s in selectors(node.inner)]
    if inner.open or not names or not all(setting.facts.of(name) for name in names):
        return
    for label in node.labels:
        if label not in inner.labels and label in setting.facts.instrumented:
            yield Problem(CODE, Severity.WARNING, f"what {node.op} by ({label}) adds up has no label {label!r}, so the result has none either",
                          f"remove it, or keep it in what is inside ({', '.join(names)})", node, label)  # fmt: skip


def _owners(selector: Selector, setting: Setting) -> str:
    return " and ".join(dict.fromkeys(fact.exporter for fact in setting.facts.of(selector.name)))


def _takes_empty(matcher: Matcher) -> bool:
    """Whether a series without the label passes the matcher."""
    if matcher.op in ("=", "!="):
        return (matcher.value == "") == (matcher.op == "=")
    try:
        empty = re.fullmatch(matcher.value, "") is not None
    except re.error:  # RE2 knows what Python does not
        return False
    return empty == (matcher.op == "=~")
