"""An HPA that KEDA takes over is handed over, and neither deleted nor doubled.

KEDA takes an HPA of the name that a ScaledObject gives as it is: it makes itself the owner and writes its own metrics into
it (`scaledobject.keda.sh/transfer-hpa-ownership`). Deleted by whoever wrote it before, the workload would have no
autoscaler until KEDA's next turn, and the new one would not know what was recommended in the minutes before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from capgen.reconcile.manifest import Manifest, key
from capgen.reconcile.plan import Document

_TRANSFER = "scaledobject.keda.sh/transfer-hpa-ownership"


def handed_over(manifests: Iterable[Manifest]) -> Mapping[str, str]:
    """The keys of the HPAs that ScaledObjects take over, each with the ScaledObject's name."""
    return {
        key("HorizontalPodAutoscaler", manifest.namespace, name): manifest.name
        for manifest in manifests
        if manifest.kind.name == "ScaledObject" and not manifest.obstacle and (name := _taken(manifest.document))
    }


def is_taken(document: Document, scaled_object: str) -> bool:
    """Whether KEDA has made the HPA its own."""
    owners = document["metadata"].get("ownerReferences") or ()
    return any((owner.get("kind"), owner.get("name")) == ("ScaledObject", scaled_object) for owner in owners)


def _taken(document: Document) -> str:
    if (document["metadata"].get("annotations") or {}).get(_TRANSFER) != "true":
        return ""
    advanced = document.get("spec", {}).get("advanced") or {}
    return str((advanced.get("horizontalPodAutoscalerConfig") or {}).get("name") or "")
