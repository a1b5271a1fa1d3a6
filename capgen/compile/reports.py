"""Schedules reports: cron runs capgen in the project's folder, and a CronJob brings what its report is made from.

A pod has no project: it gets the spec as it is in this environment, all layers folded, the environment's Prometheus,
and what the spec uses of the project's own catalogue. What runs capgen there is an image that nobody can guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capgen.blueprint.jobs import HELD, Job, JobDelivery, Report
from capgen.blueprint.notifications import Secret
from capgen.compile.context import Context
from capgen.compile.receivers import check_pods, secret_of
from capgen.compile.sources import DEFAULT_INTERVAL, prometheus_setting
from capgen.diagnostics import Severity
from capgen.spec.documents import PrometheusEndpoint
from capgen.spec.folded import folded, written
from capgen.units import duration
from capgen.yamlio import read

PERIODS = ("daily", "weekly", "monthly", "quarterly")
TIMEOUT = 600.0
_NOT_REPORTED = (("metadata", "environments"), ("jobs",), ("notify",), ("reports",), ("budget",))
"""What a report says nothing of, so that a change of it changes no report's job."""


def report_jobs(context: Context, delivery: JobDelivery) -> tuple[Job, ...]:
    """The reports of a service that can run in this environment; where they cannot, a finding says what is missing."""
    wanted = [period for period in PERIODS if getattr(context.spec.model.reports, period, None) is not None]
    if not wanted or (delivery.form == "cronjob" and not _can_run(context, wanted, delivery)):
        return ()
    _check_names(context, wanted)
    files, secret = _brought(context) if delivery.form == "cronjob" else ((), None)
    return tuple(
        Job(
            f"report-{period}", getattr(context.spec.model.reports, period).schedule, TIMEOUT,
            Report(period, files, secret), context.origin(("reports", period)),
        )
        for period in wanted
    )  # fmt: skip


def _can_run(context: Context, wanted: list[str], delivery: JobDelivery) -> bool:
    where = context.spec.environment.metadata.name
    missing = [] if delivery.report_image else [("CG372", "image that has capgen", "`jobs: {report_image: …}`")]
    missing += [] if delivery.prometheus else [("CG373", "Prometheus to ask for history", "`prometheus: {url: …}`")]
    for code, what, words in missing:
        context.error(
            code, f"no report is made in the environment {where!r}, which names no {what}", ("reports",),
            f"add {words} to it, or `reports: null` for this spec to its `overrides`", at_key=True, severity=Severity.WARNING,
        )  # fmt: skip
    return not missing


def _check_names(context: Context, wanted: list[str]) -> None:
    for period in wanted:
        if (name := f"report-{period}") in context.spec.model.jobs:
            context.error(
                "CG374", f"the {period} report runs as the job {name!r}, and there is one", ("jobs", name),
                "give that job another name", at_key=True,
            )  # fmt: skip


def _brought(context: Context) -> tuple[tuple[tuple[str, str], ...], Secret | None]:
    endpoint, secret = _endpoint(context)
    environment = {
        "apiVersion": "capgen/v1",
        "kind": "Environment",
        "metadata": {"name": context.spec.environment.metadata.name},
        "deliver": {"grafana": "none", "jobs": "none", "alertmanager": "none", "metrics": "none"},
        "prometheus": endpoint,
    }
    files = {
        f"specs/environments/{context.spec.environment.metadata.name}.yaml": written(environment),
        f"specs/{context.spec.name}.yaml": folded(context.spec.node, _NOT_REPORTED),
        **dict(_own_catalogue(context)),
    }
    return tuple(sorted(files.items())), secret


def _own_catalogue(context: Context) -> Iterator[tuple[str, str]]:
    own = context.catalog.project
    used = {source.exporter for source in context.spec.model.sources.values()}
    for name in sorted(own):
        if name == "ladders.yaml" or name.removesuffix(".yaml") in used:
            node, _ = read(own[name])
            data = node.data() if node is not None else None
            yield f"catalog/{name}", written(data) if isinstance(data, dict) else ""


def _endpoint(context: Context) -> tuple[dict[str, Any], Secret | None]:
    """How the pod asks the environment's Prometheus, and the secret that it needs to."""
    declared = context.spec.environment.prometheus or PrometheusEndpoint()
    said: dict[str, Any] = {"url": declared.url}
    for name in ("scrape_interval", "evaluation_interval"):
        said[name] = duration(prometheus_setting(context, name) or DEFAULT_INTERVAL)
    if declared.replica_labels:
        said["replica_labels"] = declared.replica_labels
    if declared.headers:
        said["headers"] = dict(sorted(declared.headers.items()))
    if declared.version:
        said["version"] = declared.version
    auth = declared.auth
    given = auth and (auth.bearer or (auth.basic and auth.basic.password))
    if not auth or not given:
        return said, None
    secret = secret_of(given)
    check_pods(context, ("reports",), secret)
    reference = {"env": secret.where if secret.place == "env" else HELD}
    if auth.bearer:
        said["auth"] = {"bearer": reference}
    elif auth.basic:
        said["auth"] = {"basic": {"username": auth.basic.username, "password": reference}}
    return said, secret
