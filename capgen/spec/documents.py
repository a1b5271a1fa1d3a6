"""The three kinds of document: a service's Capacity, the Defaults beneath them, an Environment they go to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from capgen.fields import Duration, KubeLabelKey, KubeLabelValue, LabelName, LabelValue, Model, Name, Text, Word
from capgen.spec.notifications import AlertmanagerSpec, PagesSpec, ReceiverSpec
from capgen.spec.operations import JobSpec, PlanningSpec, ReportsSpec, SecretRef, Url
from capgen.spec.sections import BudgetSpec, SignalName, SignalSpec, SourceSpec, WorkloadSpec

ApiVersion = Literal["capgen/v1"]


class Metadata(Model):
    """Who the service is and who owns it."""

    name: Annotated[Name, Field(examples=["apm"])]
    """The service's name: a folder under `generated/`, and the `service` label."""
    title: Text | None = None
    """What people call it; the name if left out."""
    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,62}$(?!\n)")] | None = None
    """The team that is paged: the `team` label of every alert."""
    runbook: Url | None = None
    """Where people read what to do; the link in every alert."""
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """Labels put on every alert."""
    environments: Annotated[list[Name], Field(min_length=1)] = Field(default_factory=list)
    """Where it goes; everywhere if left out."""


class DefaultMetadata(Model):
    """What every Capacity's metadata starts from."""

    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,62}$(?!\n)")] | None = None
    """The team that is paged where a Capacity names none."""
    runbook: Url | None = None
    """The runbook where a Capacity names none."""
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """Labels put on every alert."""


class PrometheusSpec(Model):
    """How the Prometheus that evaluates the rules works."""

    scrape_interval: Duration | None = None
    """How often targets are scraped unless a source says otherwise."""
    evaluation_interval: Duration | None = None
    """How often rules are evaluated."""
    replica_labels: list[LabelName] = Field(default_factory=list)
    """Labels that tell the members of a highly available pair apart."""
    version: (
        Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?$(?!\n)", examples=["2.45"])] | None
    ) = None
    """The oldest Prometheus that has to take the result; 2.45 if left out."""


class Capacity(Model):
    """One service: what is measured, where it gets worse, how it scales, what it costs."""

    api_version: Annotated[ApiVersion, Field(alias="apiVersion")]
    kind: Literal["Capacity"]
    metadata: Metadata
    prometheus: PrometheusSpec | None = None
    """Where this service's Prometheus differs from the defaults'."""
    sources: dict[Word, SourceSpec] = Field(default_factory=dict)
    """What is scraped, by a name of one's own."""
    signals: dict[SignalName, SignalSpec | None] = Field(default_factory=dict)
    """Where each signal gets worse, by `<source>.<signal>`; null removes one of the catalogue's."""
    workloads: dict[Name, WorkloadSpec] = Field(default_factory=dict)
    """What runs in the cluster and who scales it, by name."""
    jobs: dict[Name, JobSpec] = Field(default_factory=dict)
    """Scheduled scripts, by name."""
    notify: dict[Word, ReceiverSpec] = Field(default_factory=dict)
    """Receivers of notifications, by name."""
    planning: PlanningSpec | None = None
    """What forecast, plans and budget are made from."""
    reports: ReportsSpec | None = None
    """When which report is made."""
    budget: BudgetSpec | None = None
    """What its rules may cost Prometheus."""


class Defaults(Model):
    """What every Capacity in this folder, and in the folders below it, starts from."""

    api_version: Annotated[ApiVersion, Field(alias="apiVersion")]
    kind: Literal["Defaults"]
    metadata: DefaultMetadata | None = None
    prometheus: PrometheusSpec | None = None
    sources: dict[Word, SourceSpec] = Field(default_factory=dict)
    """Sources that every Capacity has."""
    signals: dict[SignalName, SignalSpec | None] = Field(default_factory=dict)
    """What every Capacity says of a signal."""
    notify: dict[Word, ReceiverSpec] = Field(default_factory=dict)
    """Receivers that every Capacity has."""
    reports: ReportsSpec | None = None
    """When which report is made."""
    budget: BudgetSpec | None = None
    """What the rules of each Capacity may cost Prometheus."""


