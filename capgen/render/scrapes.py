"""Scrape jobs as text: a file for `scrape_config_files`, a ServiceMonitor, a ScrapeConfig."""

from __future__ import annotations

import re
from typing import Any

from capgen import naming
from capgen.artifact import Artifact
from capgen.blueprint import Blueprint, Scrape
from capgen.render.templates import Templates
from capgen.units import duration


def scrape_file(blueprint: Blueprint, templates: Templates) -> str:
    """The service's jobs as a Prometheus scrape file; "" when somebody else scrapes all of them."""
    scrapes = [_view(scrape) for scrape in _own(blueprint)]
    return templates.render("prometheus/scrape.yml.j2", spec=blueprint.spec, scrapes=scrapes) if scrapes else ""


def scrape_objects(blueprint: Blueprint, templates: Templates) -> list[Artifact]:
    """One object a job for the Prometheus operator: a Service's endpoints as ServiceMonitor, hosts as ScrapeConfig."""
    artifacts = []
    for scrape in _own(blueprint):
        kind = "ServiceMonitor" if scrape.service else "ScrapeConfig"
        text = templates.render(
            f"kubernetes/{kind.lower()}.yaml.j2",
            spec=blueprint.spec,
            name=naming.monitoring_object(blueprint.name, scrape.source),
            namespace=blueprint.delivery.namespace,
            service=blueprint.name,
            labels=blueprint.delivery.monitoring_labels,
            scrape=_view(scrape),
        )
        path = f"{blueprint.name}/{kind.lower()}-{scrape.source.replace('_', '-')}.yaml"
        artifacts.append(Artifact(path, text, kind, blueprint.name, kubernetes=True))
    return artifacts


def _own(blueprint: Blueprint) -> list[Scrape]:
    return [scrape for scrape in blueprint.scrapes if not scrape.existing]


def _view(scrape: Scrape) -> dict[str, Any]:
    service = scrape.service
    relabelled = service is not None
    return {
        "job": _replacement(scrape.job) if relabelled else scrape.job,
        "scheme": scrape.scheme,
        "path": scrape.path,
        "interval": duration(scrape.interval),
        "timeout": duration(scrape.timeout),
        "targets": scrape.targets,
        "labels": [(name, _replacement(value) if relabelled else value) for name, value in scrape.labels],
        "service": service
        and {
            "namespace": service.namespace,
            "labels": service.labels,
            "port": service.port,
            "keep": [
                *(
                    {"label": f"__meta_kubernetes_service_label_{_meta(name)}", "regex": re.escape(value)}
                    for name, value in service.labels
                ),
                {"label": "__meta_kubernetes_endpoint_port_name", "regex": re.escape(service.port)},
            ],
        },
    }


def _meta(label: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)


def _replacement(value: str) -> str:
    """A literal for `replacement`, in which `$1` would be a group of the regular expression."""
    return value.replace("$", "$$")
