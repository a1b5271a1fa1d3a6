"""A range that holds too few samples: rate() needs two, and one missed scrape leaves a gap in a tight one."""

from __future__ import annotations

from collections.abc import Iterator

from capgen import units
from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Call, Expr, Selector, walk

CODE = "CG506"
NEED_TWO = frozenset(("rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear", "resets", "changes"))


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error below 2 scrape intervals (1 for `…_over_time`), a warning below 4."""
    interval = setting.scrape_interval
    every = units.duration(interval)
    for call in walk(tree):
        if not isinstance(call, Call):
            continue
        for argument in call.arguments:
            if not isinstance(argument, Selector) or argument.range is None:
                continue
            written = units.duration(argument.range)
            if call.function not in NEED_TWO:
                if argument.range < interval:
                    yield Problem(CODE, Severity.ERROR, f"[{written}] is shorter than the scrape interval of {every}, so it is often empty",
                                  f"write [{every}] or more", argument)  # fmt: skip
            elif argument.range < 4 * interval:
                hint = f"write [{units.duration(4 * interval)}] or more: 4 scrape intervals bear a missed scrape"
                if argument.range < 2 * interval:
                    yield Problem(
                        CODE,
                        Severity.ERROR,
                        f"{call.function}() over [{written}] finds less than the two samples it needs, at a scrape interval of {every}",
                        hint,
                        argument,
                    )
                else:
                    yield Problem(
                        CODE,
                        Severity.WARNING,
                        f"{call.function}() over [{written}] has a gap at each missed scrape, at a scrape interval of {every}",
                        hint,
                        argument,
                    )
