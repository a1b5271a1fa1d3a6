"""The compiled form of one service in one environment: what every renderer, check and prover reads.

Frozen data, no behaviour. Everything here is decided: names are final, windows and thresholds are numbers in
Prometheus' base units (seconds, bytes, ratios 0..1), expressions are complete PromQL, every item knows the
place in the spec (or the catalogue) that it came from. A renderer that needs the spec means that a field is
missing here.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from capgen.blueprint.cost import Cost
from capgen.blueprint.dashboards import NO_GRAFANA, Dashboard, Grafana
from capgen.blueprint.jobs import NO_JOBS, CronEntry, Job, JobDelivery
from capgen.blueprint.notifications import NO_NOTIFY, NotifyDelivery, Receiver, Routing
from capgen.blueprint.origin import Labels, Origin, Severity
from capgen.blueprint.planning import Planning
from capgen.blueprint.serving import KedaTriggers, ServedMetric
from capgen.blueprint.sizing import SizedWorkload


class ServiceRef(Struct, frozen=True):
    """A Kubernetes Service whose endpoints are scraped (rendered as a ServiceMonitor)."""

    namespace: str
    labels: Labels
    port: str


class Scrape(Struct, frozen=True):
    """One scrape job. `existing` jobs are scraped by someone else: capgen reads their series only."""

    source: str
    exporter: str
    job: str
    targets: tuple[str, ...]
    service: ServiceRef | None
    scheme: str
    path: str
    interval: float
    timeout: float
    labels: Labels
    existing: bool
    origin: Origin


class Level(Struct, frozen=True):
    """A named range of a signal: it begins at `threshold`. `severity` is None where nobody is told."""

    name: str
    threshold: float
    severity: Severity | None
    rank: int
    """Its place in the ladder, mildest first; gaps are levels that the spec leaves out."""
    origin: Origin


class Signal(Struct, frozen=True):
    """A measured quantity with levels. Its recorded series has exactly `labels` beside service and source."""

    id: str
    """As the spec writes it: `<source>.<name>`."""
    source: str
    title: str
    description: str
    action: str
    """What to do when it gets worse: one sentence for the page's reader."""
    unit: str
    worse: Literal["above", "below"]
    ladder: str
    levels: tuple[Level, ...]
    expr: str
    record: str
    labels: tuple[str, ...]
    """The labels by which the expression tells series apart, sorted: `instance`, `device`, …"""
    of_request: tuple[str, str]
    """The workload and the resource (`cpu`, `memory`) whose use against its request this is; ("", "") for none."""
    metrics: tuple[str, ...]
    """The metric names that the expression reads, sorted."""
    interval: float
    """The longest scrape interval among the jobs that it reads, seconds."""
    window: float
    for_: float
    keep_firing_for: float
    hysteresis: float
    """How far beyond the threshold, back on the good side, a firing alert lets go; 0 for at the threshold."""
    buckets: tuple[float, ...]
    """The finite upper bounds of the histogram that it is computed from; () where there is none or they vary."""
    traffic: str
    """Requests a second by the same labels, below `min_traffic` of which no level counts; "" for none."""
    min_traffic: float
    origin: Origin
    section: Literal["demand", "latency", "system", "autoscaling", "database", "cost"] = "system"
    """The part of a dashboard or page that shows it."""
    detail: bool = False
    """Whether it is shown only when that part is opened."""


class Record(Struct, frozen=True):
    """A recording rule."""

    name: str
    expr: str
    labels: Labels


class Alert(Struct, frozen=True):
    """An alerting rule. `kind`: a signal's level, a metric that is gone, a target that is down, a signal that
    is full soon, a month that costs too much."""

    name: str
    expr: str
    for_: float
    keep_firing_for: float
    labels: Labels
    annotations: Labels
    kind: Literal["level", "absent", "down", "ahead", "budget"]
    signal: str
    """The signal's id; the source's name for `absent` and `down`."""
    level: str
    """The level's name; the metric for `absent`; the share for `budget`; "" for the others."""


class Ahead(Struct, frozen=True):
    """Somebody is told so many seconds before a signal is full, by the drift between its last two whole weeks."""

    signal: Signal
    full: float
    lead: float
    of: str
    """`capacity`, `level`, or the name of the volume that it measures."""
    worse: Literal["above", "below"]
    proportional: bool
    """Whether its peaks grow in proportion to its mean (load), and not as they do (what fills up)."""


class Spending(Struct, frozen=True):
    """Somebody is told when a month at the last week's rate costs as much as these amounts, by the alerts' levels."""

    signal: Signal
    """What is spent an hour."""
    amounts: tuple[tuple[str, float], ...]


class Group(Struct, frozen=True):
    """A rule group: the records first, then the alerts that read them, so that both see the same cycle."""

    name: str
    interval: float
    records: tuple[Record, ...]
    alerts: tuple[Alert, ...]
    signal: Signal | None
    """None for the groups that watch a source's targets and metrics, or what is to come."""
    scrape: Scrape
    origin: Origin
    ahead: Ahead | Spending | None = None


