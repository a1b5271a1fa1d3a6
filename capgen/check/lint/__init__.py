"""The checks of rules, one a file. Adding one is a file here, its row below, and a page in `capgen/codes/`.

An expression check judges a tree alone and so serves a spec's own expressions as well; a rule check needs the
rule around it, a file check all rules of a file. They yield Problems; positions are added outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from capgen.check.lint import (
    absent_labels,
    alert_without_for,
    always_firing,
    annotation_label,
    annotation_unit,
    average_of_ratios,
    bare_counter,
    beyond_buckets,
    changing_series,
    cpu_modes,
    duplicate_rule,
    empty_filter,
    forecast_of_counter,
    forecast_without_level,
    gated_metric,
    keeps_firing,
    le_float,
    missing_label,
    never_match,
    one_sided_scope,
    quantile_le,
    rate_of_gauge,
    rate_of_sum,
    several_partners,
    short_for,
    short_range,
    slow_group,
    split_chain,
    unguarded_division,
    unknown_metric,
    value_in_label,
    vector_zero,
)
from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.promql import Expr

ExpressionCheck: TypeAlias = Callable[[Expr, Setting], Iterator[Problem]]
RuleCheck: TypeAlias = Callable[[Rule, Setting], Iterator[Problem]]
FileCheck: TypeAlias = Callable[[Sequence[Rule], Setting], Iterator[tuple[Rule, Problem]]]

EXPRESSION_CHECKS: tuple[ExpressionCheck, ...] = (
    unknown_metric.check, gated_metric.check, rate_of_gauge.check, forecast_of_counter.check, bare_counter.check,
    short_range.check, missing_label.check, never_match.check, several_partners.check, one_sided_scope.check,
    unguarded_division.check, vector_zero.check, quantile_le.check, beyond_buckets.check, average_of_ratios.check,
    rate_of_sum.check, empty_filter.check, le_float.check,
)  # fmt: skip

RULE_CHECKS: tuple[RuleCheck, ...] = (
    absent_labels.check, alert_without_for.check, short_for.check, changing_series.check, annotation_label.check,
    annotation_unit.check, value_in_label.check, always_firing.check, forecast_without_level.check,
)  # fmt: skip

FILE_CHECKS: tuple[FileCheck, ...] = (
    cpu_modes.check, duplicate_rule.check, split_chain.check, slow_group.check, keeps_firing.check,
)  # fmt: skip
