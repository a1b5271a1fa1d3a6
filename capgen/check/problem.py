"""What a check says and what it may ask: a problem with the part of the rule it is about, and the setting."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from capgen import promql
from capgen.check.facts import Facts
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, Call, Expr, Selector, Shape


class Problem(Struct, frozen=True):
    """A finding before it has a position.

    `at` is the part of the expression it is about, `word` a word in or after it. A problem of another key of
    the rule names that key in `key` instead (`("annotations", "summary")`).
    """

    code: str
    severity: Severity
    message: str
    hint: str
    at: Expr | None = None
    word: str = ""
    key: tuple[str, ...] = ()


class Setting(Struct, frozen=True):
    """What is known beside the rule: the metrics, the intervals in seconds, the file's own records."""

    facts: Facts
    scrape_interval: float = 60.0
    evaluation_interval: float = 60.0
    records: Mapping[str, Shape] = field(default_factory=dict)
    customs: frozenset[str] = frozenset()
    """Labels of the project's own targets, known from the expression at hand naming them."""

    def reading(self, expr: Expr) -> Setting:
        """The setting for one expression: a label that it names and no metric carries is taken as a target's."""
        return replace(self, customs=frozenset(label for label in mentioned(expr) if self.facts.target_label(label)))

    def shape(self, expr: Expr) -> Shape:
        """By which labels the result is told apart.

        A known metric has its own labels and all those a target may have, the latter because nobody knows
        which of them a scrape adds; both sides of an operator get the same ones, so they can be compared.
        """
        universe = self.facts.target_labels | self.customs

        def labels_of(name: str) -> Shape | None:
            if name in self.records:
                return self.records[name]
            facts = self.facts.of(name)
            if not facts:
                return None
            own = [frozenset(fact.labels) for fact in facts]
            certain = any(fact.open for fact in facts) or len(set(own)) > 1
            return Shape("vector", frozenset.intersection(*own) | universe, certain)

        return promql.shape(expr, labels_of)

    def own_labels(self, name: str) -> frozenset[str]:
        """The labels that a metric itself carries at every exporter that gives it."""
        own = [frozenset(fact.labels) for fact in self.facts.of(name)]
        return frozenset.intersection(*own) if own else frozenset()


def mentioned(expr: Expr) -> frozenset[str]:
    """Every label that an expression names, wherever it does."""
    labels: set[str] = set()
    for node in promql.walk(expr):
        match node:
            case Selector():
                labels |= {matcher.name for matcher in node.matchers}
            case Aggregate():
                labels |= set(node.labels)
            case Binary():
                labels |= {*node.labels, *node.include}
            case _:
                pass
    return frozenset(labels)


def condition(expr: Expr) -> Expr:
    """The expression without comparisons and `and`s around it: what an alert's value is taken from."""
    while isinstance(expr, Binary) and (expr.op in ("and", "unless") or is_filter(expr)):
        expr = expr.right if is_filter(expr) and isinstance(expr.left, promql.Number) else expr.left
    return expr


def is_filter(expr: Expr) -> bool:
    """Whether an expression is a comparison that drops series (not one with `bool`)."""
    return isinstance(expr, Binary) and expr.op in promql.COMPARISONS and not expr.bool


def calls(expr: Expr, *functions: str) -> tuple[Call, ...]:
    """The calls of the named functions, left to right."""
    return tuple(node for node in promql.walk(expr) if isinstance(node, Call) and node.function in functions)


def named(expr: Expr) -> str:
    """The first metric an expression reads, for a message; "the expression" when it reads none by name."""
    return next((s.name for s in promql.selectors(expr) if s.name), "the expression")
