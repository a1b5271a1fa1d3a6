"""Reads Prometheus rules with their positions: a rule file, a PrometheusRule, a List of them, several documents.

What Prometheus itself would refuse to load is found here (CG500, CG501); what it loads and what still does
not work is found by the checks in `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from capgen import promql, units
from capgen.check import syntax
from capgen.check.syntax import tree_of
from capgen.check.templates import wrong
from capgen.diagnostics import Diagnostic, Severity, Span, suggest
from capgen.promql import Expr
from capgen.yamlio import Node, Source, read

STRUCTURE = "CG500"
_RULES = re.compile(r"^(\s*-\s+)?[\"']?groups[\"']?\s*:|^kind:\s*PrometheusRule", re.MULTILINE)
MAX_DOCUMENTS = 100

_GROUP_KEYS = frozenset(
    ("name", "interval", "query_offset", "limit", "labels", "rules", "partial_response_strategy", "source_tenants",
     "evaluation_delay", "align_evaluation_time_on_interval")
)  # fmt: skip
_RULE_KEYS = frozenset(("alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"))
_DURATION = re.compile(
    r"0|(?:\d{1,9}y)?(?:\d{1,9}w)?(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?(?:\d{1,9}ms)?", re.ASCII
)
_SEPARATOR = re.compile(r"---(?:\s|$)")
_NAMES = {"record": re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*"), "label": re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")}


class Group(Struct, frozen=True):
    """A group's name, its own interval in seconds (None: the server's), and its place in the file."""

    name: str
    interval: float | None
    node: Node
    index: int


class Rule(Struct, frozen=True):
    """One rule whose expression parses. Durations are seconds; `group.labels` are in `labels` already."""

    kind: Literal["alert", "record"]
    name: str
    group: Group
    text: str
    expr: Expr
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    for_: float
    keep_firing_for: float
    node: Node

    @property
    def alert(self) -> bool:
        """Whether it notifies somebody."""
        return self.kind == "alert"


class RuleFile(Struct, frozen=True):
    """The rules of one file in order, its groups, and its lines (split once: a report quotes many)."""

    source: Source
    lines: tuple[str, ...]
    groups: tuple[Group, ...]
    rules: tuple[Rule, ...]
    found: tuple[Diagnostic, ...]


def read_rules(source: Source) -> RuleFile:
    """The rules of a file, and what is wrong with those that cannot be read."""
    reader = _Reader(source)
    reader.read()
    return RuleFile(source, reader.lines, tuple(reader.groups), tuple(reader.rules), tuple(reader.found))


def rules_of(node: Node) -> RuleFile:
    """The rules of one document that is read already, and what is wrong with those that cannot be read."""
    reader = _Reader(node.source)
    reader.document(node, alone=False)
    return RuleFile(node.source, reader.lines, tuple(reader.groups), tuple(reader.rules), tuple(reader.found))


def documents_of(source: Source) -> tuple[Source, ...]:
    """The documents of a file, each as a text whose line numbers are the file's."""
    return tuple(_documents(source, tuple(line.rstrip("\r") for line in source.text.split("\n"))))


def may_hold_rules(source: Source) -> bool:
    """Whether a file that nobody named, found in a folder, is meant for Prometheus' rules at all, or cannot be read."""
    return bool(source.fault) or _RULES.search(source.text) is not None


