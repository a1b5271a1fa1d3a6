"""The parts of a Capacity that say what is watched and what is scaled: sources, signals, workloads.

Only the shape is checked here, by the same rules as the JSON Schema. What one part says about another
(a signal of a source that is not there, levels out of order) is the compiler's to find.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from capgen import naming
from capgen.fields import (
    WHOLE,
    Bytes,
    Cores,
    Count,
    Duration,
    KubeLabelKey,
    KubeLabelValue,
    LabelName,
    LabelValue,
    Model,
    Name,
    PromQL,
    Quantity,
    Ratio,
    Text,
    UnitName,
    Version,
    Word,
)

SignalName = Annotated[
    str,
    Field(
        pattern=rf"^{naming.WORD}\.{naming.WORD}$(?!\n)",
        title="a signal",
        description="`<source>.<signal>`.",
        examples=["host.cpu"],
    ),
]
Severity = Literal["none", "info", "warning", "critical", "emergency"]
Resource = Literal["cpu", "memory"]
MetricName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_:][A-Za-z0-9_.:/-]{0,252}$(?!\n)", title="a metric of a metrics adapter")
]
HttpPath = Annotated[str, Field(pattern=r"^/[!-~]{0,1023}$(?!\n)", examples=["/metrics"])]
Target = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.\[\]:-]{1,253}:[0-9]{1,5}$(?!\n)", title="host:port", examples=["localhost:9100"])
]


class ServiceSelector(Model):
    """The Kubernetes Service whose endpoints are scraped."""

    namespace: Name
    labels: dict[KubeLabelKey, KubeLabelValue]
    """Labels that the Service carries."""
    port: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$(?!\n)", examples=["metrics"])]
    """The name of its port."""


class SourceSpec(Model):
    """Where measurements come from: an exporter of the catalogue, and how it is scraped."""

    exporter: Annotated[Word, Field(examples=["node"])]
    """A name that `capgen catalog` lists."""
    version: Version | None = None
    """The exporter's version, where its metrics depend on it; the newest known one if left out."""
    job: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$(?!\n)", examples=["node-exporter"])] | None
    ) = None
    """The `job` label of its series; `<capacity>-<source>` if left out."""
    targets: list[Target] = Field(default_factory=list)
    """What is scraped, as host:port."""
    service: ServiceSelector | None = None
    """The Kubernetes Service that is scraped; instead of `targets`."""
    existing: bool | None = None
    """Whether someone else scrapes it already, so that capgen only reads its series."""
    jobs: dict[Word, LabelValue] = Field(default_factory=dict)
    """For components spread over several jobs (kubernetes): the name of each."""
    workload: Name | None = None
    """The workload of this spec that the series are about (kubernetes)."""
    match: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """Label values that narrow a shared exporter down to this service."""
    path: HttpPath | None = None
    """The page that is scraped; the exporter's own if left out."""
    scheme: Literal["http", "https"] = "http"
    interval: Duration | None = None
    """How often it is scraped."""
    timeout: Duration | None = None
    """How long a scrape may take; at most the interval."""
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """Labels put on every scraped series."""
    params: dict[Word, LabelName] = Field(default_factory=dict)
    """Settings of the exporter's expressions, like the name of the status label."""
    buckets: list[float] = Field(default_factory=list)
    """Upper bounds of its latency histogram, where they are not the library's defaults."""
    sizes: dict[LabelName, Annotated[int, Field(ge=1, le=10_000_000), WHOLE]] = Field(
        default_factory=dict, examples=[{"cpu": 64}]
    )
    """How many values a label has here, where that is not the catalogue's typical number; for `capgen estimate`."""


