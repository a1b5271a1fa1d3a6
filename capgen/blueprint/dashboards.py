"""A dashboard as capgen thinks of it: neither Grafana's classic JSON nor its v2, so that both come from one.

Places are not in it: a panel has a size, and the renderers lay rows out. Texts are what Grafana shall show, already
safe for the place they go to (Markdown in descriptions, plain in titles).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from capgen.blueprint.origin import Labels, Origin

PanelType: TypeAlias = Literal[
    "timeseries", "stat", "bargauge", "heatmap", "state-timeline", "table", "alertlist", "text"
]  # fmt: skip


class Target(Struct, frozen=True):
    """One query. `legend` names its series by their labels: `{{instance}}`."""

    expr: str
    legend: str = ""
    instant: bool = False
    format: Literal["time_series", "table", "heatmap"] = "time_series"


class Step(Struct, frozen=True):
    """From `value` on a panel is of this colour; the first step has None and is everything below."""

    color: str
    value: float | None


class Override(Struct, frozen=True):
    """What is different about some series: by name, by a pattern of names, or by the query's letter."""

    by: Literal["byName", "byRegexp", "byFrameRefID"]
    which: str
    properties: tuple[tuple[str, Any], ...]


class ValueText(Struct, frozen=True):
    """A value that is shown as a word, so that its colour is not all that tells."""

    value: str
    text: str
    color: str


class Link(Struct, frozen=True):
    """A link of a panel or of the whole dashboard."""

    title: str
    url: str


class Transformation(Struct, frozen=True):
    """What happens to a query's result before it is shown."""

    id: str
    options: Mapping[str, Any]


class Panel(Struct, frozen=True):
    """One panel. `key` is what its id comes from: a signal's id, or a name that no signal can have."""

    key: str
    id: int
    type: PanelType
    title: str
    description: str
    width: int
    height: int
    targets: tuple[Target, ...] = ()
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    soft_maximum: float | None = None
    decimals: int | None = None
    steps: tuple[Step, ...] = ()
    values: tuple[ValueText, ...] = ()
    """Words for single values."""
    overrides: tuple[Override, ...] = ()
    transformations: tuple[Transformation, ...] = ()
    links: tuple[Link, ...] = ()
    data_links: tuple[Link, ...] = ()
    """Links of a value or a table's row."""
    stepped: bool = False
    """Whether a value holds until the next one: replicas, not rates."""
    named: bool = False
    """Whether a stat shows the name of its series beside the value."""
    content: str = ""
    """The Markdown of a text panel."""
    matching: str = ""
    """The label matchers of an alert list."""
    no_value: str = ""
    """What is shown where there is no data; Grafana's own words if empty."""
    signal: str = ""
    """The id of the signal that it is the panel of; "" for the others."""
    exempt: tuple[tuple[str, str], ...] = ()
    """Rules of the dashboard linter that it cannot keep, each with the reason."""


class Row(Struct, frozen=True):
    """A titled row of panels; a collapsed one loads nothing until it is opened."""

    key: str
    id: int
    title: str
    panels: tuple[Panel, ...]
    band: int
    """Its place among all rows that there could be, so that a row that comes or goes moves no other."""
    collapsed: bool = False


class Variable(Struct, frozen=True):
    """A choice at the top of the dashboard, filled by a query."""

    name: str
    label: str
    query: str


class Annotation(Struct, frozen=True):
    """A mark in time on all panels, from a query."""

    name: str
    expr: str
    color: str
    title: str
    text: str
    tags: str


class TagLink(Struct, frozen=True):
    """A link to all dashboards with these tags."""

    title: str
    tags: tuple[str, ...]
    dropdown: bool


class Dashboard(Struct, frozen=True):
    """A dashboard of a service, or of a fleet (then `service` is "")."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    service: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    tag_links: tuple[TagLink, ...]
    links: tuple[Link, ...]
    since: str
    """How far back it looks: `now-6h`."""
    refresh: str
    origin: Origin


class Grafana(Struct, frozen=True):
    """How an environment takes its dashboards."""

    deliver: Literal["files", "sidecar", "operator", "none"] = "none"
    schema: Literal["classic", "v2"] = "classic"
    url: str = ""
    """Where people open Grafana; "" where nobody said, and then no alert links there."""
    folder: str = ""
    path: str = ""
    """Where Grafana finds the delivered files."""
    datasource: str = ""
    """The Prometheus data source that is chosen at first; "" for Grafana's default."""
    refresh: str = "1m"
    labels: Labels = ()
    """What the sidecar looks for on a ConfigMap."""
    instances: Labels = ()
    """What the operator looks for on a Grafana."""


NO_GRAFANA = Grafana()
"""For an environment that takes no dashboards."""
