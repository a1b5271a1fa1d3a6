"""Proves the rules of blueprints: writes each group's rules and tests, lets promtool judge, adds up what is proven.

A rule counts as proven when promtool passed tests that name it. A rule for which no tests could be made is
unproven, with the reason; one whose tests failed is wrong, or its tests are, and either way somebody has to look.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from capgen.blueprint import Blueprint, Group
from capgen.prove import promtool as tool
from capgen.prove.cases import prove_group
from capgen.prove.suite import Gap, Suite, render
from capgen.prove.written import RuleKind, Written, as_written
from capgen.render.rules import rule_file
from capgen.yamlio import Node

_PASSED = "passed\n"


class Result(Struct, frozen=True):
    """One rule's proof. `rule` is a record, an alert, or `alert/metric`; `detail` says why it is not proven."""

    group: str
    rule: str
    kind: Literal["record", "alert"]
    status: Literal["proven", "failed", "unproven"]
    detail: str = ""


class Proof(Struct, frozen=True):
    """What was proven. `gaps` are properties of proven rules that no test covers."""

    results: tuple[Result, ...]
    gaps: tuple[Gap, ...]
    cases: int
    promtool: str
    cached: int
    """Groups whose rules and tests had passed before, unchanged."""

    @property
    def coverage(self) -> float:
        """The share of alerts and records that is proven, 0..1; 1 when there are none."""
        return sum(r.status == "proven" for r in self.results) / len(self.results) if self.results else 1.0


class Prepared(Struct, frozen=True):
    """A group with its files: rules as they are shipped, and tests that refer to them by `rules_name`."""

    suite: Suite
    rules_name: str
    rules: str
    tests_name: str
    tests: str
    unknown: tuple[tuple[RuleKind, str], ...] = ()
    """Rules that a template adds and no spec knows: `record` or `alert`, and the name."""


def prepare(group: Group, written: Mapping[str, Node] | None = None) -> Prepared:
    """A group's rules and tests as text. `written`: the groups of the files that are delivered, by name, where
    templates of the project's own wrote them; None for what the packaged ones write."""
    found = Written(group, rule_file([group]), ()) if written is None else as_written(group, written.get(group.name))
    suite = prove_group(found.group)
    # Two environments have groups of the same name, and now and then the very same group.
    digest = hashlib.sha256(repr((group, found.rules)).encode()).hexdigest()[:12]
    stem = "".join(c if c.isalnum() else "-" for c in group.name) + "-" + digest
    rules_name, tests_name = f"{stem}.rules.yml", f"{stem}.test.yml"
    return Prepared(suite, rules_name, found.rules, tests_name, render(suite, rules_name), found.unknown)


def prove(
    blueprints: Sequence[Blueprint],
    *,
    promtool: Path,
    jobs: int = 2,
    cache_dir: Path | None = None,
    written: Mapping[str, Node] | None = None,
) -> Proof:
    """Tests every group of the blueprints, as `prepare` reads them. Raises CapgenError when promtool does not run."""
    version = tool.version(promtool)
    groups = [prepare(group, written) for blueprint in blueprints for group in blueprint.groups]
    keys = {p.tests_name: _key(p, version) for p in groups}
    known = {p.tests_name for p in groups if cache_dir is not None and _passed(cache_dir / keys[p.tests_name])}
    todo = list({p.tests_name: p for p in groups if p.tests_name not in known and p.suite.cases}.values())
    verdicts = dict.fromkeys(known, "")
    with tempfile.TemporaryDirectory(prefix="capgen-prove-") as name:
        folder = Path(name)
        for p in todo:
            (folder / p.rules_name).write_text(p.rules, encoding="utf-8")
            (folder / p.tests_name).write_text(p.tests, encoding="utf-8")
        verdicts |= tool.run_tests(promtool, folder, [p.tests_name for p in todo], jobs)
    if cache_dir is not None:
        cache_dir.mkdir(parents=True, exist_ok=True)
        for p in todo:
            if not verdicts[p.tests_name]:
                (cache_dir / keys[p.tests_name]).write_text(_PASSED, encoding="utf-8")
    results = tuple(result for p in groups for result in _results(p, verdicts.get(p.tests_name, "")))
    gaps = tuple(gap for p in groups for gap in p.suite.gaps if p.suite.cases)
    return Proof(results, gaps, sum(len(p.suite.cases) for p in groups), version, len(known))


def _key(prepared: Prepared, version: str) -> str:
    text = "\0".join((version, prepared.rules, prepared.tests))
    return hashlib.sha256(text.encode()).hexdigest()


def _passed(path: Path) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == _PASSED


def rule_names(group: Group) -> tuple[tuple[str, Literal["record", "alert"]], ...]:
    """The rules of a group as results name them."""
    records: list[tuple[str, Literal["record", "alert"]]] = [(record.name, "record") for record in group.records]
    return (*records, *((f"{a.name}/{a.level}" if a.kind == "absent" else a.name, "alert") for a in group.alerts))


def _results(prepared: Prepared, complaint: str) -> list[Result]:
    suite = prepared.suite
    reasons = {gap.rule: gap.reason for gap in suite.gaps if gap.rule}
    results = []
    for rule, kind in rule_names(suite.group):
        if rule not in suite.proves:
            results.append(Result(suite.group.name, rule, kind, "unproven", reasons.get(rule, "no test covers it")))
        elif complaint:
            results.append(Result(suite.group.name, rule, kind, "failed", complaint))
        else:
            results.append(Result(suite.group.name, rule, kind, "proven"))
    for kind, name in prepared.unknown:
        results.append(Result(suite.group.name, name, kind, "unproven", "a template adds it, and no spec knows it"))
    return results
