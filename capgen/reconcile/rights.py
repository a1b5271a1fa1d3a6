"""The least that a run may do: from the objects that are delivered to the rules of a Role.

`diff` and `status` read. `apply` writes the kinds that are delivered, keeps its inventories and leases, and may hand on the
rights of the Roles it delivers, which the API server asks of whoever writes a Role. `destroy` deletes what `apply` made.
`import` reads what others made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from capgen.reconcile.applyset import FEW, NEVER_DELETED
from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.wanted import Wanted

Purpose = Literal["diff", "status", "apply", "destroy"]
_READS: Sequence[str] = ("list",)
_WRITES: Sequence[str] = ("create", "delete", "get", "list", "patch")
_DELETES: Sequence[str] = ("delete", "get", "list")
_VERBS: Mapping[Purpose, Sequence[str]] = {"diff": _READS, "status": _READS, "apply": _WRITES, "destroy": _DELETES}
_WRITERS = ("apply", "destroy")


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


def rights(purpose: Purpose, wanted: Wanted, home: str) -> tuple[Rights, ...]:
    """What a run for these objects asks of the API server, whose inventories are in the namespace `home`."""
    places = wanted.places | {("ConfigMap", home)}
    homes = sorted({namespace for _, namespace in places if namespace})
    found = [_cluster(purpose, wanted, homes)]
    for namespace in homes:
        rules = _grouped([KINDS[kind] for kind, place in places if place == namespace], _VERBS[purpose])
        if purpose == "apply":
            rules += _handed_on(wanted, namespace)
        if purpose == "destroy" and namespace == home:
            rules.append(Rule("", ("configmaps",), ("create", "patch")))
        if purpose in _WRITERS and namespace == home:
            looks = ("list",) if len(wanted.services) > FEW else ()
            verbs = tuple(sorted(("create", "delete", "get", "update", *looks)))
            rules.append(Rule("coordination.k8s.io", ("leases",), verbs))
        found.append(Rights(namespace, tuple(sorted(rules, key=lambda rule: (rule.group, rule.resources, rule.verbs)))))
    return tuple(found)


def rights_to_read(kinds: Collection[Kind], homes: Collection[str]) -> tuple[Rights, ...]:
    """What reading everything of some kinds in some namespaces asks of the API server."""
    known = Rule("", ("namespaces",), ("get",), ("kube-system",))
    return (Rights("", (known,)), *(Rights(home, tuple(_grouped(kinds, _READS))) for home in sorted(set(homes))))


def _cluster(purpose: Purpose, wanted: Wanted, homes: Sequence[str]) -> Rights:
    # A saved plan is for one cluster, which is known by the UID of its kube-system.
    names = tuple(sorted({*homes, "kube-system"})) if purpose != "destroy" else ("kube-system",)
    rules = [Rule("", ("namespaces",), ("get",), names)]
    made = sorted(m.name for kind in NEVER_DELETED for m in wanted.of(kind) if not m.obstacle)
    if made and purpose != "destroy":
        rules.append(Rule("", ("namespaces",), ("list",)))
        if purpose == "apply":
            rules += [Rule("", ("namespaces",), ("create",)), Rule("", ("namespaces",), ("patch",), tuple(made))]
    return Rights("", tuple(rules))


def _grouped(kinds: Iterable[Kind], verbs: Sequence[str]) -> list[Rule]:
    by_group: dict[str, set[str]] = {}
    for kind in kinds:
        by_group.setdefault(kind.group, set()).add(kind.plural)
    return [Rule(group, tuple(sorted(names)), tuple(verbs)) for group, names in sorted(by_group.items())]


def _handed_on(wanted: Wanted, namespace: str) -> list[Rule]:
    """Writing a Role, or binding one, is refused to whoever has not its rights, unless they may hand these on."""
    group = "rbac.authorization.k8s.io"
    roles, bindings = (
        [m for m in wanted.of(kind) if m.namespace == namespace and not m.obstacle] for kind in ("Role", "RoleBinding")
    )
    made = tuple(sorted(m.name for m in roles))
    bound = tuple(sorted({str(m.document["roleRef"]["name"]) for m in bindings}))
    return [
        *([Rule(group, ("roles",), ("escalate",), made)] if made else []),
        *([Rule(group, ("roles",), ("bind",), bound)] if bound else []),
    ]
