"""Every generated name and label, in one place, so that no two rooms spell the same thing differently.

Names are a function of the spec alone. What has to be unique in the world it lands in (record names,
alert names, group names, jobs, objects) carries the service's name or a label that does.
"""

from __future__ import annotations

import re
from functools import lru_cache

PREFIX = "capgen"
MANAGER = "capgen"
"""The field manager of everything that is applied to an API server."""

SERVICE, SOURCE, SIGNAL, LEVEL, SEVERITY, TEAM, METRIC, KIND = (
    "service", "source", "signal", "level", "severity", "team", "metric", "kind",
)  # fmt: skip
RESERVED_LABELS = frozenset((SERVICE, SOURCE, SIGNAL, LEVEL, SEVERITY, TEAM, METRIC, KIND, "alertname", "alertstate"))
"""Labels that capgen sets on records and alerts; no series of a signal may be told apart by one of them."""

DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
WORD = r"[a-z][a-z0-9_]{0,62}"
LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]{0,62}"
METRIC_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"


def camel(*words: str) -> str:
    """`apm`, `host.cpu`, `very_slow` -> `ApmHostCpuVerySlow`."""
    return "".join(_capitalised(word) for word in words)


@lru_cache(maxsize=4096)  # the same few hundred words name thousands of alerts
def _capitalised(word: str) -> str:
    return "".join(piece[0].upper() + piece[1:] for piece in re.split(r"[^A-Za-z0-9]+", word) if piece)


@lru_cache(maxsize=4096)
def record(exporter: str, signal: str, operation: str) -> str:
    """`capgen:<exporter>_<signal>:<operation>`: the same over all services, which the labels tell apart."""
    return f"{PREFIX}:{_identifier(exporter)}_{_identifier(signal)}:{_identifier(operation)}"


def level_alert(service: str, signal: str, level: str) -> str:
    """The alert of one level of one signal: `ApmHostCpuCritical`."""
    return camel(service, signal, level)


def absent_alert(service: str, source: str) -> str:
    """The alert for a metric that a source no longer gives; the `metric` label says which."""
    return camel(service, source, "metric", "absent")


def down_alert(service: str, source: str) -> str:
    """The alert for a source whose targets do not answer."""
    return camel(service, source, "down")


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


def monitoring_object(service: str, source: str = "") -> str:
    """A PrometheusRule, ServiceMonitor or ScrapeConfig: `capgen-apm`, `capgen-apm-host`."""
    return "-".join(part for part in (PREFIX, service, source.replace("_", "-")) if part)


def _identifier(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]+", "_", text)
