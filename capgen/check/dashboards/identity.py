"""A uid that Grafana does not take, or an id that two panels share: the dashboard is missing, or one panel is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.blueprint.dashboards import Panel, Row
from capgen.check.dashboards.panels import NAME
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.naming import MAX_UID
from capgen.spec.parse import Spec

CODE = "CG612"
_UID = re.compile(r"[A-Za-z0-9_-]+")


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """Uids are short words; ids are positive, and each is used once in its dashboard."""
    for dashboard in blueprint.dashboards:
        if not _UID.fullmatch(dashboard.uid) or len(dashboard.uid) > MAX_UID:
            message = f"{dashboard.uid!r} is no uid for Grafana"
            yield finding(spec, CODE, message, NAME, f"1 to {MAX_UID} letters, digits, hyphens and underscores")
        taken: dict[int, str] = {}
        items: list[Row | Panel] = [*dashboard.rows, *(panel for row in dashboard.rows for panel in row.panels)]
        for item in items:
            earlier = taken.setdefault(item.id, item.key)
            if earlier != item.key or not 0 < item.id < 2**31:
                message = f"{earlier} and {item.key} of {dashboard.title!r} have the id {item.id}"
                yield finding(spec, CODE, message, NAME, "rename one of the signals")
