"""Exported manifests as a target that can only be read: what would change, without a cluster.

A folder with what `kubectl get … -o yaml --show-managed-fields` printed. How exact the answer is depends on what was
exported, and each change says so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.errors import TargetError, UsageError
from capgen.reconcile import applyset
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.manifest import key
from capgen.reconcile.outcome import Outcome
from capgen.reconcile.plan import Action, Change, Document, Plan, Verdict
from capgen.reconcile.target import LiveObjects
from capgen.reconcile.wanted import read_manifests

_LARGEST = 256 << 20
_NO_OWNERS = "exported without --show-managed-fields: only values are compared"


class Exported(Struct, frozen=True):
    """`namespace` is where objects go that name none."""

    folder: Path
    namespace: str

    @property
    def name(self) -> str:
        """The folder."""
        return f"what was exported to {self.folder}"

    def place(self) -> Mapping[str, str]:
        """The folder."""
        return {"exported": str(self.folder)}

    def read(self, desired: Iterable[Artifact], services: Collection[str] = (), *, whole: bool = True) -> LiveObjects:
        """The exported objects. Raises TargetError for a file that cannot be read: a part is no answer."""
        del whole  # what can be said without owners is judged later
        wanted = read_manifests(desired, self.namespace)
        meant = wanted.services | set(services)
        found: dict[str, Document] = {}
        parents = []
        for document in self._documents():
            kind = KINDS.get(str(document.get("kind")))
            if kind is None or document.get("apiVersion") != kind.api_version:
                continue
            metadata = document["metadata"]
            place = metadata.get("namespace", self.namespace) if kind.namespaced else ""
            found[key(kind.name, place, metadata["name"])] = document
            if kind.name == "ConfigMap" and applyset.ID in (metadata.get("labels") or {}):
                parents.append(applyset.read_parent(document))
        inventories = {inventory.service: inventory for inventory in parents if inventory.home == self.namespace}
        mine = {service: inventory for service, inventory in inventories.items() if service in meant}
        members = {place: document for place, document in found.items() if applyset.part_of(document)}
        unsearched = dict.fromkeys(mine, "an export need not have everything")
        return LiveObjects(
            self.namespace, found, {}, mine, members, unsearched, (), frozenset(inventories), wanted=wanted
        )

    def rehearse(self, plan: Plan) -> Plan:
        """The plan with how sure each change is: nobody can be asked."""
        return replace(plan, changes=tuple(_judged(change) for change in plan.changes))

    def apply(self, plan: Plan) -> NoReturn:
        """Exports are not written to."""
        raise UsageError(f"{self.folder} holds an export: apply goes to the environment itself")

    def wait(self, plan: Plan, outcome: Outcome, seconds: float) -> NoReturn:
        """Nothing was written."""
        raise UsageError(f"{self.folder} holds an export: apply goes to the environment itself")

    def _documents(self) -> Iterator[dict[str, Any]]:
        files = sorted(p for p in self.folder.rglob("*") if p.suffix in (".yaml", ".yml", ".json") and p.is_file())
        if not files:
            raise TargetError(f"no *.yaml and no *.json below {self.folder}: export with kubectl get -o yaml first")
        for file in files:
            for document in _read(file):
                items = document.get("items") if str(document.get("kind", "")).endswith("List") else [document]
                yield from (item for item in items or () if isinstance(item, dict) and "metadata" in item)


def _read(file: Path) -> list[dict[str, Any]]:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Without timestamps, as a creation time is text, and without `=`, which is how a matcher compares."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rows if tag.rpartition(":")[2] not in ("timestamp", "value")]
        for first, rows in Loader.yaml_implicit_resolvers.items()
    }
    try:
        if file.stat().st_size > _LARGEST:
            raise TargetError(f"{file} is larger than {_LARGEST >> 20} MiB: export fewer kinds into each file")
        text = file.read_text(encoding="utf-8")
        documents = [json.loads(text)] if file.suffix == ".json" else list(yaml.load_all(text, Loader))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TargetError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    return [document for document in documents if isinstance(document, dict)]


def _judged(change: Change) -> Change:
    if change.action is Action.CREATE:
        return replace(change, verdict=Verdict.UNVERIFIED, reason="it is not in the export")
    before = change.before
    if not isinstance(before, Mapping) or before.get("metadata", {}).get("managedFields"):
        return change
    # Without owners nobody knows what is capgen's: equal values are all there is to see.
    action = Action.UNCHANGED if change.action is Action.UPDATE and not change.fields else change.action
    return replace(change, action=action, verdict=Verdict.UNVERIFIED, reason=_NO_OWNERS)
