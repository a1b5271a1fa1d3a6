"""A service's dashboard, and the fleet's, in the form that the environment takes: files, ConfigMaps or objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from textwrap import indent
from typing import Any

import orjson
from markupsafe import Markup

from capgen import naming, units
from capgen.artifact import Artifact
from capgen.blueprint import Delivery, Fleet
from capgen.blueprint.dashboards import Dashboard, Grafana
from capgen.render.annotations import annotated
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.linting import lint_file
from capgen.render.dashboards.v2 import API_VERSION, spec, v2
from capgen.render.templates import Templates

Json = dict[str, Any]

WIDTH = 110
"""Longer values are broken over lines."""
MANY = 8
"""What has more entries is broken without a look at how long it is."""
_NESTED = frozenset((dict, list, tuple))

FLEET = "fleet_"
"""Begins the folders of the fleet's dashboards; no service's name has an underscore."""

# Inside a block of YAML these would end a line or be no character at all; in JSON they stand in strings only.
_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def dashboard_artifacts(
    dashboard: Dashboard, delivery: Delivery, *, origin: str, folder: str, name: str, templates: Templates
) -> Iterator[Artifact]:
    """The files of one dashboard. `origin` is what it comes from, as headers say it; `folder` and `name` say where the
    files go (`apm/`, `dashboard`)."""
    grafana, service = delivery.grafana, dashboard.service
    if grafana.schema == "classic":
        yield Artifact(f"{folder}.lint", lint_file(origin, dashboard), "dashboard-lint", service, kubernetes=False)
    if grafana.deliver == "files":
        yield Artifact(
            f"{folder}{name}.json", dashboard_file(dashboard, grafana), "dashboard", service, kubernetes=False
        )
        return
    common = {
        "spec": origin, "name": naming.dashboard_object(service) if service else naming.fleet_object(folder[len(FLEET) : -1]), "namespace": delivery.namespace,
        "service": service or naming.PREFIX,
    }  # fmt: skip
    if grafana.deliver == "sidecar":
        file = {"name": f"{dashboard.uid}.json", "text": _block(_lines(dashboard_body(dashboard, grafana)), 4)}
        labels = tuple(sorted((*delivery.monitoring_labels, *grafana.labels)))
        text = templates.render(
            "kubernetes/configmap.yaml.j2", files=[file], folder=grafana.folder, labels=dict(labels).items(), **common
        )
        if grafana.folder:
            text = annotated(text, "k8s-sidecar-target-directory", grafana.folder)
        yield Artifact(f"{folder}configmap-{name}.yaml", text, "ConfigMap", service, kubernetes=True)
    elif grafana.schema == "v2":
        body = _lines(_without_exponents(spec(dashboard, grafana)))
        text = templates.render(
            "kubernetes/grafanamanifest.yaml.j2", labels=delivery.monitoring_labels, instances=grafana.instances,
            api_version=API_VERSION, uid=dashboard.uid, body=_flow(body), **common,
        )  # fmt: skip
        yield Artifact(f"{folder}grafanamanifest-{name}.yaml", text, "GrafanaManifest", service, kubernetes=True)
    else:
        text = templates.render(
            "kubernetes/grafanadashboard.yaml.j2", labels=delivery.monitoring_labels, instances=grafana.instances,
            folder=grafana.folder, json=_block(_lines(dashboard_body(dashboard, grafana)), 4), **common,
        )  # fmt: skip
        yield Artifact(f"{folder}grafana{name}.yaml", text, "GrafanaDashboard", service, kubernetes=True)


def dashboard_body(dashboard: Dashboard, grafana: Grafana) -> Json:
    """The dashboard's JSON, in the environment's form."""
    return v2(dashboard, grafana) if grafana.schema == "v2" else classic(dashboard, grafana)


def fleet_dashboards(fleet: Fleet, templates: Templates) -> list[Artifact]:
    """The dashboards about all services, and what makes Grafana find all files."""
    found: list[Artifact] = []
    for dashboard in fleet.dashboards:
        name = dashboard.uid.removeprefix(f"{naming.PREFIX}-").partition("_")[0]
        origin = f"the specs for the environment {fleet.environment}"
        found += dashboard_artifacts(
            dashboard, fleet.delivery, origin=origin, folder=f"{FLEET}{name}/", name="dashboard", templates=templates
        )
    if fleet.delivery.grafana.deliver == "files":
        found.append(_provisioning(fleet.delivery, fleet.environment, templates))
    return found


def _provisioning(delivery: Delivery, environment: str, templates: Templates) -> Artifact:
    grafana = delivery.grafana
    text = templates.render(
        "grafana/provisioning.yaml.j2", environment=environment, name=f"{naming.PREFIX}-{environment}",
        folder=grafana.folder, path=grafana.path or "$CAPGEN_DASHBOARDS",
    )  # fmt: skip
    return Artifact("grafana-dashboards.yaml", text, "provisioning", "", kubernetes=False)


def dashboard_file(dashboard: Dashboard, grafana: Grafana) -> str:
    """The dashboard's JSON as a file of its own."""
    return _lines(dashboard_body(dashboard, grafana)) + "\n"


def _lines(body: Json) -> str:
    """JSON for a reviewer: what fits stands on one line, so that a change shows as the line that says it."""
    return _harmless(_written(body, 0).decode())


def _written(value: Json | Sequence[Any], depth: int) -> bytes:
    if len(value) <= MANY:
        compact = orjson.dumps(value)
        if len(compact) + depth <= WIDTH or not value:
            return compact
    inside, inner = value.values() if isinstance(value, dict) else value, depth + 1
    items = tuple([_written(one, inner) if type(one) in _NESTED else orjson.dumps(one) for one in inside])
    if isinstance(value, dict):
        return _object(tuple(value), depth) % items
    edge = b"\n" + b" " * depth
    return b"[" + edge + b" " + (b"," + edge + b" ").join(items) + edge + b"]"


@lru_cache(maxsize=512)
def _object(keys: tuple[str, ...], depth: int) -> bytes:
    """An object of these keys over several lines, with a place for each value."""
    edge = b"\n" + b" " * depth
    items = [orjson.dumps(key).replace(b"%", b"%%") + b": %b" for key in keys]
    return b"{" + edge + b" " + (b"," + edge + b" ").join(items) + edge + b"}"


def _without_exponents(node: Any) -> Any:
    """In YAML `1e-05` is a number to some readers and a text to others."""
    if isinstance(node, dict):
        return {key: _without_exponents(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_without_exponents(value) for value in node]
    return orjson.Fragment(units.number(node)) if isinstance(node, float) and "e" in repr(node) else node


def _harmless(text: str) -> str:
    if text.isascii() and "\x7f" not in text:
        return text
    return _STRANGE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _block(text: str, depth: int) -> Markup:
    return Markup(indent(text.rstrip("\n"), " " * depth))  # noqa: S704 (JSON, whose strings are on one line each)


def _flow(text: str) -> Markup:
    """JSON is YAML as it stands."""
    return Markup(indent(text.rstrip("\n"), "    ").lstrip())  # noqa: S704 (JSON)
