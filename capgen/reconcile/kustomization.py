"""The file that says which manifests of a folder there are. Nobody takes a folder in which one that is named is missing, and
Argo CD and Flux delete what is named no more.
"""

from __future__ import annotations

from typing import Any

from capgen.yamlio import Source, read

FILE = "kustomization.yaml"


def resources(text: str) -> frozenset[str]:
    """The paths that a kustomization names; none where it cannot be read."""
    node, _ = read(Source(FILE, text))
    listed = node.at(("resources",)) if node else None
    named: Any = listed.data() if listed else ()
    return frozenset(path for path in named if isinstance(path, str)) if isinstance(named, list) else frozenset()
