"""What values of Kubernetes objects mean, so that two spellings of one thing are no difference.

Four tables, a reason on each row, keyed by kind and by path (`*` stands for a list item or any key): quantities,
lists whose order says nothing, lists that are maps by some key, and defaults that the server writes into values
which are compared whole. A test holds the tables against the schemas of the real CRDs and API server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

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

_POD = ("spec", "jobTemplate", "spec", "template", "spec")
_HPA, _VPA = "HorizontalPodAutoscaler", "VerticalPodAutoscaler"
_POLICY = ("spec", "resourcePolicy", "containerPolicies", "*")


def _rows(*rows: tuple[str, str, str]) -> frozenset[tuple[str, Path]]:
    """(kind, dotted path, reason) -> what is looked up; the reason is for whoever reads the table."""
    return frozenset((kind, tuple(path.split("."))) for kind, path, _ in rows)


QUANTITIES = _rows(
    (_HPA, "spec.metrics.*.*.target.value", "the server writes it in canonical form"),
    (_HPA, "spec.metrics.*.*.target.averageValue", "the server writes it in canonical form"),
    (_HPA, "spec.behavior.*.tolerance", "the server writes it in canonical form"),
    (_VPA, "spec.resourcePolicy.containerPolicies.*.minAllowed.*", "a CRD keeps the text: 1000m stays 1000m"),
    (_VPA, "spec.resourcePolicy.containerPolicies.*.maxAllowed.*", "a CRD keeps the text"),
    (_VPA, "spec.resourcePolicy.containerPolicies.*.oomMinBumpUp", "a CRD keeps the text"),
    ("CronJob", ".".join((*_POD, "containers.*.resources.*.*")), "the server writes it in canonical form"),
    ("CronJob", ".".join((*_POD, "initContainers.*.resources.*.*")), "the server writes it in canonical form"),
    ("CronJob", ".".join((*_POD, "volumes.*.emptyDir.sizeLimit")), "the server writes it in canonical form"),
)

UNORDERED = _rows(
    (_HPA, "spec.metrics", "the controller takes the highest; older servers reorder them"),
    (_HPA, "spec.behavior.*.policies", "selectPolicy picks by value, not by place"),
)

LIST_KEYS: Mapping[tuple[str, Path], tuple[str, ...]] = {
    ("PrometheusRule", ("spec", "groups")): ("name",),
    ("CronJob", (*_POD, "containers")): ("name",),
    ("CronJob", (*_POD, "initContainers")): ("name",),
    ("CronJob", (*_POD, "volumes")): ("name",),
    ("CronJob", (*_POD, "imagePullSecrets")): ("name",),
    ("CronJob", (*_POD, "containers", "*", "env")): ("name",),
    ("CronJob", (*_POD, "initContainers", "*", "env")): ("name",),
    ("CronJob", (*_POD, "containers", "*", "ports")): ("containerPort", "protocol"),
    ("CronJob", (*_POD, "initContainers", "*", "ports")): ("containerPort", "protocol"),
    ("CronJob", (*_POD, "containers", "*", "volumeMounts")): ("mountPath",),
    ("CronJob", (*_POD, "initContainers", "*", "volumeMounts")): ("mountPath",),
}
"""Lists that the server merges item by item; all others have one owner as a whole."""

KEY_DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}
"""What the server takes a key for that a declared item leaves out."""

DEFAULTS: Mapping[tuple[str, Path], Any] = {
    ("ServiceMonitor", ("spec", "endpoints", "*", "relabelings", "*", "action")): "replace",
    ("ServiceMonitor", ("spec", "endpoints", "*", "metricRelabelings", "*", "action")): "replace",
    ("ScrapeConfig", ("spec", "relabelings", "*", "action")): "replace",
    ("ScrapeConfig", ("spec", "metricRelabelings", "*", "action")): "replace",
}
"""What the server adds inside lists that are compared whole, and what nobody has declared by it."""


def same(kind: str, path: Path, declared: Any, live: Any) -> bool:
    """Whether two values of a field mean the same."""
    if declared == live and not isinstance(declared, (int, float)) and not isinstance(declared, (dict, list)):
        return True
    return _text(canonical(kind, path, declared)) == _text(
        canonical(kind, path, without_defaults(kind, path, declared, live))
    )


def canonical(kind: str, path: Path, value: Any) -> Any:
    """One spelling for all values that mean the same."""
    if isinstance(value, Mapping):
        return {key: canonical(kind, (*path, key), child) for key, child in value.items()}
    if isinstance(value, list):
        items = [canonical(kind, (*path, "*"), item) for item in value]
        return sorted(items, key=_text) if _listed(UNORDERED, kind, path) else items
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
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return {
            key: without_defaults(kind, (*path, key), declared.get(key), child)
            for key, child in live.items()
            if key in declared or _default(kind, (*path, key)) != child
        }
    if isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
        pairs = zip(declared, live, strict=True)
        return [without_defaults(kind, (*path, "*"), mine, theirs) for mine, theirs in pairs]
    return live


def aligned(kind: str, path: Path, declared: Sequence[Any], live: Sequence[Any]) -> list[Any]:
    """The live items in the order of the declared ones where order says nothing, so that a changed item is shown
    as changed and not as a swap. Lists whose order counts come back as they are.
    """
    if not _listed(UNORDERED, kind, path):
        return list(live)
    rest = list(live)
    places: list[Any] = []
    for item in declared:
        twin = next((other for other in rest if same(kind, (*path, "*"), item, other)), None)
        if twin is not None:
            rest.remove(twin)
        places.append(twin)
    filled = [place if place is not None else (rest.pop(0) if rest else None) for place in places]
    return [place for place in filled if place is not None] + rest


def list_keys(kind: str, path: Path) -> tuple[str, ...]:
    """The keys by which the items of a list are told apart; () for a list that is one value."""
    return LIST_KEYS.get((kind, path), ())


def _default(kind: str, path: Path) -> Any:
    return DEFAULTS.get((kind, path), _NOTHING)


_NOTHING = object()


@lru_cache(maxsize=4096)
def _listed(rows: frozenset[tuple[str, Path]], kind: str, path: Path) -> bool:
    return any(
        row_kind == kind and len(row) == len(path) and all(a in ("*", b) for a, b in zip(row, path, strict=True))
        for row_kind, row in rows
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
