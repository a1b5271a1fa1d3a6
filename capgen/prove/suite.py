"""Generated unit tests as data, and as the YAML that promtool reads.

A case is one set of input series with what is expected of it at some instants. Alerts are checked with labels
and annotations; their states and the recorded values with queries, which work the same in promtool 2.42 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from capgen.blueprint import Group
from capgen.promql import string
from capgen.prove.vectors import Labels
from capgen.units import duration, number
from capgen.yamlio import scalar


class AlertCheck(Struct, frozen=True):
    """The alerts of one name that fire at an instant: their labels and annotations, nothing else."""

    at: float
    name: str
    expected: tuple[tuple[Labels, Labels], ...]


class SampleCheck(Struct, frozen=True):
    """What a query gives at an instant: series (without name, or with) and values."""

    at: float
    expr: str
    expected: tuple[tuple[str, float], ...]


class Case(Struct, frozen=True):
    """One promtool test: series every `interval` seconds, rules evaluated every `step`."""

    name: str
    interval: float
    step: float
    series: tuple[tuple[str, str], ...]
    alerts: tuple[AlertCheck, ...]
    samples: tuple[SampleCheck, ...]


class Gap(Struct, frozen=True):
    """A rule, or one property of it, that no test proves, and why. `rule` is "" for the whole group."""

    group: str
    rule: str
    reason: str


class Suite(Struct, frozen=True):
    """All tests of a group; `proves` names its rules (`alert`, `alert/metric` or `record`) that they cover."""

    group: Group
    cases: tuple[Case, ...]
    gaps: tuple[Gap, ...]
    proves: tuple[str, ...]


@lru_cache(maxsize=4096)
def braces(labels: Labels) -> str:
    """Labels as PromQL writes them."""
    return "{" + ",".join(f"{name}={string(value)}" for name, value in labels) + "}"


def render(suite: Suite, rule_file: str) -> str:
    """The suite as promtool's YAML, for the rules in `rule_file`."""
    steps = {case.step for case in suite.cases}
    step = min(steps) if steps else 60.0
    lines = [
        f"rule_files: [{scalar(rule_file)}]",
        f"evaluation_interval: {duration(step)}",
        f"group_eval_order: [{scalar(suite.group.name)}]",
        "tests:",
    ]
    for case in suite.cases:
        lines += _case(case)
    return "\n".join(lines) + "\n"


def _case(case: Case) -> list[str]:
    lines = [f"  - name: {scalar(case.name)}", f"    interval: {duration(case.interval)}", "    input_series:"]
    for series, values in case.series:
        lines += [f"      - series: {scalar(series)}", f"        values: {scalar(values)}"]
    if case.alerts:
        lines.append("    alert_rule_test:")
    for check in case.alerts:
        lines += [f"      - eval_time: {duration(check.at)}", f"        alertname: {scalar(check.name)}"]
        lines += _alerts(check.expected)
    if case.samples:
        lines.append("    promql_expr_test:")
    for sample in case.samples:
        lines += [f"      - expr: {scalar(sample.expr)}", f"        eval_time: {duration(sample.at)}"]
        lines.append("        exp_samples:" if sample.expected else "        exp_samples: []")
        for labels, value in sample.expected:
            lines += [f"          - labels: {scalar(labels)}", f"            value: {number(value)}"]
    return lines


def _alerts(expected: Sequence[tuple[Labels, Labels]]) -> list[str]:
    if not expected:
        return ["        exp_alerts: []"]
    lines = ["        exp_alerts:"]
    for labels, texts in expected:
        lines.append("          - exp_labels: {" + ", ".join(f"{scalar(k)}: {scalar(v)}" for k, v in labels) + "}")
        if texts:
            lines.append("            exp_annotations:")
            lines += [f"              {scalar(k)}: {scalar(v)}" for k, v in texts]
    return lines
