"""What capgen delivered, kept as an ApplySet (KEP-3659), so that kubectl understands it too.

A service's parent is a ConfigMap that says which kinds, in which namespaces, to look for objects with the service's
label. It names a superset before anything is written, so that whatever a killed run made is found by the next one. One
parent a service lets two services be delivered at the same time.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from capgen import naming
from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.manifest import PART_OF
from capgen.reconcile.packed import head
from capgen.reconcile.plan import ABSENT, Document, FieldChange

_DOMAIN = "applyset.kubernetes.io"
_LABELS = ".metadata.labels"
_LABEL = f'{_LABELS}["{PART_OF}"]'
ID = f"{_DOMAIN}/id"
TOOLING, GROUP_KINDS, NAMESPACES = (
    f"{_DOMAIN}/{name}" for name in ("tooling", "contains-group-kinds", "additional-namespaces")
)
PLACES, ENVIRONMENT, PROJECT, SERVICES = "capgen/places", "capgen/environment", "capgen/project", "capgen/services"
_VERSION = "v1"
_ENOUGH = 1000
"""So many services tell one project from another; annotations have no room for all those of a large fleet."""

FEW = 16
"""A run for more services than these holds one lease that stands for all, and not one for each."""
LEASE_OF_ALL = f"{naming.PREFIX}-all"
"""No service's: theirs have a dot."""

NEVER_DELETED = frozenset(("Namespace",))
"""Kinds that are written and never taken into an inventory: deleting one deletes what others put there."""


class Inventory(Struct, frozen=True):
    """One service's parent: where members may be. `problem` says why it cannot be used, "" if it can.

    KEP-3659 looks for every kind in every namespace. capgen notes which are together, so that nobody needs the right to
    list what was never there.
    """

    service: str
    home: str
    places: frozenset[tuple[str, str]] = frozenset()
    """(kind with its group, namespace)."""
    problem: str = ""
    environment: str = ""
    """Whose it is, "" where nobody noted it."""
    services: frozenset[str] = frozenset()
    """For what belongs to all services: those that it was made of, which tell two projects apart that have no names."""
    project: str = ""
    """The name that its project gives itself, "" for none."""

    @property
    def name(self) -> str:
        """The ConfigMap's name, and the lease's."""
        return parent_name(self.service)

    @property
    def id(self) -> str:
        """The value of the members' label."""
        return set_id(self.name, self.home)

    @property
    def scopes(self) -> tuple[tuple[Kind, str], ...]:
        """Where to look for members: of kinds that capgen knows and deletes."""
        known = {group_kind(kind): kind for kind in KINDS.values() if kind.name not in NEVER_DELETED}
        return tuple((known[name], home) for name, home in sorted(self.places) if name in known)

    @property
    def unknown_kinds(self) -> tuple[str, ...]:
        """Recorded kinds that are in no table of this version."""
        return tuple(sorted({name for name, _ in self.places} - {group_kind(kind) for kind in KINDS.values()}))

    def covers(self, other: Inventory) -> bool:
        """Whether every member of the other one would be found by this one."""
        return self.places >= other.places

    def with_members(self, places: Iterable[tuple[Kind, str]]) -> Inventory:
        """The inventory with these kinds and namespaces as well."""
        more = {(group_kind(kind), home) for kind, home in places if kind.name not in NEVER_DELETED}
        return replace(self, places=self.places | more)

    def kept_for(self, environment: str, services: Iterable[str], project: str = "") -> Inventory:
        """The inventory as a delivery of these services to an environment notes whose it is."""
        noted = frozenset(sorted(services)[:_ENOUGH]) if not self.service else frozenset()
        return replace(
            self, environment=environment or self.environment, services=noted, project=project or self.project
        )

    def whose(self, environment: str, declared: Collection[str], delivered: Collection[str], project: str = "") -> str:
        """Why it is another environment's or another project's, "" when nothing speaks for that.

        `declared` are the services of this project, `delivered` those with an inventory in the namespace. Where both
        projects have names, services say nothing.
        """
        kept = f"the inventory ConfigMap/{self.home}/{self.name} is kept for"
        apart = "give one of them a namespace of its own (kubernetes.namespace)"
        if environment and self.environment not in ("", environment):
            return (
                f"{kept} the environment {self.environment}, and this is {environment}: {apart}. If it was renamed: "
                f"kubectl annotate configmap -n {self.home} -l {ID} {ENVIRONMENT}={environment} --overwrite"
            )
        renamed = f"kubectl annotate configmap -n {self.home} {self.name} {PROJECT}={project or 'NAME'} --overwrite"
        if environment and self.project:
            here = f"this is the project {project}" if project else "the environment's file names none here (project:)"
            told = f"{kept} the project {self.project}, and {here}: {apart}. If it was renamed: {renamed}"
            return "" if self.project == project else told
        theirs = sorted(self.services & set(delivered))
        if declared and theirs and not self.services & set(declared):
            return (
                f"{kept} the project of {', '.join(theirs[:3])}, and none of that is declared here: {apart}, "
                f"or `capgen destroy` what is gone for good. If its services were renamed: {renamed}, with the same name "
                "as project: in the environment's file"
            )
        return ""


