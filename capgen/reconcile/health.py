"""How a delivered object is, by its own status: ready, not yet, or in trouble, and what it says about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from capgen.reconcile.plan import Document

_AWAITED: Mapping[str, str] = {
    "HorizontalPodAutoscaler": "AbleToScale",
    "VerticalPodAutoscaler": "RecommendationProvided",
    "ScaledObject": "Ready",
}
"""The condition by which a controller says that it has taken the object up; other kinds have none to wait for."""


class Health(Struct, frozen=True):
    """`ready` is None for kinds that say nothing about it."""

    ready: bool | None
    told: tuple[str, ...] = ()


def is_awaited(kind: str) -> bool:
    """Whether objects of a kind say when a controller has taken them up."""
    return kind in _AWAITED


def health(kind: str, live: Document) -> Health:
    """What an object's status says."""
    status = live.get("status") or {}
    told = list(_numbers(kind, status))
    conditions = {str(c.get("type")): c for c in status.get("conditions") or () if isinstance(c, Mapping)}
    for name, condition in conditions.items():
        bad = condition.get("status") == ("True" if name in _BAD_WHEN_TRUE else "False")
        if bad:
            told.append(f"{name}: {condition.get('reason', '')} {condition.get('message', '')}".strip())
    if kind == "HorizontalPodAutoscaler" and (late := _late(live.get("spec") or {}, status)):
        return Health(False, (*told, late))
    awaited = _AWAITED.get(kind)
    if awaited is None:
        return Health(None, tuple(told))
    if awaited not in conditions:
        return Health(False, (*told, f"no controller has said {awaited} yet"))
    return Health(conditions[awaited].get("status") == "True", tuple(told))


_BAD_WHEN_TRUE = frozenset(
    ("ScalingLimited", "LowConfidence", "NoPodsMatched", "ConfigUnsupported", "ConfigDeprecated", "Fallback", "Paused")
)


def _late(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """What an autoscaler says that has not seen its new bounds yet, "" for others: it counts no generations, so a condition
    may be of before. At 0 its workload is switched off.
    """
    wanted, least, most = status.get("desiredReplicas"), spec.get("minReplicas", 1), spec.get("maxReplicas")
    if not wanted or most is None or least <= wanted <= most:
        return ""
    return f"its controller still wants {wanted} replicas, which is not between {least} and {most}"


def _numbers(kind: str, status: Mapping[str, Any]) -> list[str]:
    if kind == "HorizontalPodAutoscaler" and "desiredReplicas" in status:
        return [f"{status.get('currentReplicas', 0)} replicas, {status['desiredReplicas']} wanted"]
    if kind == "CronJob" and status.get("lastScheduleTime"):
        last = status.get("lastSuccessfulTime")
        return [f"last started {status['lastScheduleTime']}, last succeeded {last or 'never'}"]
    return []
