"""Which exporter of the catalogue a job is: by the metrics that rules read from it, by its names, by its port."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter

_PARTS = re.compile(r"(.+)_(?:bucket|sum|count)")
_NO_NAMES = frozenset(("http", "otel_http", "kubernetes"))
"""Words that many jobs have in their names, whatever they run."""
_PAGES = {"/actuator/prometheus": "micrometer", "/probe": "blackbox"}


def recognised(
    exporters: Mapping[str, Exporter], metrics: Collection[str], hints: Collection[str], ports: Collection[int]
) -> str:
    """The exporter's name, "" where nothing tells, or where what tells disagrees."""
    by_page = {_PAGES[hint] for hint in hints if hint in _PAGES}
    if len(by_page) == 1:
        return by_page.pop()
    words = {piece for hint in hints for piece in re.split(r"[^a-z0-9]+", hint.lower())}
    if having := _by_metrics(exporters, metrics):
        called = [name for name in having if set(name.split("_")) <= words]
        return next((names[0] for names in (having, called) if len(names) == 1), "http" if "http" in having else "")
    named = [name for name in exporters if name not in _NO_NAMES and set(name.split("_")) <= words]
    named = [name for name in named if not any(set(name.split("_")) < set(o.split("_")) for o in named)]
    if len(named) == 1:
        return named[0]
    at_port = [name for name, exporter in exporters.items() if exporter.port is not None and exporter.port in ports]
    return at_port[0] if len(at_port) == 1 and not named else ""


def _by_metrics(exporters: Mapping[str, Exporter], metrics: Collection[str]) -> list[str]:
    """The exporters that give the most of these metrics."""
    counts = {name: sum(_gives(exporter, metric) for metric in metrics) for name, exporter in exporters.items()}
    most = max(counts.values(), default=0)
    return [name for name, count in counts.items() if count == most] if most else []


def _gives(exporter: Exporter, metric: str) -> bool:
    part = _PARTS.fullmatch(metric)
    return metric in exporter.metrics or (part is not None and part[1] in exporter.metrics)


def all_exporters(catalog: Catalog) -> dict[str, Exporter]:
    """Every exporter by its name."""
    return {name: catalog.entry(name).exporter for name in catalog.exporters}
