"""What values of Kubernetes objects mean, so that two spellings of one thing are no difference.

Three tables, a reason on each row, keyed by kind and by path (`*` stands for a list item or any key): quantities,
lists whose order says nothing, and defaults that the server writes into values which are compared whole. A test
holds the tables against the schemas that a real API server publishes. Which lists are merged item by item is in
no table, since a live object says so itself (see `owners`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec.json import encode

Path: TypeAlias = "tuple[str, ...]"
"""Keys from the document's root; list items are `*`."""

_SUFFIXES: Mapping[str, Decimal] = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("0.001"),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12, "P": Decimal(10) ** 15, "E": Decimal(10) ** 18,
    "Ki": Decimal(1 << 10), "Mi": Decimal(1 << 20), "Gi": Decimal(1 << 30),
    "Ti": Decimal(1 << 40), "Pi": Decimal(1 << 50), "Ei": Decimal(1 << 60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?)([numkMGTPE]|[KMGTPE]i)?", re.ASCII)

_HPA, _VPA = "HorizontalPodAutoscaler", "VerticalPodAutoscaler"


def _rows(*rows: tuple[str, str, str]) -> frozenset[tuple[str, Path]]:
    """(kind, dotted path, reason) -> what is looked up; the reason is for whoever reads the table."""
    return frozenset((kind, tuple(path.split("."))) for kind, path, _ in rows)


_POD = "spec.jobTemplate.spec.template.spec"
_POLICY = "spec.resourcePolicy.containerPolicies.*"
_CANONICAL, _AS_WRITTEN = "the server writes it in canonical form: 1000m becomes 1", "a CRD keeps the text"

QUANTITIES = _rows(
    (_HPA, "spec.metrics.*.*.target.value", _CANONICAL),
    (_HPA, "spec.metrics.*.*.target.averageValue", _CANONICAL),
    (_HPA, "spec.behavior.*.tolerance", _CANONICAL),
    (_VPA, f"{_POLICY}.minAllowed.*", _AS_WRITTEN),
    (_VPA, f"{_POLICY}.maxAllowed.*", _AS_WRITTEN),
    (_VPA, f"{_POLICY}.oomMinBumpUp", _AS_WRITTEN),
    (_VPA, f"{_POLICY}.oomBumpUpRatio", _AS_WRITTEN),
    (_VPA, f"{_POLICY}.startupBoost.cpu.quantity", _AS_WRITTEN),
    (_VPA, "spec.startupBoost.cpu.quantity", _AS_WRITTEN),
    ("ScrapeConfig", "spec.nativeHistogramMinBucketFactor", _AS_WRITTEN),
    ("ServiceMonitor", "spec.nativeHistogramMinBucketFactor", _AS_WRITTEN),
    ("CronJob", f"{_POD}.containers.*.resources.*.*", _CANONICAL),
    ("CronJob", f"{_POD}.containers.*.env.*.valueFrom.resourceFieldRef.divisor", _CANONICAL),
    ("CronJob", f"{_POD}.initContainers.*.resources.*.*", _CANONICAL),
    ("CronJob", f"{_POD}.initContainers.*.env.*.valueFrom.resourceFieldRef.divisor", _CANONICAL),
    ("CronJob", f"{_POD}.resources.*.*", _CANONICAL),
    ("CronJob", f"{_POD}.overhead.*", _CANONICAL),
    ("CronJob", f"{_POD}.volumes.*.emptyDir.sizeLimit", _CANONICAL),
    ("CronJob", f"{_POD}.volumes.*.downwardAPI.items.*.resourceFieldRef.divisor", _CANONICAL),
    ("CronJob", f"{_POD}.volumes.*.ephemeral.volumeClaimTemplate.spec.resources.*.*", _CANONICAL),
)

UNORDERED = _rows(
    (_HPA, "spec.metrics", "the controller takes the highest; older servers reorder them"),
    (_VPA, "spec.resourcePolicy.containerPolicies", "a policy is looked up by its container's name"),
    (_HPA, "spec.behavior.*.policies", "selectPolicy picks by value, not by place"),
)

KEY_DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}
"""What the server takes a key for that a declared item leaves out."""

DEFAULTS: Mapping[tuple[str, Path], Any] = {
    ("ServiceMonitor", ("spec", "endpoints", "*", "relabelings", "*", "action")): "replace",
    ("ServiceMonitor", ("spec", "endpoints", "*", "metricRelabelings", "*", "action")): "replace",
    ("ScrapeConfig", ("spec", "relabelings", "*", "action")): "replace",
    ("ScrapeConfig", ("spec", "metricRelabelings", "*", "action")): "replace",
    ("RoleBinding", ("subjects", "*", "apiGroup")): "rbac.authorization.k8s.io",
}
"""What the server adds inside lists that are compared whole, and what nobody has declared by it."""


