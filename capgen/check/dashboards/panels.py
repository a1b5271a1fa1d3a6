"""Walks over the panels of a service's dashboards, each with the words of the spec that it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.blueprint.dashboards import Dashboard, Panel
from capgen.yamlio import Path

NAME: Path = ("metadata", "name")


def panels(blueprint: Blueprint) -> Iterator[tuple[Panel, Dashboard, Path]]:
    """Every panel, its dashboard, and the path of its signal (the service's name for those of no signal)."""
    for dashboard in blueprint.dashboards:
        for row in dashboard.rows:
            for panel in row.panels:
                yield panel, dashboard, ("signals", panel.signal) if panel.signal else NAME
