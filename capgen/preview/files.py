"""Dashboards inside generated files: bare JSON, a ConfigMap for Grafana's sidecar, a GrafanaDashboard.

A preview shows what is delivered, so it reads the artifacts themselves and nothing before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from capgen import yamlio
from capgen.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Found:
    """A dashboard, and the path (without a suffix) that its picture gets."""

    path: str
    service: str
    dashboard: dict[str, Any]


def dashboards(artifacts: Iterable[Artifact]) -> Iterator[Found]:
    """The classic dashboards among artifacts, in their order."""
    for artifact in artifacts:
        for text in _texts(artifact):
            if (board := read(text)) is not None:
                yield Found(artifact.path.rpartition(".")[0], artifact.service, board)


def read(text: str) -> dict[str, Any] | None:
    """The classic dashboard that a text is; None for everything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("panels"), list) else None


def _texts(artifact: Artifact) -> Iterator[str]:
    if artifact.path.endswith(".json"):
        yield artifact.text
    elif artifact.kind in ("ConfigMap", "GrafanaDashboard"):
        node, _ = yamlio.read(yamlio.Source(artifact.path, artifact.text, artifact.path))
        document = node.data() if node else None
        yield from _inside(document if isinstance(document, dict) else {})


def _inside(document: Mapping[str, Any]) -> Iterator[str]:
    for name, text in sorted((document.get("data") or {}).items()):
        if name.endswith(".json"):
            yield str(text)
    if isinstance(document.get("spec"), dict) and "json" in document["spec"]:
        yield str(document["spec"]["json"])
