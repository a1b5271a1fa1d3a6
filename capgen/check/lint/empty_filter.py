"""A filter that filters nothing (or everything): it reads as if it kept something out."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Expr, Matcher, selectors

CODE = "CG524"

ALWAYS_SET = (
    ("", frozenset(("job", "instance", "le", "quantile"))),
    ("node_", frozenset(("fstype", "mountpoint", "device", "cpu", "mode"))),
    ("pg_stat_database", frozenset(("datname",))),
)
"""Labels that every series of the metrics has; elsewhere (cAdvisor's roll-ups) `!=""` means something."""


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for a matcher that every series passes, an error for one that none does."""
    for selector in selectors(tree):
        for matcher in selector.matchers:
            shown = f'{matcher.name}{matcher.op}"{matcher.value}"'
            if (matcher.op, matcher.value) == ("!~", ".*"):
                yield Problem(
                    CODE,
                    Severity.ERROR,
                    f"{shown} keeps every series out",
                    "remove the matcher",
                    selector,
                    matcher.name,
                )
            elif _passes_all(selector.name, matcher):
                yield Problem(
                    CODE,
                    Severity.WARNING,
                    f"{shown} filters nothing",
                    "name what is to be kept out, or remove the matcher",
                    selector,
                    matcher.name,
                )


def _passes_all(metric: str, matcher: Matcher) -> bool:
    if (matcher.op, matcher.value) == ("=~", ".*"):
        return True
    if (matcher.op, matcher.value) not in (("!=", ""), ("=~", ".+"), ("!~", "")):
        return False
    return any(metric.startswith(prefix) and matcher.name in labels for prefix, labels in ALWAYS_SET)
