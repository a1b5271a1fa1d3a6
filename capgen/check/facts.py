"""What the catalogue says of a metric's name as a rule writes it: with `_bucket`, `_sum` and `_count`.

The key is (exporter, metric) and never the metric alone: two exporters give `nginx_http_requests_total`, one
with a status label and one without, and a rule written for the first is silently dead on the second.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter, Metric

TARGET_LABELS = frozenset(
    (
        "job", "instance", "cluster", "namespace", "pod", "container", "service", "endpoint", "node", "app", "application",
        "component", "env", "environment", "stage", "region", "zone", "az", "availability_zone", "dc", "datacenter", "rack",
        "host", "hostname", "nodename", "team", "tier", "owner", "tenant", "project", "account", "organisation",
        "organization", "prometheus", "prometheus_replica", "replica", "metrics_path", "exporter", "shard", "role", "group",
    )
)  # fmt: skip
"""Labels that discovery and relabelling customarily put on every series of a target."""

OWNED_FROM = 3
"""From so many metrics of an exporter that start with one word, that word is taken as the exporter's prefix."""

SeriesType = Literal["counter", "gauge", "histogram", "summary", "untyped"]


class Fact(Struct, frozen=True):
    """One exporter's series of one name. `labels` are its own, with how many values each typically has."""

    exporter: str
    job: str
    metric: Metric
    type: SeriesType
    labels: Mapping[str, int]
    open: bool

    @property
    def target(self) -> tuple[str, str]:
        """What is scraped to get it: series of different targets differ in `job` and `instance`."""
        return (self.exporter, self.job)


class Facts(Struct, frozen=True):
    """The catalogue by series name: `declared` for the exporters asked for, `all` for every one."""

    declared: Mapping[str, tuple[Fact, ...]]
    all: Mapping[str, tuple[Fact, ...]]
    prefixes: Mapping[str, frozenset[str]]
    """First words of metric names, with the exporters that each belongs to (OpenCost has `node_` as well)."""
    instrumented: frozenset[str]
    """Labels that some metric of the catalogue carries itself."""
    target_labels: frozenset[str]

    def of(self, name: str) -> tuple[Fact, ...]:
        """What is known of a series name; empty when the catalogue does not have it."""
        return self.declared.get(name, ())

    def types(self, name: str) -> frozenset[SeriesType]:
        """The types that the name has at the exporters that give it."""
        return frozenset(fact.type for fact in self.of(name))

    def target_label(self, label: str) -> bool:
        """Whether a label may come from the target rather than from the metric."""
        return label in self.target_labels or label.startswith("exported_") or label not in self.instrumented


def facts_of(catalog: Catalog, exporters: Sequence[str] = ()) -> Facts:
    """The facts of a catalogue, narrowed to the named exporters if any are named.

    Raises KeyError for an exporter that the catalogue does not have, Findings for a file with mistakes.
    """
    loaded = {name: catalog.entry(name).exporter for name in dict.fromkeys((*catalog.exporters, *exporters))}
    every = _by_name(loaded.values())
    declared = _by_name(loaded[name] for name in exporters) if exporters else every
    return Facts(
        # A name that only other exporters give stays known: a file may read more than one source.
        declared=every | declared,
        all=every,
        prefixes=_prefixes(loaded.values()),
        instrumented=frozenset(label for facts in every.values() for fact in facts for label in fact.labels),
        target_labels=TARGET_LABELS.union(*(exporter.target_labels for exporter in loaded.values())),
    )


def _by_name(exporters: Iterable[Exporter]) -> dict[str, tuple[Fact, ...]]:
    found: defaultdict[str, list[Fact]] = defaultdict(list)
    for exporter in exporters:
        for name, metric in exporter.metrics.items():
            for series, kind, extra in _series(name, metric):
                labels = {**metric.labels, **extra}
                found[series].append(
                    Fact(exporter.exporter, metric.job or "", metric, kind, labels, exporter.open_labels)
                )
    return {name: tuple(facts) for name, facts in found.items()}


def _series(name: str, metric: Metric) -> Iterator[tuple[str, SeriesType, dict[str, int]]]:
    if metric.type == "histogram":
        yield f"{name}_bucket", "counter", {"le": len(metric.buckets) + 1 or 12}
    if metric.type == "summary":
        yield name, metric.type, {"quantile": 5}
    else:
        yield name, metric.type, {}
    if metric.type in ("histogram", "summary"):
        yield f"{name}_sum", "counter", {}
        yield f"{name}_count", "counter", {}


def _prefixes(exporters: Iterable[Exporter]) -> dict[str, frozenset[str]]:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    shared: set[str] = set()
    for exporter in exporters:
        words = Counter(name.partition("_")[0] for name in exporter.metrics)
        if exporter.open_labels:  # applications name their own metrics so (`http_…`)
            shared |= set(words)
        for word in (word for word, count in words.items() if count >= OWNED_FROM):
            owners[word].add(exporter.exporter)
    return {word: frozenset(names) for word, names in owners.items() if word not in shared}
