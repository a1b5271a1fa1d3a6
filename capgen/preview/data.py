"""What a panel's query asks for and what answers it: the protocol between a dashboard and its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from capgen.preview.variables import Variable, Window


class QueryFailed(Exception):
    """The data source refused one query; the message is its own. The panel shows it, the others go on."""


class Query(Struct, frozen=True):
    """One target of a panel, ready to be asked."""

    ref_id: str
    expr: str
    legend: str
    format: Literal["time_series", "table", "heatmap"]
    instant: bool
    step: float


class Series(Struct, frozen=True):
    """One series of an answer; times in seconds, None where there is no value."""

    labels: dict[str, str]
    times: tuple[float, ...]
    values: tuple[float | None, ...]


class StandingAlert(Struct, frozen=True):
    """An alert that fires, or is about to."""

    name: str
    state: Literal["firing", "pending"]
    labels: dict[str, str]
    summary: str
    since: float


class DataSource(Protocol):
    """Where a preview's data comes from."""

    @property
    def title(self) -> str:
        """What the page says of it."""
        ...

    def choices(self, declared: dict[str, Any], variables: Sequence[Variable]) -> tuple[str, ...]:
        """The values of a query variable. Raises QueryFailed."""
        ...

    def ask(self, query: Query, panel: dict[str, Any], window: Window) -> tuple[Series, ...]:
        """The series of a query. Raises QueryFailed."""
        ...

    def marks(self, query: Query, window: Window) -> tuple[Series, ...]:
        """The series of an annotation's query: there is something at each sample. Raises QueryFailed."""
        ...

    def alerts(self) -> tuple[StandingAlert, ...]:
        """What fires. Raises QueryFailed."""
        ...
