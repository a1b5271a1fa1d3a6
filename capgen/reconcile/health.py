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


class Condition(Struct, frozen=True):
    """As the object has it; `since` is RFC 3339. `bad`: a person has to know."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    bad: bool


class Health(Struct, frozen=True):
    """`ready` is None for kinds that say nothing about it; `told` are its numbers and what is bad."""

    ready: bool | None
    told: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


def is_awaited(kind: str) -> bool:
    """Whether objects of a kind say when a controller has taken them up."""
    return kind in _AWAITED


def health(kind: str, live: Document) -> Health:
    """What an object's status says."""
    status = live.get("status") or {}
    found = tuple(_condition(c) for c in status.get("conditions") or () if isinstance(c, Mapping))
    told = [*_numbers(kind, live.get("spec") or {}, status), *(_in_words(c) for c in found if c.bad)]
    if kind == "HorizontalPodAutoscaler" and (late := _late(live.get("spec") or {}, status)):
        return Health(False, (*told, late), found)
    awaited = _AWAITED.get(kind)
    if awaited is None:
        return Health(None, tuple(told), found)
    said = next((c for c in found if c.type == awaited), None)
    if said is None:
        return Health(False, (*told, f"no controller has said {awaited} yet"), found)
    return Health(said.status == "True", tuple(told), found)


def _condition(said: Mapping[str, Any]) -> Condition:
    kind, status, reason, message, since = (
        str(said.get(key) or "") for key in ("type", "status", "reason", "message", "lastTransitionTime")
    )
    return Condition(kind, status, reason, message, since, status == ("True" if kind in _BAD_WHEN_TRUE else "False"))


def _in_words(condition: Condition) -> str:
    return f"{condition.type}: {condition.reason} {condition.message}".strip()


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


def _numbers(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    if kind == "HorizontalPodAutoscaler" and "desiredReplicas" in status:
        return [f"{status.get('currentReplicas', 0)} replicas, {status['desiredReplicas']} wanted"]
    if kind == "CronJob":
        started, done = (status.get(key) or "never" for key in ("lastScheduleTime", "lastSuccessfulTime"))
        told = "never started" if started == "never" else f"last started {started}, last succeeded {done}"
        running = len(status.get("active") or ())
        return [
            ", ".join(
                (told, *([f"{running} running"] if running else ()), *(["suspended"] if spec.get("suspend") else ()))
            )
        ]
    if kind == "VerticalPodAutoscaler":
        return [_recommended(c) for c in (status.get("recommendation") or {}).get("containerRecommendations") or ()]
    return []


def _recommended(container: Mapping[str, Any]) -> str:
    target = ", ".join(f"{name} {amount}" for name, amount in sorted((container.get("target") or {}).items()))
    return f"recommended for {container.get('containerName')}: {target}"
