"""An artifact: one generated file, and what it means to whoever receives it."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Artifact(Struct, frozen=True):
    """`path` is relative to the environment's folder (`apm/rules.yml`), with `/` on every system."""

    path: str
    text: str
    kind: str
    """`rules`, `scrape`, `prometheus`, or the Kubernetes kind (`HorizontalPodAutoscaler`)."""
    service: str
    """The Capacity it belongs to; "" for fleet-wide files."""
    kubernetes: bool
    """Whether it is a manifest that an API server takes."""


class Left(Struct, frozen=True, array_like=True):
    """An artifact whose text need not be told: a file that holds it lies in the output folder. As in Artifact, but for
    the sha256 of the text."""

    path: str
    kind: str
    service: str
    kubernetes: bool
    digest: str


AnyArtifact: TypeAlias = "Artifact | Left"
