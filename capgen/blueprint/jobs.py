"""Jobs, compiled: what a scheduled script measures, asks, scales or recommends, with every number in it.

A job is one script, one lock and one task. Its limits are the levels of the spec's signals; what a script cannot
read on its own machine comes with the PromQL that asks for it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from capgen.blueprint.notifications import Secret
from capgen.blueprint.origin import Origin, Severity

Reading: TypeAlias = Literal[
    "cpu", "memory", "swap", "swap_activity", "disk_io", "disk_space", "inodes", "network", "file_descriptors",
]  # fmt: skip
"""What a script reads on its own machine: /proc, and `df` for file systems."""


class Limit(Struct, frozen=True):
    """A level that somebody is told of."""

    level: str
    severity: Severity
    threshold: float


class Measured(Struct, frozen=True):
    """A signal as a script sees it: read on the machine (`reading`), or asked of Prometheus (`query`)."""

    signal: str
    title: str
    action: str
    runbook: str
    unit: str
    worse: Literal["above", "below"]
    limits: tuple[Limit, ...]
    for_: float
    keep_firing_for: float
    hysteresis: float
    query: str
    floor: bool
    """Whether the query is without an answer while there is too little traffic."""
    reading: Reading | None
    capacity: float
    """What 100 % is, for a network reading; 0 where the device knows."""


class Watch(Struct, frozen=True):
    """Tells of the levels of signals."""

    measures: tuple[Measured, ...]


class Counters(Struct, frozen=True):
    """The counter of requests on a metrics page, and which of them are errors."""

    metric: str
    label: str
    pattern: str
    min_traffic: float
    errors: Measured
    """The signal of the errors' share, whose levels are judged."""


class Probe(Struct, frozen=True):
    """Asks an HTTP service from outside."""

    url: str
    health: str
    metrics: str
    """The path of its metrics; "" for none."""
    slower_than: float
    """From when on an answer is slow; 0 for never."""
    counters: Counters | None
    runbook: str = ""


class Object(Struct, frozen=True):
    """A workload as kubectl and RBAC name it."""

    kind: str
    group: str
    version: str
    plural: str
    namespace: str
    name: str


class ScaleTarget(Struct, frozen=True):
    """What is held at `target`: a share of requests (cpu, memory), or a signal as it is or for each replica."""

    name: str
    title: str
    unit: str
    target: float
    of: Literal["request", "each", "whole"]
    query: str
    container: str = ""


class Step(Struct, frozen=True):
    """How far one run may go in one direction, and how long it waits."""

    pods: int
    percent: int
    wait: float
    forbidden: bool


class Scale(Struct, frozen=True):
    """Moves a workload's replicas between two bounds."""

    workload: Object
    fewest: int
    most: int
    targets: tuple[ScaleTarget, ...]
    up: Step
    down: Step


class Bounds(Struct, frozen=True):
    """What may be recommended for one container (`*`: any other one). Amounts are Kubernetes' base units, 0 for none."""

    container: str
    left_alone: bool
    cpu: tuple[float, float]
    memory: tuple[float, float]
    limits_follow: bool


class Resize(Struct, frozen=True):
    """Compares use with requests, and recommends or sets what they should be."""

    workload: Object
    apply: bool
    bounds: tuple[Bounds, ...]
    aim_cpu: float
    """The share of its request that a container shall use."""
    aim_memory: float
    query_cpu: str
    query_memory: str
    """PromQL for each container's use as a share of its request; "" where only the metrics API knows."""


HELD = "CAPGEN_PROMETHEUS"
"""A reporting pod's variable for a key of a Secret that the Prometheus wants."""


class Report(Struct, frozen=True):
    """Has capgen write a report. `files` are what it is made from where there is no project: paths and texts."""

    period: str
    files: tuple[tuple[str, str], ...] = ()
    secret: Secret | None = None
    """What the Prometheus wants of who asks it."""


Task: TypeAlias = "Watch | Probe | Scale | Resize | Report"


class Job(Struct, frozen=True):
    """A scheduled script."""

    name: str
    schedule: str
    timeout: float
    task: Task
    origin: Origin


class JobDelivery(Struct, frozen=True):
    """How an environment runs jobs."""

    form: Literal["crontab", "cronjob", "none"]
    folder: str
    image: str
    report_image: str
    """The image of a CronJob that reports, "" where nobody named one."""
    secret: str
    time_zone: str
    prometheus: str
    """Its URL, "" for none."""
    headers: tuple[tuple[str, str], ...]
    """What a question to it carries, by name."""


class CronEntry(Struct, frozen=True):
    """A line of an environment's crontab. All of it is checked text: a schedule, DNS labels, whole seconds."""

    service: str
    job: str
    schedule: str
    timeout: int
    report: str
    """The period of a report, "" for a script."""


NO_JOBS = JobDelivery("none", "", "", "", "", "", "", ())
