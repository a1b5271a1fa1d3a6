"""What changes in a file, by meaning: rules by their names and manifests by their fields, as in a cluster.

A folder's plan holds texts, since texts are what is written. Whoever reviews it wants to know that an alert is loosened,
and not that line 70 differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from capgen.reconcile.compare import compare_whole
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.plan import Change, FieldChange
from capgen.yamlio import Source, read

RULES, SCRAPES = "PrometheusRule", "ScrapeConfig"
_LIKE = {"rules": RULES, "scrape": SCRAPES}
"""Files of a Prometheus, and the objects that say the same."""


def kind_of(change: Change) -> str:
    """The kind by which a change's fields are understood."""
    return _LIKE.get(change.kind, change.kind)


def fields_of(change: Change) -> tuple[FieldChange, ...]:
    """The fields that change; of a file, () where it holds neither rules nor a manifest, or differs in form alone."""
    if isinstance(change.before, str) and isinstance(change.after, str):
        return _compared(kind_of(change), change.before, change.after)
    return change.fields


@lru_cache(maxsize=256)  # a report asks for the risks, the order and the lines of the same files
def _compared(kind: str, before: str, after: str) -> tuple[FieldChange, ...]:
    old, new = (_document(kind, text) for text in (before, after))
    if kind not in KINDS or old is None or new is None:
        return ()
    return compare_whole(kind, old, new)


def _document(kind: str, text: str) -> dict[str, Any] | None:
    node, _ = read(Source("", text))
    data: Any = node.data() if node else None
    if not isinstance(data, dict):
        return None
    if "scrape_configs" in data:
        return {"spec": _by_name(data["scrape_configs"], ("job_name",))}
    if kind != RULES:
        return data
    groups = data.get("groups", (data.get("spec") or {}).get("groups"))
    return {"spec": {"groups": _by_name(groups, ("name",))}}


def _by_name(items: Any, keys: tuple[str, ...]) -> Any:
    """Groups and rules by their names, so that one that is new moves no other; of equal names the later gets a number."""
    if not isinstance(items, list):
        return items
    named: dict[str, Any] = {}
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            return items
        name = next((str(item[key]) for key in keys if item.get(key)), str(number))
        rules = {"rules": _by_name(item["rules"], ("alert", "record"))} if "rules" in item else {}
        named[name if name not in named else f"{name} ({number})"] = {**item, **rules}
    return named
