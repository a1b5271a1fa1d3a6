"""The parts of a Capacity that run by the clock or look ahead: jobs, planning, reports; and where secrets are found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from capgen import naming
from capgen.fields import WHOLE, Bytes, Cores, Duration, Model, Name, Quantity, Ratio, Text, Word
from capgen.spec.sections import HttpPath, SignalName

Cron = Annotated[
    str,
    Field(
        pattern=r"^(@(hourly|daily|weekly|monthly|yearly)|[0-9A-Za-z*/,\-?#]+( [0-9A-Za-z*/,\-?#]+){4})$(?!\n)",
        title="a cron schedule",
        examples=["*/5 * * * *"],
    ),
]
Url = Annotated[
    str,
    Field(
        pattern=r"^https?://[!-.0-?A-~]{1,1000}([/?#][!-~]{0,1000})?$(?!\n)",
        title="an http(s) URL",
        description="Without a user and password: they are secrets.",
        examples=["http://localhost:8080"],
    ),
]
Money = Annotated[float, Field(ge=0, title="an amount of money", examples=[150])]
Months = Annotated[int, Field(ge=1, le=600), WHOLE]
MonthList = list[Annotated[int, Field(ge=1, le=600), WHOLE]]


class SecretRef(Model):
    """Where a secret is found; never the secret itself."""

    env: Annotated[str, Field(pattern=rf"^{naming.LABEL_NAME}$(?!\n)", examples=["SLACK_WEBHOOK_URL"])] | None = None
    """A variable of the environment."""
    file: Annotated[str, Field(pattern=r"^/[^\x00\n]{1,1023}$(?!\n)")] | None = None
    """A mounted file."""
    secret: SecretKey | None = None
    """A key of a Secret."""


class SecretKey(Model):
    """A key of a Kubernetes Secret."""

    name: Name
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$(?!\n)")]


class ProbeSpec(Model):
    """An HTTP service that is asked from outside."""

    url: Url
    """The service's address."""
    health: HttpPath = "/"
    """The path that says whether it is well."""
    metrics: HttpPath | None = None
    """The path of its metrics."""
    slower_than: Duration | None = None
    """From when on an answer is slow."""


class JobSpec(Model):
    """A scheduled script: exactly one of `watch`, `probe`, `scale`, `resize`."""

    schedule: Cron
    """When it runs."""
    watch: list[SignalName] = Field(default_factory=list)
    """Signals whose levels it tells of."""
    probe: ProbeSpec | None = None
    """An HTTP service that it asks."""
    scale: Name | None = None
    """The workload that it scales."""
    resize: Name | None = None
    """The workload whose requests it recommends."""
    apply: bool = False
    """Whether a `resize` job writes what it recommends."""
    timeout: Duration | None = None
    """How long it may run."""


class ForecastSpec(Model):
    """How much history is looked at, and how far ahead."""

    history: Duration | None = None
    """How much history is looked at."""
    horizon: Duration | None = None
    """How far ahead."""


class NodeSpec(Model):
    """The size of one node."""

    cpu: Cores
    memory: Bytes


class UsedSpec(Model):
    """How much of the nodes is in use today."""

    cpu: Ratio
    memory: Ratio


class GrowthSpec(Model):
    """Growth a month: percentage points of the whole, percent of what is used, or as a signal's history says."""

    points: Annotated[float, Field(ge=-100, le=100)] | None = None
    percent: Ratio | None = None
    signal: SignalName | None = None
    """The signal whose drift over whole weeks says it."""


class GrowthByResource(Model):
    """Growth a month of each resource."""

    cpu: GrowthSpec
    memory: GrowthSpec


class ComputePlan(Model):
    """Nodes: how many, how large, how full, and how that grows."""

    nodes: Annotated[int, Field(ge=1, le=1_000_000), WHOLE]
    """How many there are."""
    node: NodeSpec
    """How large each is."""
    used: UsedSpec
    """How full they are."""
    growth: GrowthByResource
    """How that grows a month."""
    keep_below: Ratio
    """The most that may be in use."""
    months: Months
    """How far ahead."""
    spare_nodes: Annotated[int, Field(ge=0, le=1000), WHOLE] = 0
    """Nodes kept free for failures."""
    reserved: Ratio | None = None
    """The share of each node that the system keeps."""


