"""The history that a plan or a report is made from: files of a folder, and the environment's Prometheus.

`Sources` says where a service's history is and can be sent to another machine, which then reads it itself: secrets stay
references until the machine that asks needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from capgen import units
from capgen.api.reading import content_of
from capgen.errors import UsageError

if TYPE_CHECKING:
    from capgen.blueprint import Blueprint, Hpa
    from capgen.history.series import Series
    from capgen.spec.documents import PrometheusEndpoint

MOST_BYTES = 256 << 20
"""A year of samples every five seconds has less."""
HISTORY_STEP = 3600.0
"""The step at which a Prometheus is asked: an hour is fine enough for months."""
REPLICA_STEP, REPLICA_HISTORY = 300.0, 184 * 86400.0
"""Replicas change within minutes; a quarter and the one before it are half a year."""
CPU_WINDOW = 300.0
"""Seconds whose mean is the use of a CPU: what every interval at which kubelets are scraped has samples in."""
RESOURCES = ("cpu", "memory")
HISTORY_SUFFIXES = (".csv", ".parquet")


class Sources(Struct, frozen=True):
    """Where histories are. A file counts more than what the server says."""

    endpoint: PrometheusEndpoint | None
    """The environment's Prometheus."""
    folder: Path | None
    prometheus: bool
    """Whether the server is asked."""
    now: float | None
    cache: Path | None


def signals(sources: Sources, service: Blueprint, *, at_least: float = 0.0) -> dict[str, Series]:
    """The history of a service's signals, the worst series of each, over at least so many seconds.

    Raises UsageError where the environment names no server, Findings for a file, TargetError when a server fails.
    """
    files = _read_named(sources.folder, service, {signal.id: signal.id for signal in service.signals})
    if not sources.prometheus:
        return files
    length = max(at_least, service.planning.history if service.planning else 90 * 86400.0)
    queries = {s.id: f"{'max' if s.worse == 'above' else 'min'}({s.expr})" for s in service.signals}
    return {**_asked(sources, service, queries, length=length, step=HISTORY_STEP), **files}


def replicas(sources: Sources, service: Blueprint) -> dict[str, Series]:
    """The replicas of a service's HPAs over half a year, by the HPA's name: files, or kube-state-metrics."""
    files = _read_named(sources.folder, service, {hpa.name: f"{hpa.name}.replicas" for hpa in service.hpas})
    if not sources.prometheus:
        return files
    queries = {hpa.name: pods_that_ran(hpa) for hpa in service.hpas}
    return {**_asked(sources, service, queries, length=REPLICA_HISTORY, step=REPLICA_STEP), **files}


def usage(sources: Sources, service: Blueprint) -> dict[str, Series]:
    """What the containers of a service's workloads use: `<workload>.<container>.<cpu|memory>` is the busiest pod's,
    with `.total` behind it that of all pods together. Cores and bytes."""
    queries: dict[str, str] = {}
    for workload in service.sized:
        for container in workload.containers:
            scope = f'namespace="{workload.namespace}",pod=~"{workload.pods}",container="{container.name}"'
            for resource in RESOURCES:
                query = used(resource, scope, CPU_WINDOW if resource == "cpu" else HISTORY_STEP)
                name = f"{workload.name}.{container.name}.{resource}"
                queries |= {name: f"max({query})", f"{name}.total": f"sum({query})"}
    files = _read_named(sources.folder, service, {name: name for name in queries})
    if not sources.prometheus:
        return files
    length = service.planning.history if service.planning else 90 * 86400.0
    return {**_asked(sources, service, queries, length=length, step=HISTORY_STEP), **files}


def used(resource: str, scope: str, window: float) -> str:
    """The query for what each pod uses, of the containers that label matchers name: cores as the mean of so many seconds,
    or the most bytes within them; bytes of now for a window of 0."""
    if resource == "cpu":
        rate = f'rate(container_cpu_usage_seconds_total{{{scope},image!=""}}[{units.duration(window)}])'
        return f"sum by (pod) (max by (pod, id, cpu) ({rate}))"
    bytes_ = f"container_memory_working_set_bytes{{{scope}}}"
    most = f"max_over_time({bytes_}[{units.duration(window)}])" if window else bytes_
    return f"sum by (pod) (max by (pod, container) ({most}))"


def pods_that_ran(hpa: Hpa) -> str:
    """The query for how many pods an autoscaler's workload had, by kube-state-metrics."""
    metric = "kube_horizontalpodautoscaler_status_current_replicas"
    return f'max({metric}{{namespace="{hpa.workload.namespace}",horizontalpodautoscaler="{hpa.name}"}})'


def _asked(
    sources: Sources, service: Blueprint, queries: Mapping[str, str], *, length: float, step: float
) -> dict[str, Series]:  # fmt: skip
    from capgen.history.cache import Cache
    from capgen.history.login import asking
    from capgen.history.prometheus import Server, query_range

    endpoint, now = sources.endpoint, sources.now
    if endpoint is None or endpoint.url is None:
        raise UsageError(f"the environment {service.environment!r} has no prometheus.url to ask")
    if now is None:
        raise UsageError("a Prometheus is asked up to a moment: give --now")
    server = Server(endpoint.url, asking(endpoint))
    remembered = Cache(sources.cache, now) if sources.cache is not None else None
    found = {}
    for name, query in queries.items():
        series = query_range(server, query, now - length, now, step, name=name, cache=remembered)
        if len(series.times):
            found[name] = series
    return found


def read_history(path: Path, column: str | None = None) -> Series:
    """A series from a CSV or Parquet file; `-` is standard input. Raises UsageError or Findings."""
    from capgen.history.csv_file import read_series

    if path.suffix.lower() in (".parquet", ".pq"):
        from capgen.history.parquet_file import read_parquet

        return read_parquet(path, column)
    return read_series(path.as_posix(), read_text(path), column)


def _read_named(folder: Path | None, service: Blueprint, names: Mapping[str, str]) -> dict[str, Series]:
    """The series that a folder holds, by what they are about. Raises UsageError when there is no such folder."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: it holds <service>/<signal>.csv, or <signal>.csv")
    found = {}
    for about, name in names.items():
        candidates = (
            place / f"{name}{suffix}" for place in (folder / service.name, folder) for suffix in HISTORY_SUFFIXES
        )
        path = next((path for path in candidates if path.is_file()), None)
        if path is not None:
            found[about] = read_history(path)
    return found


def read_text(path: Path) -> str:
    """A file's text, or standard input for `-`. Raises UsageError for what is not there or too large."""
    if path.as_posix() == "-":
        return sys.stdin.read(MOST_BYTES)
    raw = content_of(path, MOST_BYTES, "name a file, or `-` for standard input")
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB: resample it, or read it from Prometheus")
    # Spreadsheets write "Unicode text" in two bytes a letter, and mark it.
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    return raw.decode("utf-16" if wide else "utf-8", errors="replace" if wide else "surrogateescape")
