"""Manifests: the artifacts that an API server takes, read back into objects with a key.

Whatever is in an artifact's text is taken as it stands, so hand-written YAML reconciles as well as generated
YAML. What the server writes itself has no place in a manifest and is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from capgen import yamlio
from capgen.artifact import Artifact
from capgen.diagnostics import Diagnostic, in_order
from capgen.errors import Findings
from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.packed import alike, pack, unpack

PART_OF = "applyset.kubernetes.io/part-of"
"""Says which inventory an object belongs to; see `applyset`."""
_SERVER_WRITES = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
_NAME = re.compile(r"(?!\.{1,2}$)[^/%\x00-\x1f\x7f]{1,253}")
"""What the API server takes as a path segment; names decide about URLs, so the rest never leaves this module."""


class Manifest(Struct, frozen=True):
    """One object that is wanted, kept small: a fleet has ten thousand. `service` and `path` are its artifact's;
    `obstacle` says why it cannot be delivered, "" if it can.
    """

    key: str
    kind: Kind
    namespace: str
    service: str
    path: str
    packed: bytes
    like: bytes
    """What `packed` was packed against: the first of its kind, which the others resemble."""
    obstacle: str = ""

    @property
    def name(self) -> str:
        """The last part of the key: no name has a slash in it."""
        return self.key.rpartition("/")[2]

    @property
    def document(self) -> dict[str, Any]:
        """The object as plain data, read anew each time."""
        return unpack(self.packed, self.like)


def key(kind: str, namespace: str, name: str) -> str:
    """`ConfigMap/monitoring/apm`, and `Namespace/monitoring` for what lives in no namespace."""
    return "/".join(part for part in (kind, namespace, name) if part)


def read_manifests(artifacts: Iterable[Artifact], namespace: str) -> tuple[Manifest, ...]:
    """The objects of all artifacts that are manifests, in the order in which they are written.

    `namespace` is where objects go that name none. Raises Findings with everything that is wrong.
    """
    manifests: dict[str, Manifest] = {}
    found: list[Diagnostic] = []
    likes: dict[str, bytes] = {}
    for artifact in artifacts:
        if not artifact.kubernetes:
            continue
        source = yamlio.Source(artifact.path, artifact.text)
        node, mistakes = yamlio.read(source)
        found += mistakes
        if node is None:
            continue
        problems = _mistakes(node)
        found += problems
        if problems:
            continue
        manifest = _manifest(node, artifact, namespace, likes)
        if manifest.key in manifests:
            first = manifests[manifest.key].path
            found.append(
                _finding("CG803", f"{manifest.key} is declared here and in {first}", node, "remove one of the two")
            )
        manifests[manifest.key] = manifest
    if found:
        raise Findings(in_order(found))
    return in_writing_order(manifests.values())


def in_writing_order(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """By the order of the kinds, then by key."""
    return tuple(sorted(manifests, key=lambda m: (m.kind.order, m.key)))


def _manifest(node: yamlio.Node, artifact: Artifact, namespace: str, likes: dict[str, bytes]) -> Manifest:
    document: Any = _without_nulls(node.data())
    kind, obstacle = _kind(document["kind"], document["apiVersion"])
    metadata = document["metadata"]
    place = metadata.get("namespace", namespace) if kind.namespaced else ""
    document = {**document, "metadata": {**metadata, "namespace": place}} if kind.namespaced else document
    name = metadata["name"]
    like = likes.get(kind.name, b"")
    packed = pack(document, like)
    if not like:
        likes[kind.name] = alike(document)
    return Manifest(key(kind.name, place, name), kind, place, artifact.service, artifact.path, packed, like, obstacle)


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
