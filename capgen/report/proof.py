"""The proof of the rules: for a terminal, as JUnit for CI, as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from capgen.report.color import painted
from capgen.report.visible import visible

if TYPE_CHECKING:
    from capgen.prove.environment import Proven


def as_text(proven: Sequence[Proven], *, color: bool = False, width: int = 80) -> str:
    """What is not proven, with the reason, and what proven rules are not made for; then a summary of each environment."""
    lines: list[str] = []
    for one in proven:
        for result in one.proof.results:
            if result.status != "proven":
                head = f"{one.environment}: {result.rule} in {result.group} is {result.status}"
                lines.append(painted(visible(head), "red", color))
                lines += [textwrap.indent(visible(line), "  ")[:width] for line in result.detail.splitlines()[:12]]
        for gap in one.proof.gaps:
            lines.append(painted(f"{one.environment}: {visible(gap.group)}: {visible(gap.reason)}", "yellow", color))
        for mutation in one.mutations or ():
            if not mutation.killed:
                lines.append(
                    painted(
                        f"{one.environment}: no test notices that {visible(mutation.mutant.rule)} changed: {visible(mutation.mutant.what)}",
                        "yellow",
                        color,
                    )
                )
        lines.append(_summary(one))
    return "\n".join(lines) + "\n"


def _summary(one: Proven) -> str:
    counts = Counter((result.kind, result.status == "proven") for result in one.proof.results)
    parts = [
        f"{counts[kind, True]} of {counts[kind, True] + counts[kind, False]} {kind}s proven"
        for kind in ("alert", "record")
    ]
    parts.append(f"{one.proof.cases} cases" + (f", {one.proof.cached} groups unchanged" if one.proof.cached else ""))
    if one.mutations:
        killed = sum(mutation.killed for mutation in one.mutations)
        parts.append(f"{killed} of {len(one.mutations)} mutants killed ({killed / len(one.mutations):.1%})")
    return f"{one.environment}: {'; '.join(parts)}"


def as_json(proven: Sequence[Proven]) -> str:
    """Every rule with its status, and the mutants that no test noticed."""
    environments = [
        {
            "environment": one.environment,
            "promtool": one.proof.promtool,
            "coverage": one.proof.coverage,
            "cases": one.proof.cases,
            "rules": [
                {"group": r.group, "rule": r.rule, "kind": r.kind, "status": r.status, "detail": r.detail}
                for r in one.proof.results
            ],
            "gaps": [{"rule": gap.rule, "reason": gap.reason} for gap in one.proof.gaps],
            "mutants": None
            if one.mutations is None
            else {
                "total": len(one.mutations),
                "survived": [{"rule": m.mutant.rule, "change": m.mutant.what} for m in one.mutations if not m.killed],
            },
        }
        for one in proven
    ]
    return json.dumps({"schema_version": 1, "environments": environments}, indent=2, ensure_ascii=False) + "\n"


def as_junit(proven: Sequence[Proven]) -> str:
    """A test suite an environment, a test case a rule."""
    from xml.sax.saxutils import escape, quoteattr

    def clean(text: str) -> str:
        return "".join(c for c in visible(text) if c in "\n\t" or c >= " ")

    suites = []
    for one in proven:
        cases = []
        for r in one.proof.results:
            name = f"    <testcase classname={quoteattr(clean(r.group))} name={quoteattr(clean(r.rule))}"
            failed = (
                f">\n      <failure message={quoteattr(r.status)}>{escape(clean(r.detail))}</failure>\n    </testcase>"
            )
            cases.append(name + ("/>" if r.status == "proven" else failed))
        bad = sum(r.status != "proven" for r in one.proof.results)
        head = f'  <testsuite name={quoteattr(one.environment)} tests="{len(cases)}" failures="{bad}">'
        suites.append("\n".join((head, *cases, "  </testsuite>")))
    return (
        "\n".join(
            ('<?xml version="1.0" encoding="utf-8"?>', '<testsuites name="capgen test">', *suites, "</testsuites>")
        )
        + "\n"
    )
