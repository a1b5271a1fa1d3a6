"""An HPA that KEDA takes over, or gives back, is handed over, and neither deleted nor doubled.

KEDA takes an HPA of the name that a ScaledObject gives as it is: it makes itself the owner and writes its own metrics into
it (`scaledobject.keda.sh/transfer-hpa-ownership`). Deleted by whoever wrote it before, the workload would have no
autoscaler until KEDA's next turn, and the new one would not know what was recommended in the minutes before.

The way back is the ScaledObject's deletion with the HPA left as an orphan, and only then the HPA's own apply: while there is
a ScaledObject KEDA undoes what others write, and one that goes as usual takes its HPA with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from capgen.naming import MANAGER
from capgen.reconcile.manifest import Manifest, key
from capgen.reconcile.packed import head
from capgen.reconcile.plan import Action, Change, Document
from capgen.reconcile.target import LiveObjects

_LABEL = "scaledobject.keda.sh/name"
_TRANSFER = "scaledobject.keda.sh/transfer-hpa-ownership"


def handed_over(manifests: Iterable[Manifest]) -> Mapping[str, str]:
    """The keys of the HPAs that ScaledObjects take over, each with the ScaledObject's name."""
    return {
        key("HorizontalPodAutoscaler", manifest.namespace, name): manifest.name
        for manifest in manifests
        if manifest.kind.name == "ScaledObject" and not manifest.obstacle and (name := _taken(manifest.document))
    }


def handed_back(
    manifests: Iterable[Manifest], live: LiveObjects, left: Sequence[Change]
) -> Mapping[str, tuple[str, frozenset[str]]]:
    """The keys of wanted HPAs that are KEDA's now, each with the ScaledObject's key ("" when it is gone already) and the
    field managers whose declarations go over to capgen. `left` are the leftovers.
    """
    going = {change.key for change in left if change.kind == "ScaledObject" and change.action is Action.DELETE}
    found = {}
    for manifest in manifests:
        standing = live.found.get(manifest.key)
        if manifest.kind.name != "HorizontalPodAutoscaler" or standing is None:
            continue
        name = str((head(standing).get("labels") or {}).get(_LABEL, ""))
        scaled = key("ScaledObject", manifest.namespace, name)
        owned = is_taken(standing, name)
        if not name or (owned and scaled not in going) or (not owned and not _is_gone(scaled, manifest, live)):
            continue
        if managers := frozenset(_keda(standing["metadata"])):
            found[manifest.key] = (scaled if owned else "", managers)
    return found


def _is_gone(scaled: str, manifest: Manifest, live: LiveObjects) -> bool:
    """Whether the inventory says that there may be a ScaledObject, and there surely is none."""
    service = manifest.service
    inventory = live.inventories.get(service)
    there = inventory is not None and ("ScaledObject", manifest.namespace) in {(k.name, n) for k, n in inventory.scopes}
    return there and service not in live.unsearched and scaled not in live.members and scaled not in live.found


def _keda(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Who wrote the label by which KEDA knows its HPAs."""
    for entry in metadata.get("managedFields") or ():
        inside = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        if f"f:{_LABEL}" in (inside.get("f:labels") or {}) and entry.get("manager") != MANAGER:
            yield str(entry["manager"])


def was_taken(document: Document) -> bool:
    """Whether KEDA has, or had, made an HPA its own: until it is given back no inventory names it."""
    return _LABEL in (document["metadata"].get("labels") or {})


def is_taken(document: Document, scaled_object: str) -> bool:
    """Whether KEDA has made the HPA its own."""
    owners = document["metadata"].get("ownerReferences") or ()
    return any((owner.get("kind"), owner.get("name")) == ("ScaledObject", scaled_object) for owner in owners)


def _taken(document: Document) -> str:
    if (document["metadata"].get("annotations") or {}).get(_TRANSFER) != "true":
        return ""
    advanced = document.get("spec", {}).get("advanced") or {}
    return str((advanced.get("horizontalPodAutoscalerConfig") or {}).get("name") or "")