class EnvironmentMetadata(Model):
    """The environment's name: a folder under `generated/`."""

    name: Annotated[Name, Field(examples=["production"])]


class OwnershipSpec(Model):
    """What is done about a field that somebody else holds with another value; without one it is a conflict."""

    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$(?!\n)", examples=["HorizontalPodAutoscaler"])]
    """The kind of the object."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$(?!\n)")] | None = None
    """The object's name; every object of the kind if left out."""
    field: Annotated[
        str,
        Field(
            pattern=r"""^(\.[A-Za-z0-9_/-]{1,128}|\[([^"\]\n]|"([^"\\\n]|\\.)*"){1,300}\])+$(?!\n)""",
            examples=[".spec.maxReplicas"],
        ),
    ]
    """The field, as `capgen diff` shows it."""
    policy: Literal["yield", "take"]
    """Leave it to whoever holds it, or take it from them."""


class KubernetesSpec(Model):
    """The cluster that manifests are applied to."""

    context: Text | None = None
    """The context of the kubeconfig; the current one if left out."""
    namespace: Name
    """Where monitoring objects go."""
    server: Url | None = None
    """The API server's URL, as a guard against the wrong cluster."""
    uid: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$(?!\n)")] | None = None
    """The UID of the namespace kube-system, as a guard against the wrong cluster."""
    ownership: list[OwnershipSpec] = Field(default_factory=list)
    """What is done about fields that others hold, reviewed like everything else."""


class DirectorySpec(Model):
    """The folder that files are applied to."""

    root: Annotated[str, Field(pattern=r"^[^\x00\n]{1,1023}$(?!\n)")]
    """The folder; a relative one is taken from beside the specs' folder."""


class DeliverSpec(Model):
    """In which form each artifact is delivered."""

    prometheus: Literal["files", "operator", "configmap"] = "files"
    """Files, the operator's objects, or files in a ConfigMap."""
    grafana: Literal["files", "sidecar", "operator", "none"] = "files"
    """Files, ConfigMaps for the sidecar, or the operator's objects."""
    jobs: Literal["crontab", "cronjob", "none"] = "crontab"
    """A crontab with scripts, or CronJobs."""
    alertmanager: Literal["files", "operator", "none"] = "files"
    """Files, or the operator's objects."""
    metrics: Literal["adapter", "keda", "none"] = "adapter"
    """What serves signals to autoscalers: rules for prometheus-adapter, KEDA's ScaledObjects, or nothing."""


Image = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9._:/@-]{0,254}$(?!\n)")]


class RunSpec(Model):
    """Where and how an environment runs the jobs."""

    image: Image = "alpine/k8s:1.36.0"
    """The image of CronJobs: any that has sh, awk, curl and kubectl."""
    report_image: Annotated[Image, Field(examples=["registry.example.com/capgen:1.0"])] | None = None
    """The image of CronJobs that make reports: any that has capgen, sh, awk and curl; no report is made without one."""
    secret: Name = "capgen-notify"  # noqa: S105 (its name)
    """The Secret, in the CronJobs' namespace, that holds what receivers look for in the environment (`env:`)."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$(?!\n)", examples=["Europe/Berlin"])] | None = None
    """The time zone that schedules are meant in: CronJobs run in it, a host is expected to."""
    folder: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]{0,255}$(?!\n)")] = "/opt/capgen"
    """Where the environment's files lie on the host whose crontab runs the scripts."""


class BasicAuth(Model):
    """A user and a password."""

    username: Annotated[str, Field(pattern=r"^[!-9;-~]{1,256}$(?!\n)")]
    """The user."""
    password: SecretRef
    """Where the password is found."""


class ServerAuth(Model):
    """Who asks the server: one of both."""

    bearer: SecretRef | None = None
    """Where a bearer token is found."""
    basic: BasicAuth | None = None
    """A user and a password."""


