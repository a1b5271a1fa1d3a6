"""Rule groups as text: a rule file, and the same lines inside a PrometheusRule or a ConfigMap."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent
from typing import Any

from markupsafe import Markup

from capgen.blueprint import Blueprint, Group
from capgen.render.templates import Templates
from capgen.units import duration

PACKAGED = Templates()


def rule_file(groups: Iterable[Group], *, spec: str = "", templates: Templates = PACKAGED) -> str:
    """The groups as a Prometheus rule file (YAML), in the order given."""
    return templates.render("prometheus/rules.yml.j2", spec=spec, groups=group_lines(groups, 0, templates))


def group_lines(groups: Iterable[Group], depth: int, templates: Templates = PACKAGED) -> Markup:
    """The groups as items of a YAML list, indented by `depth` spaces and without a last newline.

    Every value is a scalar on one line, so indenting the text cannot change what it says.
    """
    text = templates.render("prometheus/groups.yml.j2", groups=[_group(group) for group in groups]).rstrip("\n")
    return Markup(indent(text, " " * depth) if depth else text)  # noqa: S704 (already rendered)


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "interval": duration(group.interval),
        "records": group.records,
        "alerts": [
            {
                "name": alert.name,
                "expr": alert.expr,
                "wait": duration(alert.for_) if alert.for_ else "",
                "keep": duration(alert.keep_firing_for) if alert.keep_firing_for else "",
                "labels": alert.labels,
                "annotations": alert.annotations,
            }
            for alert in group.alerts
        ],
    }


def rules_of(blueprint: Blueprint, templates: Templates = PACKAGED) -> str:
    """The whole rule file of a service."""
    return rule_file(blueprint.groups, spec=blueprint.spec, templates=templates)
