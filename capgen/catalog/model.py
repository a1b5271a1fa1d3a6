"""What a catalogue file says: an exporter's metrics, and the signals that they give.

An exporter is one YAML file. Its metrics are facts (type, unit, labels, since when, behind which flag, what
it means when they are missing); its signals are expressions over them, with the levels they have unless a
spec says otherwise. A project's own `catalog/` holds files of the same shape.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from capgen import naming
from capgen.fields import Count, Duration, LabelName, Model, PromQL, Quantity, Text, UnitName, Version, Word

MetricName = Annotated[str, Field(pattern=rf"^{naming.METRIC_NAME}$(?!\n)")]
Section = Literal["demand", "latency", "system", "autoscaling", "database", "cost"]
MetricType = Literal["counter", "gauge", "histogram", "summary", "untyped"]


class Metric(Model):
    """One metric family. A histogram is named without its `_bucket`, `_sum` and `_count`."""

    type: MetricType
    about: Text = ""
    unit: Text = ""
    """The base unit of a sample: seconds, bytes, ratio, …; "" for a plain count."""
    labels: dict[LabelName, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Labels beside the target's own, each with how many values it typically has (for the cost estimate)."""
    series: Annotated[int, Field(ge=1)] | None = None
    """How many series a target typically gives, where labels go together; the product of their sizes if left out."""
    since: Version | None = None
    """The first exporter version that gives it; None for as long as capgen's oldest supported one."""
    until: Version | None = None
    """The last exporter version that gives it."""
    flag: Text = ""
    """The exporter's flag or setting that it needs; "" when it is on by default."""
    required: bool = False
    """Whether it is always there while the target is up, so that its absence is an alert."""
    absent: Text
    """What it means when no such series exists."""
    job: Word | None = None
    """The key in the exporter's `jobs` that gives this metric; None for the source's own job."""
    buckets: list[float] = Field(default_factory=list)
    """A histogram's upper bounds where the library fixes them; a threshold above the last can never fire."""


class Param(Model):
    """A value that a spec may set for a signal, used in its expression as `$name`."""

    unit: UnitName
    default: Quantity | None = None
    """None: without it the plain `expr` is used, with it the variant that names it."""
    about: Text = ""


class Variant(Model):
    """Another expression for the same signal, used when its condition holds; the first that does wins."""

    expr: PromQL
    given: Word | None = None
    """The param that the spec has to set."""
    since: Version | None = None
    """The exporter's version (as the source declares it) from which it is used."""
    until: Version | None = None


class SignalDef(Model):
    """One signal: a PromQL expression with `$selector`, `$window`, `$replicas` and params, and its levels."""

    title: Text
    about: Text = ""
    action: Text
    """What to do when it gets worse, for the reader of a page: one or two sentences."""
    expr: PromQL
    variants: list[Variant] = Field(default_factory=list)
    unit: UnitName
    record: Annotated[str, Field(pattern=rf"^{naming.WORD}$(?!\n)")]
    """The operation in the record's name: `ratio_rate5m` would lie when the window differs; `ratio` does not."""
    worse: Literal["above", "below"] = "above"
    ladder: Word = "utilisation"
    levels: dict[Word, Quantity | None] = Field(default_factory=dict)
    """Where each level begins; without any, the signal is recorded and shown but alerts nobody."""
    for_: Duration = Field(default=300.0, alias="for")
    keep_firing_for: Duration | None = None
    params: dict[Word, Param] = Field(default_factory=dict)
    traffic: PromQL | None = None
    """Events a second by the same labels: below `min_traffic` of them the levels say nothing."""
    min_traffic: Count = 0.0
    unbounded: bool = False
    """Whether a ratio may pass 100 % (use against a request)."""
    of_request: Literal["cpu", "memory"] | None = None
    """The resource whose use against the request it is: what an HPA's utilisation target is compared with."""
    section: Section | None = None
    """The part of a dashboard that it is shown in; the exporter's, or what its unit and ladder suggest, if left out."""
    detail: bool = False
    """Whether it is shown only when that part is opened; one without levels is."""
    opposite: Word | None = None
    """The exporter's signal for the other direction (what is sent, of what is received): drawn downwards in this
    one's panel."""
    downwards: Annotated[dict[LabelName, Text], Field(max_length=1)] = Field(default_factory=dict)
    """The label, and its value, of the series that are the other direction where one signal has both: drawn downwards."""
    share: Word | None = None
    """The exporter's signal that is this amount's share of its limit: its levels are drawn as amounts beside this one."""
    default: bool = True
    """Whether a source brings it unasked; False for what needs a flag or a declared capacity."""


class Exporter(Model):
    """One exporter, instrumentation library or component that gives metrics."""

    exporter: Word
    title: Text
    about: Text = ""
    link: Text = ""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    path: Text = "/metrics"
    oldest: Version | None = None
    """The oldest version that the metrics below were checked against."""
    newest: Version | None = None
    jobs: dict[Word, Text] = Field(default_factory=dict)
    """For components spread over several scrape jobs: a key a job, with the job's customary name."""
    existing: bool = False
    """Whether it is usually scraped already (a cluster's kubelet, kube-state-metrics)."""
    open_labels: bool = False
    """Whether applications add labels of their own to these metrics."""
    target_labels: list[LabelName] = Field(default_factory=list)
    """Labels that discovery puts on every series beside `job` and `instance`."""
    params: dict[Word, LabelName] = Field(default_factory=dict)
    """Settings of a source with their defaults (a label's name), used in expressions as `$name`."""
    section: Section | None = None
    """The part of a dashboard that its signals are shown in, unless one says otherwise."""
    metrics: dict[MetricName, Metric]
    signals: dict[Word, SignalDef] = Field(default_factory=dict)


class Ladder(Model):
    """Ordered levels, mildest first, each with the severity it has unless a spec says otherwise."""

    about: Text = ""
    levels: dict[Word, Literal["none", "info", "warning", "critical", "emergency"]]


class Ladders(Model):
    """The file `ladders.yaml`."""

    ladders: dict[Word, Ladder]
