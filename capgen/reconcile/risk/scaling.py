"""Risks of autoscalers: less room, a later start, a slower way up, a faster way down, pods that are made again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capgen.reconcile import meaning
from capgen.reconcile.packed import unpacked
from capgen.reconcile.paths import lookup
from capgen.reconcile.plan import ABSENT, Change, FieldChange

HPA, VPA, SCALED = "HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject"
_BOUNDS: Mapping[tuple[str, str], tuple[str, int]] = {
    (HPA, ".spec.minReplicas"): ("minimum", 1), (HPA, ".spec.maxReplicas"): ("maximum", 0),
    (SCALED, ".spec.minReplicaCount"): ("minimum", 0), (SCALED, ".spec.maxReplicaCount"): ("maximum", 100),
}  # fmt: skip
"""By kind and field: which bound it is, and what holds when nobody says it."""
_UNTOUCHED = ("Off", "Initial")
"""Modes in which a VPA leaves the pods alone that run."""
_METRIC = re.compile(r"\.(?:metrics|triggers)\[(.*)\]$")
_TARGET = re.compile(r"\.(?:metrics|triggers)\[([^\]]*)\].*\.(averageUtilization|averageValue|value|threshold)$")
_POLICY = re.compile(r"\.containerPolicies\[([^\]]*)\]\.(.+)$")
_PACE = re.compile(r"^(.*\.behavior)(?:\.scale(?:Up|Down)|$)")
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}  # fmt: skip
"""What Kubernetes does where nothing is said."""


def risks(kind: str, field: FieldChange) -> Iterator[tuple[str, str]]:
    """What is risky about a field of an HPA, a ScaledObject or a VPA."""
    if kind in (HPA, SCALED):
        yield from _horizontal(kind, field)
    elif kind == VPA:
        yield from _vertical(field)


def _horizontal(kind: str, field: FieldChange) -> Iterator[tuple[str, str]]:
    old, new = field.old, field.new
    if bound := _BOUNDS.get((kind, field.path)):
        name, usual = bound
        once, now = (usual if side is ABSENT else side for side in (old, new))
        if isinstance(once, int) and isinstance(now, int) and now < once:
            yield f"lowers the {name} of replicas, {once} → {now}", ""
    elif (metric := _METRIC.search(field.path)) and new is ABSENT:
        yield "scales no more on:", metric[1]
    elif target := _TARGET.search(field.path):
        percent = " %" if target[2] == "averageUtilization" else ""
        if _smaller(old, new):
            yield f"scales later, at {new}{percent} and no longer at {old}{percent}", target[1]
    elif ".scaleTargetRef." in field.path and old is not ABSENT:
        yield f"scales something else, {new} and no longer {old}", ""
    elif kind == SCALED and field.path == ".spec.pollingInterval" and _smaller(30 if old is ABSENT else old, new):
        yield f"looks less often, every {new} s and no longer every {30 if old is ABSENT else old} s", ""


def _vertical(field: FieldChange) -> Iterator[tuple[str, str]]:
    old, new = field.old, field.new
    if field.path == ".spec.updatePolicy.updateMode":
        once, now = ("Recreate" if side in (ABSENT, "Auto") else side for side in (old, new))
        if once in _UNTOUCHED and now not in _UNTOUCHED:
            yield f"begins to change pods that run, mode {now} and no longer {once}", ""
        elif now in _UNTOUCHED and once not in _UNTOUCHED:
            yield f"changes no pods that run any more, mode {now} and no longer {once}", ""
        elif once == "InPlace" or (once == "InPlaceOrRecreate" and now == "Recreate"):
            yield f"may make pods again, mode {now} and no longer {once}", ""
        return
    if ".targetRef." in field.path and old is not ABSENT:
        yield f"sizes something else, {new} and no longer {old}", ""
    policy = _POLICY.search(field.path)
    container, inside = (policy[1], policy[2]) if policy else ("", field.path)
    resource = inside.rpartition(".")[2]
    if "maxAllowed." in inside and new is not ABSENT and (old is ABSENT or _smaller(new, old)):
        yield f"lowers what a container may get of {resource}, {'any' if old is ABSENT else old} → {new}", container
    elif "minAllowed." in inside and old is not ABSENT and (new is ABSENT or _smaller(new, old)):
        yield (
            f"lowers what a container gets at least of {resource}, {old} → {'nothing' if new is ABSENT else new}",
            container,
        )
    elif inside == "mode" and new == "Off":
        yield "is not sized any more", container
    elif inside.startswith("controlledResources") and new is ABSENT and isinstance(old, str):
        yield f"does not size {old} any more", container


def paces(kind: str, change: Change, fields: Sequence[FieldChange]) -> Iterator[tuple[str, str]]:
    """What is risky about how fast an HPA goes, where a field of that changes: told as a whole, since rates are read together."""
    roots = {match[1] for field in fields if (match := _PACE.match(field.path))} if kind in (HPA, SCALED) else set()
    for root in sorted(roots):
        for way in ("scaleUp", "scaleDown"):
            path = f"{root}.{way}"
            touched = [f for f in fields if f.path.startswith(path) or path.startswith(f.path)]
            if touched:
                before, after = (
                    unpacked(side) if isinstance(side, Mapping) else side for side in (change.before, change.after)
                )
                gone = {f.path[len(path) + 1 :] for f in touched if f.new is ABSENT}
                once, now = (_rules(side, path) for side in (before, after))
                yield from _pace(way, once, {**{k: v for k, v in once.items() if k not in gone}, **now})


def _rules(document: Any, path: str) -> dict[str, Any]:
    found = lookup(document, path)
    return dict(found) if isinstance(found, Mapping) else {}


def _pace(way: str, once: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    before, after = ({**_DEFAULTS[way], **side} for side in (once, now))
    up = way == "scaleUp"
    words = "up" if up else "down"
    stopped = [side.get("selectPolicy") == "Disabled" for side in (before, after)]
    if stopped != [False, False]:
        if up and stopped == [False, True]:
            yield "never scales up any more", ""
        elif not up and stopped == [True, False]:
            yield "begins to scale down", ""
        return
    waits = [side["stabilizationWindowSeconds"] for side in (before, after)]
    if waits[0] != waits[1] and (waits[1] > waits[0]) is up:
        yield f"scales {words} {'later' if up else 'sooner'}, after {waits[1]} s and no longer after {waits[0]} s", ""
    rates = [_rates(side) for side in (before, after)]
    slower = any(rates[1].get(step, 0) < rate for step, rate in rates[0].items())
    faster = any(rate > rates[0].get(step, 0) for step, rate in rates[1].items())
    picks = [side.get("selectPolicy", "Max") for side in (before, after)]
    if (slower or picks == ["Max", "Min"]) if up else (faster or picks == ["Min", "Max"]):
        yield f"scales {words} {'slower' if up else 'faster'}, {_said(after)} and no longer {_said(before)}", ""
    if up and _smaller(before.get("tolerance", "0.1"), after.get("tolerance", "0.1")):
        yield (
            f"waits for more before it scales up, a tolerance of {after['tolerance']} and no longer {before.get('tolerance', '0.1')}",
            "",
        )


def _rates(rules: Mapping[str, Any]) -> dict[str, float]:
    """Pods, or per cent, a second; of several policies of one type the fastest."""
    found: dict[str, float] = {}
    for policy in rules["policies"]:
        kind, rate = policy.get("type", ""), policy.get("value", 0) / max(policy.get("periodSeconds", 1), 1)
        found[kind] = max(rate, found.get(kind, 0))
    return found


def _said(rules: Mapping[str, Any]) -> str:
    steps = [
        f"{p.get('value')}{' %' if p.get('type') == 'Percent' else ' pod' if p.get('value') == 1 else ' pods'} in {p.get('periodSeconds')} s"
        for p in rules["policies"]
    ]
    return (" and " if rules.get("selectPolicy") == "Min" else " or ").join(steps)


def _smaller(one: Any, other: Any) -> bool:
    first, second = (meaning.quantity(str(value)) for value in (one, other))
    return first.startswith("=") and second.startswith("=") and float(first[1:]) < float(second[1:])
