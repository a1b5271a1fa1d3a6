"""Risks of the folders that Argo CD and Flux take: of what is named in them no more."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.reconcile.kustomization import resources


def risks(before: str, after: str) -> Iterator[tuple[str, str]]:
    """What is named no more: Argo CD and Flux delete it, though its file may stay until its service is destroyed. The HPA
    that KEDA made belongs to its ScaledObject, and the garbage collector takes it also when it has just been applied.
    """
    named, names = resources(before), resources(after)
    for path in sorted(named - names):
        folder, _, file = path.rpartition("/")
        hpa = f"{folder}/{file.replace('scaledobject-', 'hpa-', 1)}"
        if file.startswith("scaledobject-") and hpa in names - named:
            yield "under Argo CD or Flux the HPA goes with its ScaledObject, until their next sync makes it again:", hpa
        yield "Argo CD and Flux delete what is named no more:", path
