"""Manifests: the artifacts that an API server takes, read back into objects with a key.

Whatever is in an artifact's text is taken as it stands, so hand-written YAML reconciles as well as generated
YAML. What the server writes itself has no place in a manifest and is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from capgen import yamlio
from capgen.artifact import Artifact
from capgen.diagnostics import Diagnostic
from capgen.reconcile.kinds import KINDS, Kind

PART_OF = "applyset.kubernetes.io/part-of"
"""Says which inventory an object belongs to; see `applyset`."""
_SERVER_WRITES = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
_NAME = re.compile(r"(?!\.{1,2}$)[^/%\x00-\x1f\x7f]{1,253}")
"""What the API server takes as a path segment; names decide about URLs, so the rest never leaves this module."""


class Manifest(Struct, frozen=True):
    """One object that is wanted. `service` and `path` are its artifact's; `obstacle` says why it cannot be delivered, ""
    if it can.
    """

    key: str
    kind: Kind
    namespace: str
    service: str
    path: str
    document: dict[str, Any]
    obstacle: str = ""

    @property
    def name(self) -> str:
        """The last part of the key: no name has a slash in it."""
        return self.key.rpartition("/")[2]


def key(kind: str, namespace: str, name: str) -> str:
    """`ConfigMap/monitoring/apm`, and `Namespace/monitoring` for what lives in no namespace."""
    return "/".join(part for part in (kind, namespace, name) if part)


def place_of(key: str) -> tuple[str, str]:
    """The kind and the namespace in a key, "" for what lives in none."""
    kind, _, rest = key.partition("/")
    return kind, rest.rpartition("/")[0]


def read_manifest(
    artifact: Artifact, namespace: str, known: Callable[[str], Manifest | None]
) -> tuple[Manifest | None, tuple[Diagnostic, ...]]:
    """The object of an artifact, and what is wrong with it. `namespace` is where it goes when it names none; `known` gives
    the one that was there before under a key.
    """
    node, found = yamlio.read(yamlio.Source(artifact.path, artifact.text))
    if node is None:
        return None, found
    if mistakes := _mistakes(node):
        return None, (*found, *mistakes)
    document: Any = _without_nulls(node.data())
    kind, _ = _kind(document["kind"], document["apiVersion"])
    if kind.namespaced:
        metadata = document["metadata"]
        document = {**document, "metadata": {**metadata, "namespace": metadata.get("namespace", namespace)}}
    manifest = manifest_of(document, artifact.service, artifact.path)
    if first := known(manifest.key):
        message = f"{manifest.key} is declared here and in {first.path}"
        found = (*found, _finding("CG803", message, node, "remove one of the two"))
    return manifest, found


def manifest_of(document: dict[str, Any], service: str, path: str) -> Manifest:
    """The manifest of an object that says where it lives."""
    kind, obstacle = _kind(document["kind"], document["apiVersion"])
    metadata = document["metadata"]
    home = metadata["namespace"] if kind.namespaced else ""
    return Manifest(key(kind.name, home, metadata["name"]), kind, home, service, path, document, obstacle)


def _kind(name: str, api_version: str) -> tuple[Kind, str]:
    kind = KINDS.get(name)
    if kind is not None and kind.api_version == api_version:
        return kind, ""
    group, _, version = api_version.rpartition("/")
    if kind is not None and kind.group == group:
        return kind, f"capgen delivers {name} as {kind.api_version}, and the manifest says {api_version}: change it"
    unknown = Kind(name, group, version, "", 100, "not a kind capgen knows")
    return unknown, f"capgen does not deliver {name} of {api_version}; it knows {', '.join(sorted(KINDS))}"


def _mistakes(node: yamlio.Node) -> list[Diagnostic]:
    """What keeps a document from being a manifest at all."""
    found = []
    for path in (("kind",), ("apiVersion",), ("metadata", "name")):
        word = node.at(path)
        if word is None or not isinstance(word.value, str) or not word.value:
            found.append(_finding("CG801", f"a manifest needs {'.'.join(path)}, as text", word or node, "add it"))
    for path in (("metadata", "name"), ("metadata", "namespace")):
        word = node.at(path)
        if word is not None and not (isinstance(word.value, str) and _NAME.fullmatch(word.value)):
            found.append(_finding("CG801", f"{word.value!r} is no {'.'.join(path)}", word, "use a DNS label"))
    if (label := node.at(("metadata", "labels", PART_OF))) is not None:
        found.append(_finding("CG804", f"{PART_OF} is set by whoever delivers the object", label, "remove the label"))
    for server_path in (("status",), *(("metadata", field) for field in _SERVER_WRITES)):
        if (written := node.at(server_path)) is not None:
            message = f"{'.'.join(server_path)} is written by the API server"
            found.append(_finding("CG802", message, written, "remove it from the manifest"))
    return found


def _finding(code: str, message: str, node: yamlio.Node, hint: str) -> Diagnostic:
    return Diagnostic(code, message, node.span, hint, excerpt=node.source.line(node.span.line))


def _without_nulls(value: Any) -> Any:
    """Server-side apply gives `null` three meanings, by kind; absent has one."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
