"""What the items of lists are called, in Kubernetes' objects as in the files of a Prometheus or an Alertmanager: a rule by
its alert, a metric by what it measures, a route by what it takes. A diff says it, and `kubernetes.ownership` understands it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def _by(*keys: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda item: next((str(item[key]) for key in keys if item.get(key)), "")


def _spelled(item: Mapping[str, Any]) -> str:
    """As a server spells it."""
    return f"name={json.dumps(item['name'], ensure_ascii=False)}" if isinstance(item.get("name"), str) else ""


def metric_name(metric: Mapping[str, Any]) -> str:
    """What an HPA's metric measures: `cpu`, `cpu of web`, `queue_depth`; "" for what is no metric."""
    kind = str(metric.get("type") or "")
    inside = metric.get(kind[:1].lower() + kind[1:])
    if not isinstance(inside, Mapping):
        return ""
    measured = inside.get("metric")
    name = str((measured if isinstance(measured, Mapping) else inside).get("name") or "")
    return f"{name} of {inside['container']}" if name and inside.get("container") else name


def _trigger(trigger: Mapping[str, Any]) -> str:
    facts = trigger.get("metadata")
    return str(
        trigger.get("name")
        or (facts.get("metricName") if isinstance(facts, Mapping) else "")
        or trigger.get("type")
        or ""
    )


def matched(matchers: Any) -> str:
    """Matchers as Alertmanager spells them; of a file or of the operator's objects."""
    if isinstance(matchers, Mapping):
        return ",".join(f'{name}="{value}"' for name, value in sorted(matchers.items()))
    if not isinstance(matchers, Sequence) or isinstance(matchers, str):
        return ""
    return ",".join(
        f'{m.get("name")}{m.get("matchType", "=")}"{m.get("value", "")}"' if isinstance(m, Mapping) else str(m)
        for m in matchers
    )


def _route(route: Mapping[str, Any]) -> str:
    return matched(route.get("matchers") or route.get("match")) or "everything"


def _inhibition(rule: Mapping[str, Any]) -> str:
    source, target = (
        matched(rule.get(f"{side}Match") or rule.get(f"{side}_matchers")) for side in ("source", "target")
    )
    return f"{source} over {target}"


NAMES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "groups": _spelled, "rules": _by("alert", "record"), "metrics": metric_name, "containerPolicies": _by("containerName"),
    "triggers": _trigger, "receivers": _spelled, "routes": _route, "inhibitRules": _inhibition, "inhibit_rules": _inhibition,
    "scrape_configs": _by("job_name"), "endpoints": _by("port", "targetPort"),
}  # fmt: skip
"""By the field's name: what an item of the list is called, "" where it has no name."""

_ANY = _by("alert", "record", "job_name", "containerName")


def called(within: str, item: Any) -> str:
    """What an item is called in the list of that field; "" for what has no name."""
    if not isinstance(item, Mapping):
        return ""
    if within in NAMES:
        return NAMES[within](item)
    return _spelled(item) or _ANY(item) or metric_name(item)


_FITS = re.compile(r'(?:[^"\]\n]|"(?:[^"\\\n]|\\.)*")*')
"""What can stand between brackets as it is."""


def names_in(within: str, items: Sequence[Any]) -> list[str]:
    """What each item of the list of that field is called, told apart by a number where two would be called alike: `a`,
    `a (2)`; "" for what has no name, or one that is another's number in the list.
    """
    taken: set[str] = set()
    told = []
    for item in items:
        name = called(within, item)
        name = "" if name.isdecimal() and int(name) < len(items) else name
        name = name if _FITS.fullmatch(name) else json.dumps(name, ensure_ascii=False)
        shown, number = name, 1
        while name and shown in taken:
            number += 1
            shown = f"{name} ({number})"
        taken.add(shown)
        told.append(shown)
    return told
