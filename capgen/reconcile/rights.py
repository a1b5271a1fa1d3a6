"""The least that a run may do: from the objects that are delivered to the rules of a Role.

`diff` reads. `apply` writes the kinds that are delivered, keeps its inventories and leases, and may hand on the rights
of the Roles it delivers, which the API server asks of whoever writes a Role.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import Struct

from capgen.reconcile.applyset import NEVER_DELETED
from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.manifest import Manifest

Purpose = Literal["diff", "apply"]
_READS: Sequence[str] = ("list",)
_WRITES: Sequence[str] = ("create", "delete", "get", "list", "patch")


class Rule(Struct, frozen=True):
    """One rule as RBAC has it."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


class Rights(Struct, frozen=True):
    """The rules of one namespace; "" has those on namespaces themselves, for a ClusterRole."""

    namespace: str
    rules: tuple[Rule, ...]


def rights(purpose: Purpose, manifests: Sequence[Manifest], home: str) -> tuple[Rights, ...]:
    """What a run for these objects asks of the API server, whose inventories are in the namespace `home`."""
    mine = [manifest for manifest in manifests if not manifest.obstacle]
    homes = sorted({manifest.namespace for manifest in mine if manifest.namespace} | {home})
    found = [_cluster(purpose, mine, homes)]
    for namespace in homes:
        here = [manifest for manifest in mine if manifest.namespace == namespace]
        kinds = {manifest.kind.name for manifest in here} | ({"ConfigMap"} if namespace == home else set())
        rules = _grouped(kinds, _READS if purpose == "diff" else _WRITES)
        if purpose == "apply":
            rules += _handed_on(here)
            rules += (
                [Rule("coordination.k8s.io", ("leases",), ("create", "delete", "get", "update"))]
                if namespace == home
                else []
            )
        found.append(Rights(namespace, tuple(sorted(rules, key=lambda rule: (rule.group, rule.resources, rule.verbs)))))
    return tuple(found)


def _cluster(purpose: Purpose, manifests: Sequence[Manifest], homes: Sequence[str]) -> Rights:
    # A saved plan is for one cluster, which is known by the UID of its kube-system.
    names = tuple(sorted({*homes, "kube-system"}))
    rules = [Rule("", ("namespaces",), ("get",), names)]
    made = sorted(manifest.name for manifest in manifests if manifest.kind.name in NEVER_DELETED)
    if made:
        rules.append(Rule("", ("namespaces",), ("list",)))
        if purpose == "apply":
            rules += [Rule("", ("namespaces",), ("create",)), Rule("", ("namespaces",), ("patch",), tuple(made))]
    return Rights("", tuple(rules))


def _grouped(kinds: Collection[str], verbs: Sequence[str]) -> list[Rule]:
    by_group: dict[str, list[Kind]] = {}
    for name in kinds:
        by_group.setdefault(KINDS[name].group, []).append(KINDS[name])
    return [
        Rule(group, tuple(sorted(kind.plural for kind in kinds)), tuple(verbs)) for group, kinds in by_group.items()
    ]


def _handed_on(manifests: Sequence[Manifest]) -> list[Rule]:
    """Writing a Role, or binding one, is refused to whoever has not its rights, unless they may hand these on."""
    group = "rbac.authorization.k8s.io"
    made = tuple(sorted(m.name for m in manifests if m.kind.name == "Role"))
    bound = tuple(sorted({str(m.document["roleRef"]["name"]) for m in manifests if m.kind.name == "RoleBinding"}))
    return [
        *([Rule(group, ("roles",), ("escalate",), made)] if made else []),
        *([Rule(group, ("roles",), ("bind",), bound)] if bound else []),
    ]
