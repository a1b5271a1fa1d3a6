"""Links each alert to what shows it: the panel of its signal, by Grafana's own annotations and as an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capgen.blueprint import Alert, Group
from capgen.blueprint.dashboards import Dashboard
from capgen.blueprint.origin import Labels

UID, PANEL, URL = "__dashboardUid__", "__panelId__", "dashboard_url"
"""Grafana's names for the two that it takes together, and the customary one for people."""


def link_alerts(groups: Sequence[Group], dashboard: Dashboard | None, url: str) -> tuple[Group, ...]:
    """The groups, with links in their alerts. `url` is Grafana's address, "" where nobody gave it; without a
    dashboard there is nothing to link to."""
    if dashboard is None:
        return tuple(groups)
    panels = {panel.signal: panel.id for row in dashboard.rows for panel in row.panels if panel.signal}
    return tuple(
        Group(
            group.name, group.interval, group.records,
            tuple(_linked(alert, dashboard.uid, panels, url) for alert in group.alerts),
            group.signal, group.scrape, group.origin, group.ahead,
        )
        for group in groups
    )  # fmt: skip


def _linked(alert: Alert, uid: str, panels: Mapping[str, int], url: str) -> Alert:
    panel = panels.get(alert.signal) if alert.kind in ("level", "ahead", "budget") else None
    links: list[tuple[str, str]] = [] if panel is None else [(UID, uid), (PANEL, str(panel))]
    if url:
        links.append((URL, address_of(url, uid, panel)))
    annotations: Labels = tuple(sorted((*alert.annotations, *links)))
    # Written out, since `replace` takes several times as long, and there are thousands.
    return Alert(
        alert.name, alert.expr, alert.for_, alert.keep_firing_for, alert.labels, annotations, alert.kind, alert.signal,
        alert.level,
    )  # fmt: skip


def address_of(url: str, uid: str, panel: int | None) -> str:
    """Where Grafana shows a dashboard, or one panel of it. Prometheus shall print a brace and not run it."""
    address = f"{url}/d/{uid}" + (f"?viewPanel={panel}" if panel is not None else "")
    return address.replace("{", "%7B").replace("}", "%7D")