def parent_name(service: str) -> str:
    """`capgen.apm`. With a dot, since no generated name has one; `capgen` for what belongs to all services."""
    return f"{naming.PREFIX}.{service}" if service else naming.PREFIX


def set_id(name: str, namespace: str) -> str:
    """The ApplySet's id by its parent's name, as KEP-3659 has it for a ConfigMap."""
    digest = hashlib.sha256(f"{name}.{namespace}.ConfigMap.".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def group_kind(kind: Kind) -> str:
    """`HorizontalPodAutoscaler.autoscaling`, and `ConfigMap` for the core group."""
    return f"{kind.name}.{kind.group}" if kind.group else kind.name


def read_parent(parent: Document) -> Inventory:
    """An inventory from its ConfigMap; with a problem when it is another tool's, or not whole."""
    metadata = parent["metadata"]
    name, home = metadata["name"], metadata["namespace"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    service = name.removeprefix(naming.PREFIX).removeprefix(".")
    tool = annotations.get(TOOLING, "").rpartition("/")[0]
    problem = ""
    if parent_name(service) != name or tool != naming.MANAGER:
        problem = f"the inventory ConfigMap/{home}/{name} is kept by {tool or 'another tool'}, not by capgen"
    elif labels.get(ID) != set_id(name, home):
        problem = f"the inventory ConfigMap/{home}/{name} was copied or renamed: its id is of another one"
    noted = {(kind, place or home) for kind, _, place in (p.partition("@") for p in _split(annotations.get(PLACES)))}
    others = _split(annotations.get(GROUP_KINDS)) - {kind for kind, _ in noted}
    homes = _split(annotations.get(NAMESPACES)) | {home}
    places = frozenset(noted | {(kind, place) for kind in others for place in homes})
    return Inventory(
        service,
        home,
        places,
        problem,
        annotations.get(ENVIRONMENT, ""),
        _split(annotations.get(SERVICES)),
        annotations.get(PROJECT, ""),
    )


def parent_document(inventory: Inventory) -> Document:
    """The ConfigMap of an inventory."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": inventory.name,
            "namespace": inventory.home,
            "labels": {ID: inventory.id},
            "annotations": {
                TOOLING: f"{naming.MANAGER}/{_VERSION}",
                GROUP_KINDS: ",".join(sorted({kind for kind, _ in inventory.places})),
                NAMESPACES: ",".join(sorted({place for _, place in inventory.places} - {inventory.home})),
                PLACES: ",".join(sorted(f"{kind}@{place}" for kind, place in inventory.places)),
                **({ENVIRONMENT: inventory.environment} if inventory.environment else {}),
                **({PROJECT: inventory.project} if inventory.project else {}),
                **({SERVICES: ",".join(sorted(inventory.services))} if inventory.services else {}),
            },
        },
    }


def member(document: Document, service: str, home: str) -> Document:
    """The object with the label of its service's set."""
    if document["kind"] in NEVER_DELETED:
        return document
    metadata = document["metadata"]
    labels = {**(metadata.get("labels") or {}), PART_OF: set_id(parent_name(service), home)}
    return {**document, "metadata": {**metadata, "labels": labels}}


def part_of(live: Document) -> str:
    """The id of the set that an object says it belongs to, "" if it says nothing."""
    return str((head(live).get("labels") or {}).get(PART_OF, ""))


def is_ownership(fields: Sequence[FieldChange]) -> bool:
    """Whether fields that change say whose an object is, and nothing else."""
    return bool(fields) and all(
        field.path == _LABEL
        or (
            field.path == _LABELS
            and field.old is ABSENT
            and isinstance(field.new, Mapping)
            and set(field.new) == {PART_OF}
        )
        for field in fields
    )


def _split(text: str | None) -> frozenset[str]:
    return frozenset(part for part in (text or "").split(",") if part)