class BudgetSpec(Model):
    """What rules may cost the Prometheus that evaluates them, as `capgen estimate` estimates it."""

    series: Annotated[int, Field(ge=0, le=1_000_000_000), WHOLE] | None = None
    """Series that recording rules write."""
    samples_per_second: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Samples that all rules read, a second."""
    rules: Annotated[int, Field(ge=0, le=1_000_000_000), WHOLE] | None = None
    """Records and alerts."""


class SignalSpec(Model):
    """What a spec says about a signal. Fields left out are the catalogue's; a new signal needs `source` and `expr`."""

    title: Text | None = None
    """What people call it."""
    about: Text | None = None
    """What it measures: the description of its alerts."""
    action: Text | None = None
    """What to do when it gets worse: the action of its alerts."""
    enabled: bool = True
    """Whether it is compiled."""
    source: Word | None = None
    """The source that it reads; for a signal of one's own."""
    expr: PromQL | None = None
    """The expression; `$selector` is what scopes a metric to the source, `$window` the range."""
    unit: UnitName | None = None
    """What its numbers are."""
    ladder: Word | None = None
    """Its ladder of levels: utilisation, quality, load, speed, or one of the project's own."""
    levels: dict[Word, Quantity | None] | None = Field(default=None, examples=[{"warning": "50%", "critical": "80%"}])
    """Where each level begins; null removes one."""
    severity: dict[Word, Severity] = Field(default_factory=dict)
    """Where a level's severity is not the ladder's."""
    worse: Literal["above", "below"] | None = None
    """On which side of a level it gets worse."""
    for_: Duration | None = Field(default=None, alias="for")
    """How long a level has to stand before its alert fires."""
    keep_firing_for: Duration | None = None
    """How long an alert goes on firing after its cause is gone."""
    hysteresis: Quantity | None = None
    """How far back on the good side of its threshold a firing alert lets go."""
    window: Duration | None = None
    """The range of rates; at least four scrape intervals."""
    quantile: Ratio | None = None
    """Which share of requests a latency speaks for."""
    capacity: Quantity | None = None
    """What 100 % is, where no metric says so."""
    params: dict[Word, Quantity] = Field(default_factory=dict)
    """Settings of its expression, by name."""
    traffic: PromQL | None = None
    """The traffic that a ratio or a latency needs to mean something."""
    min_traffic: Count | None = None
    """Below this traffic it does not alert."""
    runbook: Text | None = None
    """Where people read what to do about this signal."""


class Resources(Model):
    """An amount of each resource."""

    cpu: Cores | None = None
    memory: Bytes | None = None


class ContainerSpec(Model):
    """What a container asks for and may use, as the workload's manifest says."""

    requests: Resources | None = None
    """What it asks for."""
    limits: Resources | None = None
    """What it may use."""


class Replicas(Model):
    """How few and how many."""

    min: Annotated[int, Field(ge=0, le=100_000), WHOLE] = 1
    """The fewest."""
    max: Annotated[int, Field(ge=1, le=100_000), WHOLE]
    """The most."""


class ScalingPolicySpec(Model):
    """At most this many pods, or this share of them, in that time."""

    percent: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = None
    """A share of the pods, as a whole number."""
    pods: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None
    """A number of pods."""
    every: Duration
    """The time in which no more than that changes."""


class ScalingSpec(Model):
    """One direction of scaling."""

    stabilization: Duration | None = None
    """How far back the most careful recommendation counts."""
    policies: list[ScalingPolicySpec] = Field(default_factory=list)
    """How fast it may change."""
    select: Literal["max", "min", "disabled"] | None = None
    """Which policy decides; `disabled` forbids this direction."""
    tolerance: Ratio | None = None
    """How far off its target is left alone."""


class ObjectRef(Model):
    """The Kubernetes object that an object metric describes."""

    api_version: Annotated[str, Field(alias="apiVersion", pattern=r"^[a-z0-9./-]{1,253}$(?!\n)")]
    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$(?!\n)")]
    name: Name


class TargetSpec(Model):
    """A scaling target in full: which metric, and how much of it."""

    utilization: Ratio | None = None
    """A share of what pods request."""
    average: Quantity | None = None
    """An amount for each pod."""
    value: Quantity | None = None
    """An amount for all of them together."""
    pods: MetricName | None = None
    """A per-pod metric of a metrics adapter."""
    external: MetricName | None = None
    """A metric that belongs to no object of the cluster."""
    object: MetricName | None = None
    """A metric of the object in `of`."""
    of: ObjectRef | None = None
    """The object that is measured."""
    selector: dict[KubeLabelKey, KubeLabelValue] = Field(default_factory=dict)
    """Labels that the metric's series carry."""


TargetName = Annotated[
    str,
    Field(
        pattern=rf"^({naming.WORD}(\.{naming.WORD})?|(cpu|memory)/{naming.DNS_LABEL})$(?!\n)",
        description="`cpu`, `memory`, `cpu/<container>`, a signal, or a name of one's own for a target in full.",
    ),
]


Rate = r"(hour|day|week|month)$(?!\n)"
TimeBound = Annotated[
    str,
    Field(
        pattern=rf"^< ?[0-9]{{1,6}}(\.[0-9]{{1,3}})?[smhd]/{Rate}",
        title="a bound on time",
        description="Less than so much time in an hour, day, week or month.",
        examples=["< 1h/week"],
    ),
]
CountBound = Annotated[
    str,
    Field(
        pattern=rf"^< ?[0-9]{{1,9}}(\.[0-9]{{1,3}})?/{Rate}",
        title="a bound on a number",
        description="Less than so many in an hour, day, week or month.",
        examples=["< 40/day"],
    ),
]


