"""Who holds which field of a live object: `metadata.managedFields`, walked beside the object.

An entry is a tree of steps: `f:name` into a map, `k:{"name":"x"}` to a list item by key, `v:"x"` to a member of
a set; `{}` at the end is a value held whole. The trees also tell how the server merges a list, which is why no
schema is needed to read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen.naming import MANAGER
from capgen.reconcile.plan import Document

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_RELEASE = "meta.helm.sh/release-name"
_APPLICATION = "argocd.argoproj.io/tracking-id"
_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io"
_ELSEWHERE: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("HorizontalPodAutoscaler", "autoscaling/v1"): {"f:targetCPUUtilizationPercentage": "f:metrics"},
}
"""By kind and the version a manager wrote in: how fields of `spec` are called in the version that is read. Others are
called alike (v2beta1, v2beta2)."""


class Holder(Struct, frozen=True):
    """One manager's fields at some place of the object. `since` is RFC 3339."""

    manager: str
    since: str
    ours: bool
    fields: Mapping[str, Any]

    @property
    def holds_whole(self) -> bool:
        """Whether the value at this place is held as one, and not piece by piece."""
        return not self.fields


def holders(live: Document) -> tuple[Holder, ...]:
    """Everybody with fields in the object, at its root. Writers of a subresource (status) hold none of the spec
    unless they wrote there, so they count like all others; their name says the subresource.
    """
    found = []
    for entry in live.get("metadata", {}).get("managedFields") or ():
        subresource = entry.get("subresource", "")
        ours = entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not subresource
        name = entry.get("manager", "") + (f" ({subresource})" if subresource else "")
        # An entry without fields holds nothing, which is not the same as holding the whole object.
        if fields := declared(str(live.get("kind", "")), entry):
            found.append(Holder(name, entry.get("time", ""), ours, fields))
    return tuple(found)


def declared(kind: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of one entry, in the version that capgen reads the kind in."""
    fields: Mapping[str, Any] = entry.get("fieldsV1") or {}
    names = _ELSEWHERE.get((kind, str(entry.get("apiVersion"))), {})
    if not names or not isinstance(inside := fields.get("f:spec"), Mapping):
        return fields
    return {**fields, "f:spec": {names.get(name, name): held for name, held in inside.items()}}


def below(found: Sequence[Holder], step: str) -> tuple[Holder, ...]:
    """Those who hold something one step further in."""
    return tuple(
        Holder(holder.manager, holder.since, holder.ours, holder.fields[step])
        for holder in found
        if step in holder.fields
    )


def below_item(found: Sequence[Holder], item: Mapping[str, Any]) -> tuple[Holder, ...]:
    """Those who hold something in a list item that is told apart by keys (a step may name defaulted keys too)."""
    inside = []
    for holder in found:
        for step, fields in holder.fields.items():
            if step.startswith("k:") and all(item.get(k, v) == v for k, v in json.loads(step[2:]).items()):
                inside.append(Holder(holder.manager, holder.since, holder.ours, fields))
    return tuple(inside)


def ours(found: Sequence[Holder]) -> Holder | None:
    """capgen's own part, if it has one here."""
    return next((holder for holder in found if holder.ours), None)


def others(found: Sequence[Holder]) -> tuple[Holder, ...]:
    """Everybody else."""
    return tuple(holder for holder in found if not holder.ours)


def claimed(live: Document) -> str:
    """Who else wants the object to be there, "" for nobody: whoever applies more than its metadata, and the tools that say
    in an annotation or a label that it is theirs. Who changed a field by hand says nothing of the kind.
    """
    metadata = live.get("metadata", {})
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    if tracked := annotations.get(_APPLICATION):
        return f"Argo CD (Application {str(tracked).partition(':')[0]})"
    if name := labels.get(f"{_KUSTOMIZATION}/name"):
        return f"Flux (Kustomization {labels.get(f'{_KUSTOMIZATION}/namespace', '')}/{name})"
    if release := annotations.get(_RELEASE):
        return f"Helm (release {release})"
    if LAST_APPLIED in annotations:
        return "kubectl apply"
    appliers = {
        str(entry.get("manager"))
        for entry in metadata.get("managedFields") or ()
        if entry.get("operation") == "Apply" and entry.get("manager") != MANAGER and not entry.get("subresource")
        and (entry.get("fieldsV1") or {}).keys() - {"f:metadata"}
    }  # fmt: skip
    return " and ".join(sorted(appliers))


def held_whole(found: Sequence[Holder]) -> bool:
    """Whether somebody holds the value at this place as one: then the server merges it as one."""
    return any(holder.holds_whole for holder in found)


def is_set(found: Sequence[Holder]) -> bool:
    """Whether the server merges this list member by member, as the trees show."""
    return any(step.startswith("v:") for holder in found for step in holder.fields)


def item_keys(found: Sequence[Holder]) -> tuple[str, ...]:
    """The keys by which the server tells the items of this list apart, as the trees show; () if they do not."""
    for holder in found:
        for step in holder.fields:
            if step.startswith("k:"):
                return tuple(sorted(json.loads(step[2:])))
    return ()
