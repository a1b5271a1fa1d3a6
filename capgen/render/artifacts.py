"""Everything that a fleet compiles to, as files below the environment's folder."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from textwrap import indent

from markupsafe import Markup

from capgen import naming
from capgen.artifact import AnyArtifact, Artifact
from capgen.blueprint import Blueprint, Fleet
from capgen.render.autoscalers import autoscaler_objects
from capgen.render.cronjobs import job_objects
from capgen.render.dashboards.deliver import dashboard_artifacts, fleet_dashboards
from capgen.render.jobs import crontab, job_scripts
from capgen.render.notifications import alertmanager_target, notification_files
from capgen.render.pages import service_page
from capgen.render.rules import PACKAGED, group_lines, rules_of
from capgen.render.scrapes import scrape_file, scrape_objects
from capgen.render.serving import adapter_rules
from capgen.render.templates import Templates
from capgen.units import duration

_LAST = frozenset(
    (
        "HorizontalPodAutoscaler",
        "VerticalPodAutoscaler",
        "ScaledObject",
        "CronJob",
        "GrafanaDashboard",
        "GrafanaManifest",
    )
)
"""What acts on records: Argo CD applies kinds of Kubernetes' own before others, so an HPA would come before its rules.
And what it judges: nothing of a wave is applied while something of an earlier one is unhealthy, and a CronJob whose last
run failed is, as is a dashboard that Grafana has not taken."""
_LARGE = frozenset(("ConfigMap", "PrometheusRule", "GrafanaDashboard", "GrafanaManifest"))
"""What may be larger than the 256 KiB of annotations in which client-side apply keeps a copy of it."""
_ARGO = "argocd.argoproj.io"


def render_service(blueprint: Blueprint, templates: Templates = PACKAGED) -> tuple[Artifact, ...]:
    """The files of one service, by path."""
    artifacts = [*_prometheus(blueprint, templates)]
    if blueprint.delivery.kubernetes:
        artifacts += autoscaler_objects(blueprint, templates)
    if blueprint.delivery.jobs.form == "cronjob":
        artifacts += job_objects(blueprint, templates)
    else:
        artifacts += job_scripts(blueprint, templates)
    for dashboard in blueprint.dashboards:
        artifacts += dashboard_artifacts(
            dashboard,
            blueprint.delivery,
            origin=blueprint.spec,
            folder=f"{blueprint.name}/",
            name="dashboard",
            templates=templates,
        )
    artifacts.append(service_page(blueprint, artifacts, templates))
    return tuple(sorted(artifacts, key=lambda a: a.path))


def render_fleet(
    fleet: Fleet, services: Sequence[AnyArtifact], templates: Templates = PACKAGED
) -> tuple[Artifact, ...]:
    """The files that belong to no single service: the configurations of Prometheus and Alertmanager, the crontab, the
    kustomization."""
    artifacts = [*notification_files(fleet, templates), *crontab(fleet, templates)]
    if fleet.delivery.prometheus == "files":
        text = templates.render(
            "prometheus/prometheus.yml.j2",
            environment=fleet.environment,
            scrape_interval=duration(fleet.delivery.scrape_interval),
            evaluation_interval=duration(fleet.delivery.evaluation_interval),
            rule_files=[a.path for a in services if a.kind == "rules"],
            scrape_files=[a.path for a in services if a.kind == "scrape"],
            alertmanager=alertmanager_target(fleet.delivery.notify.url),
        )
        artifacts.append(Artifact("prometheus.yml", text, "prometheus", "", kubernetes=False))
    artifacts += adapter_rules(fleet, templates)
    artifacts += fleet_dashboards(fleet, templates)
    manifests = sorted(a.path for a in (*services, *artifacts) if a.kubernetes)
    if manifests:
        kinds = {a.kind for a in (*services, *artifacts) if a.kubernetes}
        text = templates.render(
            "kubernetes/kustomization.yaml.j2", environment=fleet.environment, paths=manifests,
            notes=_notes(kinds) if fleet.delivery.checkout else [],
        )  # fmt: skip
        artifacts.append(Artifact("kustomization.yaml", text, "kustomization", "", kubernetes=False))
    return tuple(artifacts)


def _notes(kinds: AbstractSet[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What Argo CD and Flux are told of each kind, as kustomize selects kinds, by annotations."""
    # Flux would take the variables of dashboards, scripts and relabelling for its own, and put nothing in their place.
    found = [(".*", [("kustomize.toolkit.fluxcd.io/substitute", "disabled")])]
    for kind in sorted(kinds & (_LAST | _LARGE)):
        large = [(f"{_ARGO}/sync-options", "ServerSideApply=true")] if kind in _LARGE else []
        found.append((kind, large + ([(f"{_ARGO}/sync-wave", "1")] if kind in _LAST else [])))
    return found


def _prometheus(blueprint: Blueprint, templates: Templates) -> list[Artifact]:
    name, delivery = blueprint.name, blueprint.delivery
    if delivery.prometheus == "operator":
        text = templates.render(
            "kubernetes/prometheusrule.yaml.j2",
            groups=group_lines(blueprint.groups, 2, templates),
            **_object(blueprint),
        )
        return [
            Artifact(f"{name}/prometheusrule.yaml", text, "PrometheusRule", name, kubernetes=True),
            *scrape_objects(blueprint, templates),
        ]
    scrapes = scrape_file(blueprint, templates)
    files = [("rules.yml", rules_of(blueprint, templates)), *([("scrape.yml", scrapes)] if scrapes else [])]
    if delivery.prometheus == "configmap":
        view = [{"name": f"{name}.{file}", "text": Markup(indent(text.rstrip("\n"), "    "))} for file, text in files]  # noqa: S704 (already rendered)
        text = templates.render("kubernetes/configmap.yaml.j2", files=view, folder="", **_object(blueprint))
        return [Artifact(f"{name}/configmap-prometheus.yaml", text, "ConfigMap", name, kubernetes=True)]
    return [Artifact(f"{name}/{file}", text, file.removesuffix(".yml"), name, kubernetes=False) for file, text in files]


def _object(blueprint: Blueprint) -> dict[str, object]:
    return {
        "spec": blueprint.spec,
        "name": naming.monitoring_object(blueprint.name),
        "namespace": blueprint.delivery.namespace,
        "service": blueprint.name,
        "labels": blueprint.delivery.monitoring_labels,
    }