PodShare = Annotated[
    Annotated[str, Field(pattern=r"^[0-9]{1,3}%$(?!\n)")] | Annotated[int, WHOLE, Field(ge=0, le=100_000)],
    Field(
        union_mode="left_to_right",
        title="some of the pods",
        description="Percent of the replicas, or a number.",
        examples=["25%", 1],
    ),
]


class RolloutSpec(Model):
    """That the workload is rolled out again and again, as replays should have it."""

    every: Duration
    """From one rollout to the next; the first comes as long after the start."""
    max_surge: PodShare | None = None
    """How many pods more than replicas there may be meanwhile; 25% if left out, none for a StatefulSet."""
    max_unavailable: PodShare | None = None
    """How many fewer may be ready; 25% if left out, 1 for a StatefulSet."""


class SimulateSpec(Model):
    """What a replay over history may not exceed, and how the workload starts."""

    at_max: TimeBound | None = None
    """How long there may be as many replicas as are allowed."""
    above_target: TimeBound | None = None
    """How long the ready pods may have to take more than the target."""
    above_limit: TimeBound | None = None
    """How long they may have to take more than a pod may use."""
    changes: CountBound | None = None
    """How often the number of replicas may change."""
    flapping: CountBound | None = None
    """How often a change may be turned back within ten minutes."""
    pod_hours: CountBound | None = None
    """How many pod-hours it may take."""
    ready_after: Duration | None = None
    """How long a pod takes from its start until it is ready; 30s if left out."""
    rollout: RolloutSpec | None = None
    """How often the workload is rolled out; never if left out."""


class HorizontalSpec(Model):
    """How the number of replicas is chosen."""

    by: Literal["hpa", "script"] = "hpa"
    """An autoscaler, or a script where there is no metrics adapter."""
    name: Name | None = None
    """The HPA's name; `<workload>-hpa` if left out. One that is there already keeps its name, and so is never doubled."""
    replicas: Replicas
    """How few and how many."""
    targets: Annotated[dict[TargetName, Quantity | TargetSpec], Field(examples=[{"cpu": "70%"}])]
    """What is held at which amount."""
    scale_up: ScalingSpec | None = None
    """How fast it grows."""
    scale_down: ScalingSpec | None = None
    """How fast it shrinks."""
    simulate: SimulateSpec | None = None
    """What a replay over history may not exceed."""


class ContainerPolicy(Model):
    """What a VPA may do to one container."""

    mode: Literal["auto", "off"] | None = None
    """Whether this container is left alone."""
    min: Resources | None = None
    """The least it may request."""
    max: Resources | None = None
    """The most it may request."""
    control: list[Resource] = Field(default_factory=list)
    """The resources that are changed; both if left out."""
    values: Literal["requests", "requests_and_limits"] | None = None
    """Whether limits follow the requests."""


class VerticalSpec(Model):
    """How the containers' requests are chosen."""

    mode: Literal["recommend", "initial", "recreate", "in_place"]
    """Only recommend; set at start; restart to change; change in place."""
    name: Name | None = None
    """The VPA's name; `<workload>-vpa` if left out."""
    min_replicas: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None
    """The fewest replicas that may be restarted."""
    containers: dict[Annotated[str, Field(pattern=rf"^(\*|{naming.DNS_LABEL})$(?!\n)")], ContainerPolicy] = Field(
        default_factory=dict
    )
    """By container; `*` is every other one."""


class WorkloadSpec(Model):
    """A Kubernetes workload, and who scales it."""

    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$(?!\n)", examples=["Deployment"])]
    """Its kind in Kubernetes."""
    api_version: Annotated[str | None, Field(alias="apiVersion", pattern=r"^[a-z0-9./-]{1,253}$(?!\n)")] = None
    """Only for kinds that Kubernetes does not bring itself."""
    namespace: Name
    name: Name | None = None
    """The object's name where it is not the key."""
    replicas: Annotated[int, Field(ge=0, le=100_000), WHOLE] | None = None
    """A fixed number of replicas, where nothing scales it."""
    containers: dict[Name, ContainerSpec] = Field(default_factory=dict)
    """What its containers ask for, by name."""
    horizontal: HorizontalSpec | None = None
    """Who chooses the number of replicas, and how."""
    vertical: VerticalSpec | None = None
    """Who chooses the containers' requests, and how."""