class ScalingPolicy(Struct, frozen=True):
    """At most `value` pods (or percent of them) may be added or removed within `period` seconds."""

    type: Literal["Pods", "Percent"]
    value: int
    period: int


class ScalingRules(Struct, frozen=True):
    """One direction of an HPA's behaviour; None fields are left to Kubernetes' defaults."""

    stabilization: int | None
    policies: tuple[ScalingPolicy, ...]
    select: Literal["Max", "Min", "Disabled"] | None
    tolerance: str | None = None


class HpaMetric(Struct, frozen=True):
    """What an HPA looks at. `target` is in Kubernetes' spelling: `70` percent, `500m`, `4Gi`."""

    type: Literal["Resource", "ContainerResource", "Pods", "Object", "External"]
    name: str
    target_type: Literal["Utilization", "AverageValue", "Value"]
    target: str
    container: str = ""
    selector: Labels = ()
    object: tuple[str, str, str] | None = None
    """apiVersion, kind and name, for an Object metric."""
    signal: str = ""


class Workload(Struct, frozen=True):
    """A Deployment, StatefulSet, … that is scaled."""

    name: str
    kind: str
    api_version: str
    namespace: str


class Hpa(Struct, frozen=True):
    """A HorizontalPodAutoscaler."""

    name: str
    workload: Workload
    min_replicas: int
    max_replicas: int
    metrics: tuple[HpaMetric, ...]
    scale_up: ScalingRules | None
    scale_down: ScalingRules | None
    origin: Origin
    keda: KedaTriggers | None = None
    """Where KEDA makes it: then a ScaledObject of its name is written instead."""


class ContainerBounds(Struct, frozen=True):
    """What a VPA may do to one container; resources in Kubernetes' canonical spelling, sorted by name."""

    container: str
    mode: Literal["Auto", "Off"] | None
    min_allowed: Labels
    max_allowed: Labels
    controlled: tuple[str, ...]
    """`cpu`, `memory`; empty for the default (both)."""
    controlled_values: Literal["RequestsAndLimits", "RequestsOnly"] | None


class Vpa(Struct, frozen=True):
    """A VerticalPodAutoscaler; `mode` is the API's updateMode, never the deprecated Auto."""

    name: str
    workload: Workload
    mode: Literal["Off", "Initial", "Recreate", "InPlaceOrRecreate"]
    min_replicas: int | None
    containers: tuple[ContainerBounds, ...]
    origin: Origin


class Delivery(Struct, frozen=True):
    """How an environment takes what is generated."""

    prometheus: Literal["files", "operator", "configmap"]
    kubernetes: bool
    """Whether manifests for workloads (HPA, VPA) are wanted."""
    namespace: str
    """Where monitoring objects go; "" without a cluster."""
    monitoring_labels: Labels
    """Labels that the Prometheus operator's selectors want on monitoring objects."""
    scrape_interval: float
    evaluation_interval: float
    jobs: JobDelivery = NO_JOBS
    grafana: Grafana = NO_GRAFANA
    """How dashboards are delivered, and where Grafana is."""
    notify: NotifyDelivery = NO_NOTIFY
    pages: str = ""
    """Where the environment's pages can be read; "" where nobody says."""
    somewhere: bool = False
    """Whether the environment says where it is delivered to."""
    checkout: bool = False
    """Whether that is a folder, out of which somebody else applies the manifests."""
    metrics: Literal["adapter", "keda", "none"] = "adapter"
    """What serves signals to autoscalers."""


class Blueprint(Struct, frozen=True):
    """One service in one environment, compiled. Everything in a fixed order that the spec's does not change."""

    name: str
    title: str
    owner: str
    runbook: str
    labels: Labels
    environment: str
    spec: str
    """The spec's file, below the project's folder."""
    delivery: Delivery
    scrapes: tuple[Scrape, ...]
    signals: tuple[Signal, ...]
    groups: tuple[Group, ...]
    hpas: tuple[Hpa, ...]
    vpas: tuple[Vpa, ...]
    declared: Origin
    """Where it says whose it is."""
    jobs: tuple[Job, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    """Who is told of its alerts, by name."""
    planning: Planning | None = None
    """What is planned with; None where the spec says nothing about it."""
    dashboards: tuple[Dashboard, ...] = ()
    """The service's dashboard; () where the environment takes none."""
    cost: Cost | None = None
    """What its rules cost, estimated; None where no budget asks."""
    sized: tuple[SizedWorkload, ...] = ()
    """Its workloads with the sizes of their pods, by name."""


class Fleet(Struct, frozen=True):
    """All services of one environment, by name, and what only holds for all of them together."""

    environment: str
    delivery: Delivery
    services: tuple[Blueprint, ...]
    routing: Routing
    crontab: tuple[CronEntry, ...] = ()
    """What cron runs there, by service and job; empty where the cluster runs the jobs."""
    dashboards: tuple[Dashboard, ...] = ()
    """Those about all services together."""
    served: tuple[ServedMetric, ...] = ()
    """What the metrics adapter has to serve, by name."""
