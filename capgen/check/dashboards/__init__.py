"""The checks of dashboards, one a file: each judges what was compiled, before anything is written.

Grafana does not say what is wrong with a dashboard: one that it cannot take is missing, one with a doubled uid freezes
a folder. So what it would not say is said here, with the line of the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from capgen.artifact import Artifact
from capgen.blueprint import Blueprint
from capgen.check.dashboards import explained, identity, links, parity, size, unit
from capgen.diagnostics import Diagnostic, in_order
from capgen.spec.parse import Spec

DashboardCheck = Callable[[Spec, Blueprint], Iterator[Diagnostic]]

CHECKS: tuple[DashboardCheck, ...] = (explained.check, unit.check, identity.check, parity.check, links.check)


def check_dashboards(spec: Spec, blueprint: Blueprint) -> tuple[Diagnostic, ...]:
    """Everything wrong with a service's dashboards, by position."""
    return in_order(finding for check in CHECKS for finding in check(spec, blueprint))


def check_sizes(spec: Spec, artifacts: Iterable[Artifact]) -> tuple[Diagnostic, ...]:
    """What is too large to be delivered, among the files of a service."""
    return in_order(size.check(spec, artifacts))
