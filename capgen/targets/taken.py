"""What is delivered and whether who is to use it has taken it: the objects, Prometheus' rules and Grafana's dashboards.

One server that cannot be asked says nothing about the others: whoever is paged sees what can be seen, and what cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from capgen.errors import TargetError, UsageError
from capgen.reconcile.health import Health
from capgen.reconcile.plan import Plan
from capgen.targets.evaluated import delivered
from capgen.targets.grafana import Shown, dashboards
from capgen.targets.rules import RuleGroup, reload_failed, rule_groups

Login: TypeAlias = Callable[[], Mapping[str, str]]
"""The headers of a question; raises UsageError for a secret that is not there."""


class Status(Struct, frozen=True):
    """A plan with what each object says of itself, the rule groups that are evaluated, and the dashboards that are there."""

    plan: Plan
    healths: tuple[Health | None, ...]
    groups: tuple[RuleGroup, ...] = ()
    dashboards: tuple[Shown, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong with a server as a whole."""
    unasked: tuple[str, ...] = ()
    """What could not be asked, and why."""
    failed: bool = False
    """Whether any of that was asked for by name."""


def with_rules(found: Status, url: str, login: Login, *, named: bool) -> Status:
    """With the rule groups as a Prometheus has them; `named`: it was asked for."""
    try:
        headers = login()
        groups = rule_groups(url, headers, delivered(found.plan))
    except (TargetError, UsageError) as error:
        return replace(found, unasked=(*found.unasked, f"the rules: {error}"), failed=found.failed or named)
    failed = reload_failed(url, headers)
    return replace(found, groups=groups, problems=(*found.problems, failed) if failed else found.problems)


def with_dashboards(
    found: Status, url: str, login: Login, wanted: Sequence[tuple[str, str]], *, folder: str, named: bool
) -> Status:
    """With the dashboards (`wanted`: uid and title) as a Grafana has them; `named`: it was asked for."""
    try:
        shown = dashboards(url, wanted, login(), folder)
    except (TargetError, UsageError) as error:
        return replace(found, unasked=(*found.unasked, f"the dashboards: {error}"), failed=found.failed or named)
    return replace(found, dashboards=shown)
