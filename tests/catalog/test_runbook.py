"""Every metric of the capacity runbook is a signal of the catalogue, and its thresholds are the catalogue's levels."""

from __future__ import annotations

import pytest

from capgen import units
from capgen.catalog.load import Catalog

CATALOG = Catalog()

METRICS = {
    "CPU, average": "node.cpu",
    "CPU, peak": "node.cpu_peak",
    "CPU, sustained": "node.cpu_sustained",
    "memory, available": "node.memory_available",
    "memory, used": "node.memory",
    "memory, cached": "node.memory_cached",
    "memory, swap": "node.swap",
    "disk, operations": "node.disk_iops",
    "disk, queue depth": "node.disk_queue",
    "disk, read latency": "node.disk_read_latency",
    "disk, write latency": "node.disk_write_latency",
    "disk, busy": "node.disk_io",
    "network, bandwidth": "node.network",
    "network, packet loss": "node.network_drops",
    "network, errors": "node.network_errors",
    "network, latency": "blackbox.latency",
    "storage, space": "node.disk_space",
    "storage, inodes": "node.inodes",
    "storage, throughput": "node.disk_throughput",
    "storage, time to full": "node.disk_full_in",
    "request rate": "http.throughput",
    "concurrent users": "http.concurrency",
    "response time, average": "http.latency_mean",
    "response time, 95th percentile": "http.latency",
    "response time, 99th percentile": "http.latency_p99",
    "error percentage": "http.errors",
    "error types": "http.errors_by_type",
    "transactions a second": "postgres.transactions",
    "data processed": "http.data_throughput",
    "pool, active": "hikaricp.active",
    "pool, queue": "hikaricp.queue",
    "slow queries": "mysql.slow_queries",
    "query execution time": "postgres.query_time",
    "database connections": "postgres.connections",
    "lock waits": "postgres.lock_waits",
    "deadlocks": "postgres.deadlocks",
    "cache hit ratio": "postgres.cache_hit",
    "replication lag": "postgres.replication_lag",
    "replication state": "postgres.replication_state",
}

UTILISATION = {"warning": 0.60, "critical": 0.80, "emergency": 0.95}
THRESHOLDS = {
    "node.cpu": {"warning": 0.50, "critical": 0.80, "emergency": 0.95},
    "node.memory": {"warning": 0.70, "critical": 0.85, "emergency": 0.95},
    "node.disk_io": {"warning": 0.70, "critical": 0.85, "emergency": 0.95},
    "node.network": UTILISATION,
    "http.latency": {"good": 0.2, "acceptable": 0.5, "poor": 1.0, "unacceptable": 2.0},
    "http.throughput": {"normal": 100, "high": 500, "peak": 1000},
    "http.errors": {"good": 0.001, "acceptable": 0.005, "poor": 0.01, "unacceptable": 0.05},
    "postgres.connections": UTILISATION,
    "mysql.connections": UTILISATION,
    "hikaricp.active": UTILISATION,
    "go_sql.active": UTILISATION,
    "postgres.query_time": {"normal": 0.1, "slow": 0.5, "very_slow": 1.0, "timeout": 5.0},
    "mysql.query_time": {"normal": 0.1, "slow": 0.5, "very_slow": 1.0, "timeout": 5.0},
}

LADDERS = {
    "utilisation": ["normal", "warning", "critical", "emergency"],
    "quality": ["excellent", "good", "acceptable", "poor", "unacceptable"],
    "load": ["low", "normal", "high", "peak"],
    "speed": ["fast", "normal", "slow", "very_slow", "timeout"],
}


@pytest.mark.parametrize("name", METRICS.values(), ids=METRICS.keys())
def test_a_metric_of_the_runbook_is_a_signal(name: str) -> None:
    exporter, _, signal = name.partition(".")
    assert signal in CATALOG.entry(exporter).exporter.signals


@pytest.mark.parametrize("name", THRESHOLDS)
def test_levels_begin_where_the_runbook_says(name: str) -> None:
    exporter, _, signal = name.partition(".")
    definition = CATALOG.entry(exporter).exporter.signals[signal]
    levels = {
        level: units.parse(value, definition.unit) for level, value in definition.levels.items() if value is not None
    }
    assert levels == THRESHOLDS[name]


def test_the_ladders_are_the_runbooks() -> None:
    assert {name: list(ladder.levels) for name, ladder in CATALOG.ladders.items()} == LADDERS
