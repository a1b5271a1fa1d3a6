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
    version: Version | None = None
    """The exporter's version, where its metrics depend on it; the newest known one if left out."""
    job: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$(?!\n)", examples=["node-exporter"])] | None
    ) = None
    """The `job` label of its series; `<capacity>-<source>` if left out."""
    targets: list[Target] = Field(default_factory=list)
    service: ServiceSelector | None = None
    existing: bool | None = None
    """Whether someone else scrapes it already, so that capgen only reads its series."""
    jobs: dict[Word, LabelValue] = Field(default_factory=dict)
    """For components spread over several jobs (kubernetes): the name of each."""
    workload: Name | None = None
    """The workload of this spec that the series are about (kubernetes)."""
    match: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """Label values that narrow a shared exporter down to this service."""
    path: HttpPath | None = None
    scheme: Literal["http", "https"] = "http"
    interval: Duration | None = None
    timeout: Duration | None = None
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """Labels put on every scraped series."""
    params: dict[Word, LabelName] = Field(default_factory=dict)
    """Settings of the exporter's expressions, like the name of the status label."""
    buckets: list[float] = Field(default_factory=list)
    """Upper bounds of its latency histogram, where they are not the library's defaults."""


class SignalSpec(Model):
    """What a spec says about a signal. Fields left out are the catalogue's; a new signal needs `source` and `expr`."""

    title: Text | None = None
    about: Text | None = None
    action: Text | None = None
    enabled: bool = True
    source: Word | None = None
    expr: PromQL | None = None
    unit: UnitName | None = None
    ladder: Word | None = None
    levels: dict[Word, Quantity | None] | None = Field(default=None, examples=[{"warning": "50%", "critical": "80%"}])
    severity: dict[Word, Severity] = Field(default_factory=dict)
    worse: Literal["above", "below"] | None = None
    for_: Duration | None = Field(default=None, alias="for")
    keep_firing_for: Duration | None = None
    hysteresis: Quantity | None = None
    """How far back on the good side of its threshold a firing alert lets go."""
    window: Duration | None = None
    """The range of rates; at least four scrape intervals."""
    quantile: Ratio | None = None
    capacity: Quantity | None = None
    params: dict[Word, Quantity] = Field(default_factory=dict)
    traffic: PromQL | None = None
    min_traffic: Count | None = None
    runbook: Text | None = None


class Resources(Model):
    """An amount of each resource."""

    cpu: Cores | None = None
    memory: Bytes | None = None


class ContainerSpec(Model):
    """What a container asks for and may use, as the workload's manifest says."""

    requests: Resources | None = None
    limits: Resources | None = None


class Replicas(Model):
    """How few and how many."""

    min: Annotated[int, Field(ge=0, le=100_000), WHOLE] = 1
    max: Annotated[int, Field(ge=1, le=100_000), WHOLE]


class ScalingPolicySpec(Model):
    """At most this many pods, or this share of them, in that time."""

    percent: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = None
    pods: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None
    every: Duration


class ScalingSpec(Model):
    """One direction of scaling."""

    stabilization: Duration | None = None
    policies: list[ScalingPolicySpec] = Field(default_factory=list)
    select: Literal["max", "min", "disabled"] | None = None
    tolerance: Ratio | None = None


class ObjectRef(Model):
    """The Kubernetes object that an object metric describes."""

    api_version: Annotated[str, Field(alias="apiVersion", pattern=r"^[a-z0-9./-]{1,253}$(?!\n)")]
    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$(?!\n)")]
    name: Name


class TargetSpec(Model):
    """A scaling target in full: which metric, and how much of it."""

    utilization: Ratio | None = None
    average: Quantity | None = None
    value: Quantity | None = None
    pods: MetricName | None = None
    """A per-pod metric of a metrics adapter."""
    external: MetricName | None = None
    object: MetricName | None = None
    of: ObjectRef | None = None
    selector: dict[KubeLabelKey, KubeLabelValue] = Field(default_factory=dict)


TargetName = Annotated[
    str,
    Field(
        pattern=rf"^({naming.WORD}(\.{naming.WORD})?|(cpu|memory)/{naming.DNS_LABEL})$(?!\n)",
        description="`cpu`, `memory`, `cpu/<container>`, a signal, or a name of one's own for a target in full.",
    ),
]


class HorizontalSpec(Model):
    """How the number of replicas is chosen."""

    by: Literal["hpa", "script"] = "hpa"
    replicas: Replicas
    targets: Annotated[dict[TargetName, Quantity | TargetSpec], Field(examples=[{"cpu": "70%"}])]
    scale_up: ScalingSpec | None = None
    scale_down: ScalingSpec | None = None


class ContainerPolicy(Model):
    """What a VPA may do to one container."""

    mode: Literal["auto", "off"] | None = None
    min: Resources | None = None
    max: Resources | None = None
    control: list[Resource] = Field(default_factory=list)
    values: Literal["requests", "requests_and_limits"] | None = None


class VerticalSpec(Model):
    """How the containers' requests are chosen."""

    mode: Literal["recommend", "initial", "recreate", "in_place"]
    min_replicas: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None
    containers: dict[Annotated[str, Field(pattern=rf"^(\*|{naming.DNS_LABEL})$(?!\n)")], ContainerPolicy] = Field(
        default_factory=dict
    )


class WorkloadSpec(Model):
    """A Kubernetes workload, and who scales it."""

    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$(?!\n)", examples=["Deployment"])]
    api_version: Annotated[str | None, Field(alias="apiVersion", pattern=r"^[a-z0-9./-]{1,253}$(?!\n)")] = None
    """Only for kinds that Kubernetes does not bring itself."""
    namespace: Name
    name: Name | None = None
    """The object's name where it is not the key."""
    replicas: Annotated[int, Field(ge=0, le=100_000), WHOLE] | None = None
    """A fixed number of replicas, where nothing scales it."""
    containers: dict[Name, ContainerSpec] = Field(default_factory=dict)
    horizontal: HorizontalSpec | None = None
    vertical: VerticalSpec | None = None
