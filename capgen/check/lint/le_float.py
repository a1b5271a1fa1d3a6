"""`le="1"`: Prometheus 3 writes bounds as floats (`1.0`), Prometheus 2 as the client did."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Expr, selectors

CODE = "CG530"
_WHOLE = re.compile(r"[0-9]+", re.ASCII)


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for a whole number as the value of `le` or `quantile`."""
    for selector in selectors(tree):
        for matcher in selector.matchers:
            if matcher.name in ("le", "quantile") and matcher.op in ("=", "!=") and _WHOLE.fullmatch(matcher.value):
                negative = "!" if matcher.op == "!=" else "="
                yield Problem(CODE, Severity.WARNING, f'{matcher.name}="{matcher.value}" matches nothing on Prometheus 3, where it is "{matcher.value}.0"',
                              f'write {matcher.name}{negative}~"{matcher.value}(\\\\.0)?"', selector, matcher.name)  # fmt: skip
