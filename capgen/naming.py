"""Every generated name and label, in one place, so that no two rooms spell the same thing differently.

Names are a function of the spec alone. What has to be unique in the world it lands in (record names,
alert names, group names, jobs, objects) carries the service's name or a label that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256

PREFIX = "capgen"
SPECS = "specs"
"""The folder of a project that holds its specs."""
MANAGER = "capgen"
"""The field manager of everything that is applied to an API server."""

METRICS_ADAPTER = "capgen-metrics-adapter"
"""The ConfigMap with the rules of an environment's metrics adapter."""

SERVICE, SOURCE, SIGNAL, LEVEL, SEVERITY, TEAM, METRIC, KIND, LADDER = (
    "service", "source", "signal", "level", "severity", "team", "metric", "kind", "ladder",
)  # fmt: skip
RESERVED_LABELS = frozenset(
    (SERVICE, SOURCE, SIGNAL, LEVEL, SEVERITY, TEAM, METRIC, KIND, LADDER, "alertname", "alertstate")
)
"""Labels that capgen sets on records and alerts; no series of a signal may be told apart by one of them."""

DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
WORD = r"[a-z][a-z0-9_]{0,62}"
LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]{0,62}"
METRIC_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"


def camel(*words: str) -> str:
    """`apm`, `host.cpu`, `very_slow` -> `ApmHostCpuVerySlow`."""
    return "".join(_capitalised(word) for word in words)


@lru_cache(maxsize=512)  # the same few hundred words name thousands of alerts
def _capitalised(word: str) -> str:
    return "".join(piece[0].upper() + piece[1:] for piece in re.split(r"[^A-Za-z0-9]+", word) if piece)


@lru_cache(maxsize=512)
def record(exporter: str, signal: str, operation: str) -> str:
    """`capgen:<exporter>_<signal>:<operation>`: the same over all services, which the labels tell apart."""
    return f"{PREFIX}:{_identifier(exporter)}_{_identifier(signal)}:{_identifier(operation)}"


HEADROOM = f"{PREFIX}:headroom:ratio"
"""How far each signal is from the level that calls somebody, as a share of that level; the same over all services."""
FULL_IN = f"{PREFIX}:full_in:seconds"
"""When each signal with a lead time is full, by its drift over whole weeks; no series where it does not grow."""
MONTHLY_COST = f"{PREFIX}:cost:monthly"
"""What a month costs at the last week's rate."""


def level_alert(service: str, signal: str, level: str) -> str:
    """The alert of one level of one signal: `ApmHostCpuCritical`."""
    return camel(service, signal, level)


def absent_alert(service: str, source: str) -> str:
    """The alert for a metric that a source no longer gives; the `metric` label says which."""
    return camel(service, source, "metric", "absent")


def down_alert(service: str, source: str) -> str:
    """The alert for a source whose targets do not answer."""
    return camel(service, source, "down")


def ahead_alert(service: str, signal: str) -> str:
    """The alert for a signal that is full within its lead time: `ApmAppThroughputFullSoon`."""
    return camel(service, signal, "full", "soon")


def budget_alert(service: str, share: float) -> str:
    """The alert for a share of the budget: `ApmBudget80Percent`."""
    return camel(service, "budget", f"{share * 100:.6g}".replace(".", "_"), "percent")


def group(service: str, signal: str) -> str:
    """A rule group's name: unique over all services, since both parts are."""
    return f"{PREFIX}/{service}/{signal}"


def external_metric(exporter: str, signal: str) -> str:
    """The name under which a metrics adapter serves a signal to an HPA."""
    return f"{PREFIX}_{_identifier(exporter)}_{_identifier(signal)}"


def hpa(workload: str) -> str:
    """The HorizontalPodAutoscaler of a workload."""
    return f"{workload}-hpa"


def vpa(workload: str) -> str:
    """The VerticalPodAutoscaler of a workload."""
    return f"{workload}-vpa"


def job(service: str, job: str) -> str:
    """A job's CronJob, and the objects it runs with: `capgen-apm-monitor-resources`."""
    return f"{PREFIX}-{service}-{job}"


def page(service: str) -> str:
    """The page of a service, below its environment's folder: what a repository's web view shows of a folder."""
    return f"{service}/README.md"


def monitoring_object(service: str, source: str = "") -> str:
    """A PrometheusRule, ServiceMonitor or ScrapeConfig: `capgen-apm`, `capgen-apm-host`."""
    return "-".join(part for part in (PREFIX, service, source.replace("_", "-")) if part)


MAX_UID = 40
"""Grafana silently leaves out a dashboard whose uid is longer."""


def dashboard(environment: str, service: str) -> str:
    """The uid of a service's dashboard; one Grafana may hold those of several environments.

    Neither part has an underscore of its own, so no two pairs share a uid.
    """
    return _uid(f"{PREFIX}_{environment}_{service}")


def fleet_dashboard(environment: str, kind: str) -> str:
    """The uid of a dashboard about all services of an environment: `capgen-overview_production`."""
    return _uid(f"{PREFIX}-{kind}_{environment}")


def dashboard_object(service: str) -> str:
    """The Kubernetes object that carries a service's dashboard: no other has a dot in its name, and no service."""
    return f"{monitoring_object(service)}.dashboard"


def fleet_object(kind: str) -> str:
    """As `dashboard_object`, for a dashboard about all services."""
    return f"{PREFIX}.{kind}.dashboard"


def _uid(text: str) -> str:
    """What does not fit is cut, and told apart by a digest of the whole."""
    if len(text) <= MAX_UID:
        return text
    return f"{text[: MAX_UID - 9]}-{sha256(text.encode()).hexdigest()[:8]}"


@lru_cache(maxsize=512)  # services have the same signals
def panel(key: str, turn: int = 0) -> int:
    """The id of a panel by what it shows (a signal's id, or a name that no signal has): never its place."""
    return 1 + int.from_bytes(sha256(f"{key}\0{turn}".encode()).digest()[:4]) % (2**31 - 1)


def panels(keys: Iterable[str]) -> Mapping[str, int]:
    """The ids of the panels of one dashboard. Where two would meet, the later name takes its next turn."""
    return _placed(tuple(keys))


@lru_cache(maxsize=256)  # services of one kind have the same panels
def _placed(keys: tuple[str, ...]) -> Mapping[str, int]:
    taken: dict[int, str] = {}
    for key in sorted(set(keys)):
        turn = 0
        while (id_ := panel(key, turn)) in taken:
            turn += 1
        taken[id_] = key
    return {key: id_ for id_, key in taken.items()}


def _identifier(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]+", "_", text)