class _Reader:
    """Collects groups, rules and findings while going down the documents."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines = tuple(line.rstrip("\r") for line in source.text.split("\n"))
        self.groups: list[Group] = []
        self.rules: list[Rule] = []
        self.found: list[Diagnostic] = []

    def read(self) -> None:
        if self.source.fault:
            self.found += read(self.source)[1]
            return None
        if sum(1 for line in self.lines if _SEPARATOR.match(line)) > MAX_DOCUMENTS:
            return self.report(
                Span(self.source.name, 1, 1, 1, 2), f"the file holds more than {MAX_DOCUMENTS} documents", "split it"
            )
        documents = tuple(_documents(self.source, self.lines))
        seen = False
        for document in documents:
            node, found = read(document, foreign=True)
            self.found += found
            seen = (node is None or self.document(node, alone=len(documents) == 1)) or seen
        if not seen:
            self.report(
                Span(self.source.name, 1, 1, 1, 2),
                "the file holds no rules",
                "a rule file starts with `groups:`, a manifest with `kind: PrometheusRule`",
            )
        return None

    def document(self, node: Node, *, alone: bool) -> bool:
        """Reads one document; False when it is something else (a manifest of another kind)."""
        inside = node.value if isinstance(node.value, dict) else {}
        kind = inside["kind"].value if "kind" in inside else None
        if kind in ("List", "PrometheusRuleList") and "items" in inside and isinstance(inside["items"].value, list):
            seen = [self.document(item, alone=False) for item in inside["items"].value]
            return any(seen)
        groups = node.at(("spec", "groups")) if kind == "PrometheusRule" else inside.get("groups")
        if groups is None:
            if alone or kind == "PrometheusRule":
                where = node.key_span(next(iter(node.keys), ""))
                self.report(
                    where,
                    "there are no rule groups here",
                    "a rule file starts with `groups:`, a manifest has them in `spec.groups`",
                )
            return alone or kind == "PrometheusRule"
        if kind is None:
            self.unknown(node, frozenset(("groups", "namespace")), "a rule file")
        if groups.value is None:
            return True
        if not isinstance(groups.value, list):
            self.report(groups.span, "`groups` has to be a list", "write one `- name:` a group")
            return True
        names: dict[str, Node] = {}
        for group in groups.value:
            self.group(group, names)
        return True

    def group(self, node: Node, names: dict[str, Node]) -> None:
        if not isinstance(node.value, dict):
            return self.report(node.span, "a group has to be a mapping", "write `name:` and `rules:` in it")
        self.unknown(node, _GROUP_KEYS, "a group")
        name = self.text(node, "name")
        if name is None:
            self.report(node.span, "the group has no name", "add `name:`; it is unique in the file")
        elif name in names:
            self.report(
                node.value["name"].span,
                f"the group {name!r} stands here twice, first in line {names[name].mark[0]}",
                "give it another name",
            )
        else:
            names[name] = node.value["name"]
        interval = self.duration(node, "interval")
        group = Group(name or "", interval or None, node, len(self.groups))
        self.groups.append(group)
        rules = node.value.get("rules")
        if rules is None or rules.value is None:
            return None
        if not isinstance(rules.value, list):
            return self.report(rules.span, "`rules` has to be a list", "write one `- alert:` or `- record:` a rule")
        labels = self.mapping(node, "labels")
        for rule in rules.value:
            self.rule(rule, group, labels)
        return None

    def rule(self, node: Node, group: Group, group_labels: Mapping[str, str]) -> None:
        if not isinstance(node.value, dict):
            return self.report(node.span, "a rule has to be a mapping", "write `alert:` or `record:`, and `expr:`")
        self.unknown(node, _RULE_KEYS, "a rule")
        kinds = [kind for kind in ("alert", "record") if kind in node.value]
        if len(kinds) != 1:
            what = "both an alert and a record" if kinds else "neither an alert nor a record"
            return self.report(_start(node), f"the rule is {what}", "give it one of `alert:` and `record:`")
        kind: Literal["alert", "record"] = "alert" if kinds == ["alert"] else "record"
        name = self.text(node, kind)
        if name is None:
            return self.report(node.key_span(kind), f"the {kind} has no name", "write one after the colon")
        if kind == "record":
            if not _NAMES["record"].fullmatch(name):
                self.report(
                    node.value[kind].span,
                    f"{name!r} is a metric's name for Prometheus 3 alone",
                    "use letters, digits, underscores and colons",
                    Severity.WARNING,
                )
            for key in ("for", "keep_firing_for", "annotations"):
                if key in node.value:
                    self.report(node.key_span(key), f"a record has no `{key}`", "remove it; it belongs to alerts")
        text, labels = self.text(node, "expr"), self.mapping(node, "labels")
        for label in labels:
            where = (node.at(("labels",)) or node).key_span(label)
            if label == "__name__":
                self.report(where, "a rule cannot set the label '__name__'", "use `record:` for the name")
            elif not _NAMES["label"].fullmatch(label):
                self.report(
                    where,
                    f"{label!r} is a label's name for Prometheus 3 alone",
                    "use letters, digits and underscores",
                    Severity.WARNING,
                )
        annotations = self.mapping(node, "annotations")
        if kind == "alert":
            self.templates(node, "labels", labels)
            self.templates(node, "annotations", annotations)
        for_, keep = self.duration(node, "for"), self.duration(node, "keep_firing_for")
        if text is None:
            return self.report(_start(node), f"the {kind} {name!r} has no expression", "add `expr:`")
        try:
            expr = tree_of(text)
        except promql.BadPromQL as error:
            code, message, hint, severity = syntax.told(error)
            return self.found.append(self.diagnostic(code, node.value["expr"].span, message, hint, severity))
        self.rules.append(
            Rule(kind, name, group, text, expr, {**group_labels, **labels}, annotations, for_, keep, node)
        )
        return None

    def unknown(self, node: Node, known: frozenset[str], where: str) -> None:
        for key in node.keys:
            if key not in known:
                self.report(node.key_span(key), f"unknown key {key!r} in {where}", suggest(key, known, what="keys"))

    def text(self, node: Node, key: str) -> str | None:
        """The text of a scalar; None when there is none (a mapping or list is reported)."""
        child = node.at((key,))
        if child is None or child.value is None or child.value == "":
            return None
        if isinstance(child.value, (dict, list)):
            self.report(child.span, f"`{key}` has to be text", "write it on one line, or after `|`")
            return None
        return str(child.value)

    def mapping(self, node: Node, key: str) -> dict[str, str]:
        child = node.at((key,))
        if child is None or child.value is None:
            return {}
        if not isinstance(child.value, dict):
            self.report(child.span, f"`{key}` has to be a mapping", "write `name: value` lines, indented below it")
            return {}
        return {name: self.text(child, name) or "" for name in child.value}

    def templates(self, node: Node, key: str, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            if "{{" in text and (why := wrong(text)) and (value := node.at((key, name))) is not None:
                hint = "Prometheus refuses the whole file: mend the template"
                self.report(value.span, f"{name!r} is no template: {why}", hint)

    def duration(self, node: Node, key: str) -> float:
        text = self.text(node, key)
        if text is None:
            return 0.0
        if not _DURATION.fullmatch(text):
            self.report(
                (node.at((key,)) or node).span,
                f"`{key}: {text}` is no duration",
                "write a number and a unit, like 30s, 5m or 1h30m",
            )
            return 0.0
        return 0.0 if text == "0" else units.parse(text, "seconds")

    def report(self, span: Span, message: str, hint: str, severity: Severity = Severity.ERROR) -> None:
        self.found.append(self.diagnostic(STRUCTURE, span, message, hint, severity))

    def diagnostic(
        self, code: str, span: Span, message: str, hint: str, severity: Severity = Severity.ERROR
    ) -> Diagnostic:
        excerpt = self.lines[span.line - 1] if span.line <= len(self.lines) else ""
        return Diagnostic(code, message, span, hint, severity, excerpt)


def _documents(source: Source, lines: tuple[str, ...]) -> Iterator[Source]:
    """The documents of a file, each with blank lines before it so that its line numbers are the file's."""
    starts = [0, *(index for index, line in enumerate(lines) if _SEPARATOR.match(line)), len(lines)]
    for start, end in pairwise(starts):
        body = lines[start:end]
        if any(
            line.strip() and not line.lstrip().startswith("#") and not _SEPARATOR.fullmatch(line.rstrip())
            for line in body
        ):
            yield Source(source.name, "\n" * start + "\n".join(body), source.layer)


def _start(node: Node) -> Span:
    line, column = node.mark[:2]
    return Span(node.source.name, line, column, line, column + 1)
