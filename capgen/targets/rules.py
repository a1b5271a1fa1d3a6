"""Whether a Prometheus has taken the rules: their health and when they were evaluated last, from its HTTP API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen import direct
from capgen.errors import TargetError
from capgen.naming import PREFIX

_SECONDS = 15
NOBODY: Mapping[str, str] = {}


class RuleGroup(Struct, frozen=True):
    """One of capgen's groups as it is evaluated; `problems` are what its rules failed with."""

    name: str
    rules: int
    evaluated: str
    problems: tuple[str, ...]


def rule_groups(url: str, headers: Mapping[str, str] = NOBODY) -> tuple[RuleGroup, ...]:
    """The groups of capgen's that a Prometheus evaluates. Raises TargetError when it cannot be asked."""
    address = f"{url.rstrip('/')}/api/v1/rules"
    try:
        request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - the environment names it
        with direct.opener().open(request, timeout=_SECONDS) as answer:
            groups: Any = json.load(answer)["data"]["groups"]
        found = [_group(group) for group in groups if str(group["name"]).startswith(f"{PREFIX}/")]
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"{address} does not say which rules it has: {error}") from error
    return tuple(sorted(found, key=lambda group: group.name))


def _group(group: Any) -> RuleGroup:
    rules = group.get("rules") or []
    problems = [
        f"{rule.get('name')}: {rule.get('lastError') or rule['health']}"
        for rule in rules
        if rule.get("health") == "err"
    ]
    return RuleGroup(str(group["name"]), len(rules), str(group.get("lastEvaluation", "")), tuple(problems))


def with_missing(found: Sequence[RuleGroup], wanted: Sequence[tuple[str, int]]) -> tuple[RuleGroup, ...]:
    """The groups, with those that were delivered (name, number of rules) and that Prometheus has not, or not whole."""
    there = {group.name: group for group in found}
    for name, count in wanted:
        group = there.get(name)
        if group is None:
            there[name] = RuleGroup(name, 0, "never", ("Prometheus does not evaluate it",))
        elif group.rules != count:
            told = f"Prometheus has {group.rules} rules of it, and {count} were delivered"
            there[name] = RuleGroup(name, group.rules, group.evaluated, (*group.problems, told))
    return tuple(there[name] for name in sorted(there))
