"""Specs of a synthetic fleet, always the same for the same number of services.

Four kinds of service take turns: an HTTP service with its PostgreSQL, one with its Redis, one in Kubernetes with
autoscalers, a plain host. Each overrides some levels, as a team does that knows its service, and each compiles to
about thirty alerts. Numbers come from the service's place in the fleet, so no two specs are the same.
"""

from __future__ import annotations

from pathlib import Path

TEAMS = 37
"""Each has a namespace `team-<number>`."""
_HEAD = """\
apiVersion: capgen/v1
kind: Capacity
metadata:
  name: {name}
  title: Service {i}
  owner: team-{team}
  runbook: https://runbooks.example.com/{name}
  labels: {{tier: {tier}}}
"""

_HTTP = """\
  app.latency:
    quantile: 0.{quantile}
    levels: {{good: {fast}ms, acceptable: {medium}ms, poor: {slow}ms, unacceptable: 4s}}
  app.errors:
    levels: {{good: 0.1%, acceptable: 0.5%, poor: {poor}%, unacceptable: 6%}}
    for: {wait}m
  app.throughput:
    levels: {{normal: {normal}, high: {high}, peak: {peak}}}
"""

_DATABASE = """\
sources:
  app: {{exporter: http, targets: ["app-{i}.example.com:8080"], interval: 15s{existing}}}
  database: {{exporter: postgres, targets: ["db-{i}.example.com:9187"], interval: 30s{existing}}}
signals:
{http}\
  database.connections:
    levels: {{warning: {warning}%, critical: {critical}%, emergency: 97%}}
    for: {wait}m
  database.cache_hit: null
"""

_CACHE = """\
sources:
  app: {{exporter: http, targets: ["app-{i}.example.com:8080"], interval: 15s{existing}}}
  cache: {{exporter: redis, targets: ["cache-{i}.example.com:9121"], interval: 30s{existing}}}
signals:
{http}\
  cache.memory:
    levels: {{warning: {warning}%, critical: {critical}%, emergency: 97%}}
    for: {wait}m
  cache.replication_lag: null
"""

_CLUSTER = """\
sources:
  app:
    exporter: http
    service: {{namespace: team-{team}, labels: {{app: {name}}}, port: metrics}}
    interval: 15s{existing_line}
  pods: {{exporter: kubernetes, workload: {name}}}
signals:
{http}\
  pods.memory:
    levels: {{warning: {warning}%, critical: {critical}%, emergency: 97%}}
    for: {wait}m
  pods.volume_space: null
workloads:
  {name}:
    kind: Deployment
    namespace: team-{team}
{autoscalers}"""

_AUTOSCALERS = """\
    containers:
      app: {{requests: {{cpu: 500m, memory: 512Mi}}, limits: {{memory: 1Gi}}}}
    horizontal:
      replicas: {{min: 2, max: {replicas}}}
      targets: {{cpu: 70%}}
      scale_down: {{stabilization: 5m, policies: [{{percent: 50, every: 60s}}]}}
    vertical:
      mode: recommend
      containers:
        app: {{min: {{cpu: 100m, memory: 128Mi}}, max: {{cpu: "2", memory: 4Gi}}}}
"""

_HOST = """\
sources:
  host: {{exporter: node, targets: ["host-{i}.example.com:9100"], interval: 15s{existing}}}
signals:
  host.cpu:
    levels: {{warning: {warning}%, critical: {critical}%, emergency: 97%}}
    for: {wait}m
  host.memory:
    levels: {{warning: {warning}%, critical: {critical}%, emergency: 96%}}
  host.disk_space:
    levels: {{warning: {warning}%, critical: {critical}%, emergency: 95%}}
    for: {wait}m
"""
_HOST_WITHOUT = (
    "disk_io", "disk_read_latency", "disk_write_latency", "network", "network_drops", "network_errors", "tcp_retransmits",
)  # fmt: skip

_KINDS = (_DATABASE, _CACHE, _CLUSTER, _HOST)

_RULES_ONLY = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: default}
kubernetes: {namespace: monitoring}
deliver: {grafana: none, alertmanager: none, jobs: none}
"""


def spec(i: int, *, rules_only: bool = False, changed: bool = False) -> str:
    """The YAML of service `i`. `rules_only`: somebody else scrapes and scales it, so that rules are all it
    compiles to. `changed`: a level is another than before."""
    values: dict[str, object] = {
        "i": i,
        "name": name(i),
        "team": i % TEAMS,
        "tier": ("critical", "standard", "batch")[i % 3],
        "quantile": (90, 95, 99)[i % 3],
        "fast": 100 + i % 100,
        "medium": 300 + i % 200,
        "slow": 1000 + i % 500,
        "poor": 1 + i % 4,
        "wait": 3 + i % 7,
        "normal": 50 + i % 50,
        "high": 200 + i % 300,
        "peak": 900 + i % 600,
        "warning": 55 + i % 15,
        "critical": 76 if changed else 77 + i % 12,
        "replicas": 6 + i % 20,
        "existing": ", existing: true" if rules_only else "",
        "existing_line": "\n    existing: true" if rules_only else "",
    }
    values["http"] = _HTTP.format(**values)
    values["autoscalers"] = "" if rules_only else _AUTOSCALERS.format(**values)
    kind = _KINDS[i % len(_KINDS)]
    text = (_HEAD + kind).format(**values)
    return text + "".join(f"  host.{signal}: null\n" for signal in _HOST_WITHOUT) if kind is _HOST else text


def name(i: int) -> str:
    """The name of service `i`."""
    return f"service-{i:05d}"


def write_fleet(folder: Path, count: int, *, rules_only: bool = False) -> Path:
    """Writes the specs of a fleet of `count` services below `folder`, a hundred a folder; returns the path."""
    specs = folder / "specs"
    for i in range(count):
        path = specs / f"{i // 100:03d}" / f"{name(i)}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spec(i, rules_only=rules_only), encoding="utf-8")
    if rules_only:
        (specs / "environment.yaml").write_text(_RULES_ONLY, encoding="utf-8")
    return specs


def change_one(specs: Path, count: int, *, changed: bool) -> None:
    """Changes a level of the service in the fleet's middle, or changes it back."""
    i = count // 2
    (specs / f"{i // 100:03d}" / f"{name(i)}.yaml").write_text(spec(i, changed=changed), encoding="utf-8")
