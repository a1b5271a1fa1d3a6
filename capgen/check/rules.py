"""`capgen check`: judges Prometheus rule files, anybody's, against the catalogue and without a Prometheus.

A finding is silenced where it is meant: `# capgen: ignore CG511` in the rule or right above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from capgen.catalog.load import Catalog
from capgen.check.expressions import problems
from capgen.check.facts import Facts, facts_of
from capgen.check.lint import FILE_CHECKS, RULE_CHECKS
from capgen.check.places import locate, place
from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule, RuleFile, read_rules
from capgen.diagnostics import Diagnostic, Span, in_order
from capgen.promql import Shape
from capgen.yamlio import Node, Source

PROMETHEUS_DEFAULT = 60.0
"""Seconds between scrapes and between evaluations unless Prometheus is told otherwise."""

_IGNORE = re.compile(r"#\s*capgen:\s*ignore((?:[\s,]+CG\d{3})+)", re.ASCII)


def check_rule_file(
    source: Source,
    catalog: Catalog,
    *,
    exporters: Sequence[str] = (),
    scrape_interval: float = PROMETHEUS_DEFAULT,
    evaluation_interval: float = PROMETHEUS_DEFAULT,
) -> tuple[Diagnostic, ...]:
    """Everything found in a rule file or PrometheusRule, by position. Intervals are seconds.

    `exporters` are those that run: where several give a metric of the same name, only theirs counts.
    Raises KeyError for an exporter that the catalogue does not have, Findings for a bad catalogue file.
    """
    return check_rules(
        source, facts_of(catalog, exporters), scrape_interval=scrape_interval, evaluation_interval=evaluation_interval
    )


def check_rules(
    source: Source, facts: Facts, *, scrape_interval: float, evaluation_interval: float
) -> tuple[Diagnostic, ...]:
    """As `check_rule_file`, for many files with one look at the catalogue."""
    file = read_rules(source)
    setting = Setting(facts, scrape_interval, evaluation_interval)
    setting = Setting(facts, scrape_interval, evaluation_interval, _records(file, setting))
    found = [_diagnostic(file, rule, problem) for rule, problem in _problems(file, setting)]
    return in_order(_kept(file, [*file.found, *found]))


def _records(file: RuleFile, setting: Setting) -> dict[str, Shape]:
    """The shapes of what the file records; a name recorded twice, or from another record further down, is open."""
    shapes: dict[str, Shape] = {}
    names = {rule.name for rule in file.rules if not rule.alert}
    for rule in file.rules:
        if rule.alert:
            continue
        known = Setting(setting.facts, records={name: Shape("vector", frozenset(), True) for name in names} | shapes)
        shape = known.reading(rule.expr).shape(rule.expr)
        ours = Shape("vector", shape.labels | set(rule.labels), shape.open)
        shapes[rule.name] = ours if shapes.get(rule.name, ours) == ours else Shape("vector", frozenset(), True)
    return shapes


def _problems(file: RuleFile, setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    for rule in file.rules:
        yield from ((rule, problem) for problem in problems(rule.expr, setting))
        here = setting.reading(rule.expr)
        yield from ((rule, problem) for check in RULE_CHECKS for problem in check(rule, here))
    for file_check in FILE_CHECKS:
        yield from file_check(file.rules, setting)


def _diagnostic(file: RuleFile, rule: Rule, problem: Problem) -> Diagnostic:
    span = _span(file, rule, problem)
    excerpt = file.lines[span.line - 1] if span.line <= len(file.lines) else ""
    return Diagnostic(problem.code, problem.message, span, problem.hint, problem.severity, excerpt)


def _span(file: RuleFile, rule: Rule, problem: Problem) -> Span:
    if not problem.key:
        start, length = locate(rule.text, rule.expr, problem.at, problem.word)
        return place(file.lines, rule.node.at(("expr",)) or rule.node, rule.text, start, length)
    owner: Node = rule.group.node if problem.key[0] == "group" else rule.node
    node = owner.at(problem.key[1:] if problem.key[0] == "group" else problem.key)
    if node is None:  # a label of the group
        line, column = owner.mark[:2]
        return Span(file.source.name, line, column, line, column + 1)
    text = str(node.value)
    at = text.find(problem.word) if problem.word else -1
    return (
        place(file.lines, node, text, at, len(problem.word)) if at >= 0 else place(file.lines, node, text, 0, len(text))
    )


def _kept(file: RuleFile, found: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """The findings without those that a comment in their rule silences."""
    starts = [rule.node.mark[0] for rule in file.rules]
    silenced: set[tuple[int, str]] = set()
    for number, line in enumerate(file.lines, start=1):
        for match in _IGNORE.finditer(line):
            silenced |= {
                (_rule_at(starts, _code_line(file, number)), code) for code in re.findall(r"CG\d{3}", match[1])
            }
    yield from (d for d in found if d.span is None or (_rule_at(starts, d.span.line), d.code) not in silenced)


def _code_line(file: RuleFile, number: int) -> int:
    """The first line from `number` on that is more than a comment."""
    while number < len(file.lines) and file.lines[number - 1].lstrip().startswith("#"):
        number += 1
    return number


def _rule_at(starts: Sequence[int], line: int) -> int:
    """The start of the last rule that begins at or before a line."""
    return max((start for start in starts if start <= line), default=0)