class GrafanaSpec(Model):
    """The environment's Grafana: where people open it, and how it takes dashboards."""

    url: Url | None = None
    """Its address, for the links in alerts and for `capgen status`."""
    auth: ServerAuth | None = None
    """Who asks it."""
    dashboards: Literal["classic", "v2"] = "classic"
    """The form of the JSON: what every Grafana from 11 on takes, or the object of Grafana 13's API."""
    folder: Text | None = None
    """The folder that the dashboards lie in."""
    path: Annotated[str, Field(pattern=r"^[^\x00\n]{1,1023}$(?!\n)")] | None = None
    """Where Grafana itself finds the delivered files; the environment's directory if left out."""
    datasource: Text | None = None
    """The Prometheus data source that is chosen at first; Grafana's default if left out."""
    refresh: Duration = 60.0
    """How often an open dashboard asks again."""
    labels: dict[KubeLabelKey, KubeLabelValue] = Field(default_factory=lambda: {"grafana_dashboard": "1"})
    """The labels by which the sidecar finds a ConfigMap."""
    instances: dict[KubeLabelKey, KubeLabelValue] = Field(default_factory=lambda: {"dashboards": "grafana"})
    """The labels by which the operator finds its Grafanas."""


class TriggerAuthSpec(Model):
    """An object of KEDA's that has what `prometheus.auth` refers to, for its own questions."""

    name: Name
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] = "TriggerAuthentication"
    """Of each workload's own namespace, or of the cluster."""


HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$(?!\n)", title="a header's name", examples=["X-Scope-OrgID"])
]
HeaderValue = Annotated[
    str,
    Field(
        pattern=r"^[!-+.-~-]([ -+.-~-]{0,254}[!-+.-~-])?$(?!\n)",
        title="a header's value",
        description="Printable ASCII without commas, which separate headers elsewhere.",
        examples=["team-a|team-b"],
    ),
]


class PrometheusEndpoint(PrometheusSpec):
    """The environment's Prometheus: how it works and where it is."""

    url: Url | None = None
    """Its address, for queries."""
    auth: ServerAuth | None = None
    """Who asks it."""
    trigger_authentication: TriggerAuthSpec | None = None
    """Where KEDA finds its login, where it serves signals and the server wants one."""
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=16)] = Field(
        default_factory=dict, examples=[{"X-Scope-OrgID": "team-a"}]
    )
    """What every question carries beside it: the tenant of a Mimir or Cortex, say. No secrets: these stand in files and logs."""
    reload: Url | None = None
    """Where a POST makes it read its configuration again."""
    labels: dict[KubeLabelKey, KubeLabelValue] = Field(default_factory=dict)
    """Labels that its operator's selectors want on monitoring objects."""


class Environment(Model):
    """A place that specs are delivered to, with what is different there."""

    api_version: Annotated[ApiVersion, Field(alias="apiVersion")]
    kind: Literal["Environment"]
    metadata: EnvironmentMetadata
    project: Name | None = None
    """The project's name, which what is delivered is kept under: it tells two projects apart that call things alike, and
    stays when services are renamed."""
    kubernetes: KubernetesSpec | None = None
    """The cluster, where it is one."""
    directory: DirectorySpec | None = None
    """The folder, where it is one."""
    deliver: DeliverSpec = Field(default_factory=DeliverSpec)
    """In which form each artifact is delivered."""
    jobs: RunSpec = Field(default_factory=RunSpec)
    """Where and how it runs the jobs."""
    prometheus: PrometheusEndpoint | None = None
    """The environment's Prometheus."""
    budget: BudgetSpec | None = None
    """What the rules of all services together may cost its Prometheus."""
    grafana: GrafanaSpec = Field(default_factory=GrafanaSpec)
    """The environment's Grafana."""
    alertmanager: AlertmanagerSpec | None = None
    """The environment's Alertmanager."""
    pages: PagesSpec | None = None
    """Where people read the generated pages: alerts link to them."""
    overrides: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """By Capacity: a piece of one, laid over it in this environment alone."""


KINDS: dict[str, type[Capacity] | type[Defaults] | type[Environment]] = {
    "Capacity": Capacity,
    "Defaults": Defaults,
    "Environment": Environment,
}
