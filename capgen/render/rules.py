"""Rule groups as text: a rule file, and the same lines inside a PrometheusRule or a ConfigMap."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent
from typing import NamedTuple

from markupsafe import Markup

from capgen.blueprint import Alert, Blueprint, Group, Record
from capgen.blueprint.origin import Labels
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


class _Alert(NamedTuple):
    name: str
    expr: str
    wait: str
    keep: str
    labels: Labels
    annotations: Labels


class _Group(NamedTuple):
    """A group as the template reads it: durations are texts, "" for none."""

    name: str
    interval: str
    records: tuple[Record, ...]
    alerts: list[_Alert]


def _group(group: Group) -> _Group:
    return _Group(group.name, duration(group.interval), group.records, [_alert(alert) for alert in group.alerts])


def _alert(alert: Alert) -> _Alert:
    wait = duration(alert.for_) if alert.for_ else ""
    keep = duration(alert.keep_firing_for) if alert.keep_firing_for else ""
    return _Alert(alert.name, alert.expr, wait, keep, alert.labels, alert.annotations)


def rules_of(blueprint: Blueprint, templates: Templates = PACKAGED) -> str:
    """The whole rule file of a service."""
    return rule_file(blueprint.groups, spec=blueprint.spec, templates=templates)
