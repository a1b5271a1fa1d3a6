"""Whether a Prometheus has taken the rules: their health and when they were evaluated last, from its HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from capgen.errors import TargetError
from capgen.naming import PREFIX
from capgen.targets.asked import ask
from capgen.targets.evaluated import Rules, differences

_LOGIN = "prometheus.auth"
NOBODY: Mapping[str, str] = {}
_ROUNDS, _GRACE = 3, 10
"""An evaluation that is so many intervals and seconds old is not the last one that should have been."""


class RuleGroup(Struct, frozen=True):
    """One of capgen's groups as it is evaluated; `problems` are what its rules failed with. `evaluated` is RFC 3339, or
    `never`."""

    name: str
    rules: int
    evaluated: str
    problems: tuple[str, ...]


def rule_groups(
    url: str, headers: Mapping[str, str] = NOBODY, wanted: Mapping[str, Rules] | None = None
) -> tuple[RuleGroup, ...]:
    """The groups of capgen's that a Prometheus evaluates, held against the rules that were delivered (`wanted`, by group; None
    where nobody asks). Raises TargetError when it cannot be asked."""
    said = ask(f"{url.rstrip('/')}/api/v1/rules?exclude_alerts=true", headers)
    if said.status != 200:
        raise said.trouble(_LOGIN)
    try:
        groups: Any = said.document["data"]["groups"]
        there = {str(group["name"]): group for group in groups}
        found = {
            name: _group(group, said.at, (wanted or {}).get(name))
            for name, group in there.items()
            if name.startswith(f"{PREFIX}/") or name in (wanted or {})
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise said.trouble(_LOGIN) from error
    if wanted is not None:
        found = _with_missing(found, wanted)
    return tuple(found[name] for name in sorted(found))


def reload_failed(url: str, headers: Mapping[str, str] = NOBODY) -> str:
    """That Prometheus could not read its configuration as it is now, "" when it could or does not say. What stands in for a
    Prometheus has no such page."""
    try:
        said = ask(f"{url.rstrip('/')}/api/v1/status/runtimeinfo", headers)
        info: Any = said.document["data"] if said.status == 200 else {}
        if info.get("reloadConfigSuccess") is not False:
            return ""
        return (
            f"Prometheus at {url} could not read its configuration when it was told to, and evaluates the one of before "
            f"(last read {info.get('lastConfigTime', 'never')}): its log says why"
        )
    except (TargetError, KeyError, TypeError, AttributeError):
        return ""


def _group(group: Any, now: datetime, wanted: Rules | None) -> RuleGroup:
    rules = group.get("rules") or []
    problems = [
        f"{rule.get('name')}: {rule.get('lastError') or rule['health']}"
        for rule in rules
        if rule.get("health") == "err"
    ]
    evaluated = str(group.get("lastEvaluation") or "")
    if evaluated.startswith("0001-") or not evaluated:
        evaluated = "never"
    elif late := _late(evaluated, float(group.get("interval") or 0), now):
        problems.append(late)
    if wanted is not None:
        problems += differences(wanted, rules)
    return RuleGroup(str(group["name"]), len(rules), evaluated, tuple(problems))


def _late(evaluated: str, interval: float, now: datetime) -> str:
    try:
        seconds = (now - datetime.fromisoformat(evaluated)).total_seconds()
    except (ValueError, TypeError):
        return ""  # what stands in for a Prometheus may tell times in its own way
    if not interval or seconds <= _ROUNDS * interval + _GRACE:
        return ""
    return f"it was evaluated {seconds:.0f} s ago, and is to be every {interval:g} s"


def _with_missing(there: Mapping[str, RuleGroup], wanted: Mapping[str, Rules]) -> dict[str, RuleGroup]:
    """The groups, with those that were delivered and that Prometheus has not; and what it still has of their services though
    nobody delivers it."""
    found = {name: RuleGroup(name, 0, "never", ("Prometheus does not evaluate it",)) for name in wanted} | dict(there)
    services = {name.rpartition("/")[0] for name in wanted}
    for name in there.keys() - wanted.keys():
        if name.rpartition("/")[0] in services:
            told = "Prometheus evaluates it, and no spec asks for it any more"
            found[name] = replace(found[name], problems=(*found[name].problems, told))
    return found