_NOTHING = object()

RETURNING: Mapping[tuple[str, Path], Any] = {
    (_HPA, ("spec", "minReplicas")): 1,
    (_HPA, ("spec", "behavior", "scaleUp", "selectPolicy")): "Max",
    (_HPA, ("spec", "behavior", "scaleUp", "stabilizationWindowSeconds")): 0,
    (_HPA, ("spec", "behavior", "scaleDown", "selectPolicy")): "Max",
    ("CronJob", ("spec", "concurrencyPolicy")): "Allow",
    ("CronJob", ("spec", "suspend")): False,
    ("CronJob", ("spec", "successfulJobsHistoryLimit")): 3,
    ("CronJob", ("spec", "failedJobsHistoryLimit")): 1,
}
"""What the server puts back when nobody declares it. Whoever creates an object by POST is noted as having declared that
too, so it is among what is taken over from other tools, and giving it up changes nothing."""


def returns(kind: str, path: Path, live: Any) -> bool:
    """Whether a value is there again once nobody declares it."""
    return bool(RETURNING.get((kind, path), _NOTHING) == live)


def same(kind: str, path: Path, declared: Any, live: Any) -> bool:
    """Whether two values of a field mean the same."""
    if spelled_alike(declared, live):
        return True
    return _text(canonical(kind, path, declared)) == _text(
        canonical(kind, path, without_defaults(kind, path, declared, live))
    )


def spelled_alike(declared: Any, live: Any) -> bool:
    """Whether it is the very same value, as nearly all are; if not, one has to look closer, at maps key by key."""
    if type(declared) is not type(live):
        return False  # to Python `True` is 1
    if not isinstance(declared, (dict, list)):
        return bool(declared == live)
    try:
        return encode(declared, order="sorted") == encode(live, order="sorted")
    except (TypeError, UnicodeEncodeError):  # no JSON, or half of a surrogate pair
        return False


def canonical(kind: str, path: Path, value: Any) -> Any:
    """One spelling for all values that mean the same."""
    if isinstance(value, dict):
        return {key: canonical(kind, (*path, key), child) for key, child in value.items()}
    if isinstance(value, list):
        items = [canonical(kind, (*path, "*"), item) for item in value]
        return sorted(items, key=_text) if is_unordered(kind, path) else items
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and _listed(QUANTITIES, kind, path):
        return quantity(str(value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def quantity(text: str) -> str:
    """A Kubernetes quantity by its value (`1000m` and `1` give the same); text that is none stays as it is."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return text
    value = (Decimal(match[1]) * _SUFFIXES[match[2] or ""]).normalize()
    return f"={value:f}"


def without_defaults(kind: str, path: Path, declared: Any, live: Any) -> Any:
    """The live value less the defaults in it that nobody declared."""
    if isinstance(declared, dict) and isinstance(live, dict):
        return {
            key: without_defaults(kind, (*path, key), declared.get(key), child)
            for key, child in without_default_keys(kind, path, declared, live).items()
        }
    if isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
        pairs = zip(declared, live, strict=True)
        return [without_defaults(kind, (*path, "*"), mine, theirs) for mine, theirs in pairs]
    return live


def without_default_keys(kind: str, path: Path, declared: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """A live map less the keys that are there by default and that nobody declared; what is in its values stays."""
    return {k: child for k, child in live.items() if k in declared or _default(kind, (*path, k)) != child}


def is_unordered(kind: str, path: Path) -> bool:
    """Whether the order of a list says nothing."""
    return _listed(UNORDERED, kind, path)


def aligned(kind: str, path: Path, declared: Sequence[Any], live: Sequence[Any]) -> dict[int, Any]:
    """The live items of an unordered list by the place of their declared twin; those without a twin fill the
    places that are left, so that a changed item is shown as changed and not as one gone and one new.
    """
    rest = list(live)
    places: dict[int, Any] = {}
    for place, item in enumerate(declared):
        for number, other in enumerate(rest):
            if same(kind, (*path, "*"), item, other):
                places[place] = rest.pop(number)
                break
    free = (place for place in range(len(declared) + len(rest)) if place not in places)
    return places | dict(zip(free, rest, strict=False))


def _default(kind: str, path: Path) -> Any:
    return DEFAULTS.get((kind, path), _NOTHING)


@lru_cache(maxsize=4096)
def _listed(rows: frozenset[tuple[str, Path]], kind: str, path: Path) -> bool:
    return any(
        row_kind == kind and len(row) == len(path) and all(a in ("*", b) for a, b in zip(row, path, strict=True))
        for row_kind, row in rows
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
