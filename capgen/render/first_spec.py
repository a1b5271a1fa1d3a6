"""What `capgen init` puts into a first spec: the sources, and the levels that are most often changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

_SHOWN = 4
"""Signals shown for each exporter; the others keep the catalogue's levels silently."""


class _Signal(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def levels(self) -> dict[str, Any]: ...
    @property
    def default(self) -> bool: ...


class _Exporter(Protocol):
    @property
    def exporter(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def existing(self) -> bool: ...
    @property
    def signals(self) -> dict[str, Any]: ...


def first_spec(name: str, exporters: Sequence[_Exporter], kind: str) -> dict[str, Any]:
    """The values of the template `init/spec.yaml.j2`."""
    kubernetes = kind != "host"
    signals: list[dict[str, Any]] = []
    for exporter in exporters:
        with_levels: list[tuple[str, _Signal]] = [
            (key, s) for key, s in exporter.signals.items() if s.levels and s.default
        ]
        signals += [
            {"id": f"{exporter.exporter}.{key}", "title": signal.title, "levels": _given(signal.levels)}
            for key, signal in with_levels[:_SHOWN]
        ]
    sources = [
        {
            "name": exporter.exporter,
            "exporter": exporter.exporter,
            "existing": exporter.existing,
            "target": f"localhost:{exporter.port or 8080}",
            "workload": kubernetes and exporter.exporter == "kubernetes",
        }
        for exporter in exporters
    ]
    return {"name": name, "kind": kind, "kubernetes": kubernetes, "sources": sources, "signals": signals}


def _given(levels: dict[str, Any]) -> dict[str, Any]:
    return {level: value for level, value in levels.items() if value is not None}
