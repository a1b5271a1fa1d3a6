"""What the rules of specs will cost Prometheus, before any of them runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from capgen import api
from capgen.compile.cost import Estimate, ServiceCost, total
from capgen.compile.cost import estimate as estimate_spec
from capgen.diagnostics import has_errors
from capgen.errors import Findings
from capgen.spec.sections import BudgetSpec


def estimate(
    paths: Sequence[Path], *, settings: Sequence[str] = (), environments: Sequence[str] = ()
) -> tuple[Estimate, ...]:
    """The cost of all rules, by environment, service and group. Exceeded budgets are shown, other mistakes raise
    Findings."""
    compiled = api.compile_project(paths, settings=settings, environments=environments)
    wrong = tuple(finding for finding in compiled.diagnostics if finding.code != "CG380")
    if has_errors(wrong):
        raise Findings(wrong)
    by_environment: dict[str, list[ServiceCost]] = {}
    budgets: dict[str, BudgetSpec | None] = {}
    for spec in compiled.specs:
        groups = estimate_spec(spec, compiled.catalog)
        name = spec.environment.metadata.name
        cost = total(group.cost for group in groups)
        by_environment.setdefault(name, []).append(ServiceCost(spec.name, groups, cost, spec.model.budget))
        budgets[name] = spec.environment.budget
    return tuple(
        Estimate(name, tuple(services), total(one.cost for one in services), budgets[name])
        for name, services in sorted(by_environment.items())
    )
