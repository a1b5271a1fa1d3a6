"""The story of one spec, told flat: from a service's words to its Blueprint."""

from __future__ import annotations

from collections.abc import Sequence

from capgen.blueprint import Blueprint, Delivery, Signal
from capgen.blueprint.dashboards import Grafana
from capgen.catalog.load import Catalog
from capgen.compile.autoscale import size_autoscalers
from capgen.compile.context import Context
from capgen.compile.cost import all_groups, check_budget, costs, total
from capgen.compile.dashboards.alerts import link_alerts
from capgen.compile.dashboards.service import derive_dashboard
from capgen.compile.jobs import job_delivery, schedule_jobs
from capgen.compile.pages import link_pages
from capgen.compile.planning import plan_ahead
from capgen.compile.ranges import check_ranges
from capgen.compile.receivers import bind_receivers, notify_delivery
from capgen.compile.references import check_references
from capgen.compile.schedules import check_schedules
from capgen.compile.signals import resolve_signals
from capgen.compile.sizing import sized_workloads
from capgen.compile.sources import DEFAULT_INTERVAL, bind_sources, prometheus_setting
from capgen.diagnostics import Diagnostic, has_errors, in_order
from capgen.naming import RESERVED_LABELS
from capgen.spec.environments import unworkable
from capgen.spec.parse import IMPLICIT, Spec
from capgen.units import duration


def compile_spec(spec: Spec, catalog: Catalog) -> tuple[Blueprint | None, tuple[Diagnostic, ...]]:
    """One service in one environment, or everything that is wrong with it."""
    context = Context(spec, catalog)
    _check_labels(context)
    _check_intervals(context)
    # What is measured, and by whom.
    sources = bind_sources(context)
    # Where it gets worse.
    signals = resolve_signals(context, sources)
    _check_told_apart(context, [signal for signal, _ in signals])
    # What is recorded, and who is told.
    delivery = _delivery(context)
    groups = all_groups(context, signals, sources, delivery.evaluation_interval)
    # What that costs, where anybody wants to know.
    spent = None
    if (spec.model.budget or spec.environment.budget) and not has_errors(context.found):
        found_costs = costs(context, groups, sources)
        check_budget(context, found_costs)
        spent = total(one.cost for one in found_costs)
    # How it scales.
    by_id = {signal.id: (signal, bound) for signal, bound in signals}
    hpas, vpas = size_autoscalers(context, by_id)
    # What runs by the clock, who is told, and what is shown.
    jobs = schedule_jobs(context, by_id, groups, hpas, vpas)
    receivers = bind_receivers(context, groups)
    # What is to come.
    planning = plan_ahead(context, by_id)
    dashboard = derive_dashboard(context, signals, list(sources.values()), hpas, vpas, delivery, planning)
    groups = link_pages(link_alerts(groups, dashboard, delivery.grafana.url), context.spec.name, delivery.pages)
    # Whatever else the spec says about these.
    check_references(context, by_id)
    check_ranges(context)
    check_schedules(context)
    found = in_order(context.found)
    if has_errors(found):
        return None, found
    metadata = spec.model.metadata
    blueprint = Blueprint(
        name=spec.name,
        title=metadata.title or spec.name,
        owner=metadata.owner or "",
        runbook=metadata.runbook or "",
        labels=tuple(sorted(metadata.labels.items())),
        environment=spec.environment.metadata.name,
        spec=spec.path,
        delivery=delivery,
        scrapes=tuple(bound.scrape for bound in sources.values()),
        signals=tuple(signal for signal, _ in signals),
        groups=groups,
        hpas=hpas,
        vpas=vpas,
        jobs=jobs,
        receivers=receivers,
        declared=context.origin(("metadata", "owner" if metadata.owner else "name")),
        planning=planning,
        cost=spent,
        sized=tuple(sized_workloads(context)),
        dashboards=(dashboard,) if dashboard else (),
    )
    return blueprint, found


def _check_intervals(context: Context) -> None:
    for key, message, hint in unworkable(context.spec.model.prometheus) if context.spec.model.prometheus else ():
        context.error("CG314", message, ("prometheus", key), hint)


def _check_labels(context: Context) -> None:
    for label in sorted(label for label in context.spec.model.metadata.labels if label.startswith("__")):
        message = f"Prometheus keeps labels like {label!r} for itself, and refuses rules that set it"
        context.error("CG313", message, ("metadata", "labels", label), "choose another name", at_key=True)
    for label in sorted(set(context.spec.model.metadata.labels) & RESERVED_LABELS):
        context.error(
            "CG313",
            f"capgen sets the label {label!r} itself",
            ("metadata", "labels", label),
            "choose another name",
            at_key=True,
        )


def _check_told_apart(context: Context, signals: Sequence[Signal]) -> None:
    """A label of the service would take the place of a series' own, and make two alerts of one name."""
    for label in context.spec.model.metadata.labels:
        signal = next((signal for signal in signals if label in signal.labels), None)
        if signal is not None:
            message = f"the series of {signal.id} are told apart by the label {label!r}"
            context.error("CG313", message, ("metadata", "labels", label), "choose another name", at_key=True)


def _delivery(context: Context) -> Delivery:
    environment = context.spec.environment
    kubernetes = environment.kubernetes
    return Delivery(
        prometheus=environment.deliver.prometheus,
        kubernetes=kubernetes is not None or environment is IMPLICIT,
        namespace=kubernetes.namespace if kubernetes else "",
        monitoring_labels=tuple(sorted(environment.prometheus.labels.items())) if environment.prometheus else (),
        scrape_interval=prometheus_setting(context, "scrape_interval") or DEFAULT_INTERVAL,
        evaluation_interval=prometheus_setting(context, "evaluation_interval") or DEFAULT_INTERVAL,
        jobs=job_delivery(context),
        notify=notify_delivery(context),
        pages=environment.pages.url.rstrip("/") if environment.pages else "",
        somewhere=kubernetes is not None or environment.directory is not None,
        checkout=environment.directory is not None,
        metrics=environment.deliver.metrics,
        grafana=_grafana(context),
    )


def _grafana(context: Context) -> Grafana:
    environment = context.spec.environment
    words, folder = environment.grafana, environment.directory.root if environment.directory else ""
    return Grafana(
        deliver=environment.deliver.grafana,
        schema=words.dashboards,
        url=(words.url or "").rstrip("/"),
        folder=words.folder or "",
        path=words.path or (folder if folder.startswith("/") else ""),
        datasource=words.datasource or "",
        refresh=duration(words.refresh),
        labels=tuple(sorted(words.labels.items())),
        instances=tuple(sorted(words.instances.items())),
    )