class StorageVolume(Model):
    """One volume: how full, how it grows, how large it is."""

    size: Bytes
    """What is stored today."""
    growth: Ratio | None = None
    """How that grows a month."""
    volume: Bytes | None = None
    """How much fits."""
    signal: SignalName | None = None
    """The signal that measures it."""
    step: Bytes | None = None
    """In which steps the volume is made larger."""
    retention: Duration | None = None
    """How long it is kept today."""
    keep: list[Duration] = Field(default_factory=list, examples=[["30d", "14d"]])
    """Shorter retentions, to see what each would save."""
    lead_time: Duration | None = None
    """How long before it is full somebody is told, by its signal's drift over whole weeks."""


class AddInstances(Model):
    """Instances added in some months."""

    instances: Annotated[int, Field(ge=1, le=1_000_000), WHOLE]
    months: MonthList


class AddCapacity(Model):
    """Storage added in some months."""

    capacity: Bytes
    months: MonthList
    price: Money | None = None


class ComputeCost(Model):
    """What compute costs a month."""

    instances: Annotated[int, Field(ge=0, le=1_000_000), WHOLE]
    each: Money
    growth: Ratio | None = None
    signal: SignalName | None = None
    """The signal that it grows with, instead of `growth`."""
    add: AddInstances | None = None


class StorageCost(Model):
    """What storage costs a month, item by item."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Money]

    growth: Ratio | None = None
    signal: SignalName | None = None
    """The signal that it grows with, instead of `growth`."""
    add: AddCapacity | None = None


class Budget(Model):
    """What may be spent a month, and when to say so."""

    monthly: Money
    """What may be spent a month."""
    alert_at: Ratio | list[Ratio] | None = None
    """The share, or shares, of it at which to say so."""


class RetentionCut(Model):
    """What is kept for a shorter time."""

    from_: Annotated[Duration, Field(alias="from")]
    """How long it is kept today."""
    to: Duration
    """How long it would be kept."""


class CostOption(Model):
    """A way to save: how much of what. Either `saves` or `retention`."""

    saves: Ratio | None = None
    """The share that is saved of what is covered."""
    of: Word
    """The part: compute, storage, network, monitoring."""
    item: Word | None = None
    """The one item of the part that it is about."""
    covers: Ratio | None = None
    """How much of it is covered; all if left out."""
    term: Months | None = None
    """For how many months today's amount is committed to (reserved): growth above it saves nothing."""
    retention: RetentionCut | None = None
    """Saves in proportion to the time that is no longer kept."""
    note: Text | None = None


class CostPlan(Model):
    """What the service costs a month, and how that grows."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$(?!\n)")]
    """Three letters."""
    months: Months
    """How far ahead."""
    compute: ComputeCost | None = None
    storage: StorageCost | None = None
    network: dict[Word, Money] = Field(default_factory=dict)
    """Amounts a month, by item."""
    monitoring: dict[Word, Money] = Field(default_factory=dict)
    """Amounts a month, by item."""
    budget: Budget | None = None
    options: dict[Word, CostOption] = Field(default_factory=dict)
    """Ways to save, by name."""
    source: Text | None = None
    """Where the prices are from: a price list, a contract, a bill."""
    as_of: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)", examples=["2026-11-01"])] | None = None
    """The day the prices were true."""


class RoadmapItem(Model):
    """One piece of work, and the signal it should move."""

    title: Text
    owner: Text | None = None
    status: Literal["planned", "doing", "done", "dropped"] = "planned"
    moves: SignalName | None = None


class RoadmapQuarter(Model):
    """What is planned for a quarter, by theme."""

    quarter: Annotated[str, Field(pattern=r"^([0-9]{4}-)?Q[1-4]$(?!\n)", examples=["Q1", "2027-Q1"])]
    themes: dict[Text, list[Text | RoadmapItem]]


class PlanningSpec(Model):
    """What forecast, plans and budget are made from."""

    capacity: dict[SignalName, Quantity] = Field(default_factory=dict)
    lead_time: dict[SignalName, Duration] = Field(default_factory=dict, examples=[{"app.throughput": "14d"}])
    """How long before a signal is at its capacity (without one: at the level that calls) somebody is told, by its drift
    over whole weeks."""
    forecast: ForecastSpec | None = None
    compute: ComputePlan | None = None
    storage: dict[Word, StorageVolume] = Field(default_factory=dict)
    cost: CostPlan | None = None
    roadmap: list[RoadmapQuarter] = Field(default_factory=list)


class ReportSpec(Model):
    """When a report is made."""

    schedule: Cron


class ReportsSpec(Model):
    """The reports by period."""

    daily: ReportSpec | None = None
    weekly: ReportSpec | None = None
    monthly: ReportSpec | None = None
    quarterly: ReportSpec | None = None
