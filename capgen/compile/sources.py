"""Binds each source to its exporter and to a scrape job, and knows the matchers that scope its series."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field

from capgen import naming, promql
from capgen.blueprint import Scrape, ServiceRef
from capgen.catalog.load import Entry
from capgen.catalog.model import Metric
from capgen.compile.context import Context
from capgen.diagnostics import suggest
from capgen.errors import Findings
from capgen.spec.documents import PrometheusSpec
from capgen.spec.environments import LONGEST_INTERVAL, SCRAPE_HINT, SHORTEST_INTERVAL
from capgen.spec.sections import SourceSpec, WorkloadSpec
from capgen.units import duration

DEFAULT_INTERVAL = 15.0
EXISTING_INTERVAL = 30.0
"""kube-prometheus-stack's default, for jobs that somebody else defines."""

# The alphabet of Kubernetes' generated name suffixes (no vowels, no 0, 1, 3).
_SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]"
POD_NAMES: Mapping[str, str] = {
    "Deployment": rf"-{_SUFFIX}{{1,10}}-{_SUFFIX}{{5}}",
    "StatefulSet": r"-[0-9]+",
    "DaemonSet": rf"-{_SUFFIX}{{5}}",
    "ReplicaSet": rf"-{_SUFFIX}{{5}}",
}
"""By kind: how the names of its pods go on after its own."""
_OWNER_LABELS = frozenset(("horizontalpodautoscaler", *(kind.lower() for kind in POD_NAMES)))
_TARGET_LABELS = frozenset(("job", "instance"))
_HISTOGRAM_PARTS = re.compile(r"(.+)_(?:bucket|sum|count)")


class Bound(Struct, frozen=True, eq=False):
    """A source with everything it refers to."""

    name: str
    spec: SourceSpec
    entry: Entry
    scrape: Scrape
    jobs: Mapping[str, str]
    scope: Mapping[str, str]
    scope_regex: Mapping[str, str]
    params: Mapping[str, str]
    _matchers: dict[tuple[str, bool], str] = field(default_factory=dict)
    """What `matchers` has said before: a metric is read by many expressions."""

    def metric(self, name: str) -> Metric | None:
        """What the catalogue knows of a metric, or of the histogram or summary that it is a part of."""
        metrics = self.entry.exporter.metrics
        if name in metrics:
            return metrics[name]
        part = _HISTOGRAM_PARTS.fullmatch(name)
        whole = metrics.get(part[1]) if part else None
        return whole if whole is not None and whole.type in ("histogram", "summary") else None

    def concerns(self, metric: str) -> bool:
        """Whether the source's workload can have such series: a Deployment has no `statefulset` label, and a
        workload that no HPA scales no `horizontalpodautoscaler`."""
        known = self.metric(metric)
        return (
            not self.scope or known is None or all(label in self.scope for label in _OWNER_LABELS & set(known.labels))
        )

    def matchers(self, metric: str, *, equality_only: bool = False) -> str:
        """The inside of the braces that scopes a metric to this source."""
        key = (metric, equality_only)
        if key not in self._matchers:
            self._matchers[key] = self._matchers_of(metric, equality_only=equality_only)
        return self._matchers[key]

    def _matchers_of(self, metric: str, *, equality_only: bool) -> str:
        known = self.metric(metric)
        job = self.jobs.get(known.job or "", self.scrape.job) if known else self.scrape.job
        labels = known.labels if known else ()
        equal = {"job": job} | {k: v for k, v in self.scope.items() if k in labels}
        if self.spec.match:
            # A label that some metrics have and this one has not would empty the selection; one that no metric has
            # is a target's, and so on all of them.
            by_metric = {label for m in self.entry.exporter.metrics.values() for label in m.labels}
            equal |= {k: v for k, v in self.spec.match.items() if known is None or k in labels or k not in by_metric}
        regex = {} if equality_only else {k: v for k, v in self.scope_regex.items() if k in labels}
        return promql.matchers(equal, regex)

    def shape_of(self, metric: str) -> promql.Shape | None:
        """By which labels a metric's series are told apart; None for one that the catalogue does not have."""
        known = self.metric(metric)
        if known is None:
            return promql.Shape("vector", frozenset({"job", "instance"}), True) if metric == "up" else None
        labels = {"job", "instance", *known.labels, *self.entry.exporter.target_labels, *self.spec.labels}
        if known.type == "histogram" and metric.endswith("_bucket"):
            labels.add("le")
        # Discovery may add labels of its own, so the set is never closed by itself.
        return promql.Shape("vector", frozenset(labels), True)


def bind_sources(context: Context) -> dict[str, Bound]:
    """The sources by name, without those that have mistakes (which are noted)."""
    bound: dict[str, Bound] = {}
    for name, source in sorted(context.spec.model.sources.items()):
        path = ("sources", name)
        try:
            entry = context.catalog.entry(source.exporter)
        except KeyError:
            finding = context.catalog.unknown(source.exporter, context.node((*path, "exporter")).span)
            context.error(finding.code, finding.message, (*path, "exporter"), finding.hint)
            context.unbound.add(name)
            continue
        except Findings as broken:
            context.unbound.add(name)
            context.found.extend(broken.diagnostics)
            continue
        bound[name] = _bind(context, name, source, entry)
    _check_jobs(context, bound)
    return bound


def _check_jobs(context: Context, bound: Mapping[str, Bound]) -> None:
    first: dict[str, str] = {}
    for name, source in bound.items():
        if source.scrape.existing or (earlier := first.setdefault(source.scrape.job, name)) == name:
            continue
        context.error(
            "CG315",
            f"the scrape job {source.scrape.job!r} is the one of {earlier!r} already",
            ("sources", name, "job"),
            "name one of them differently, or mark it `existing: true` if they are the same",
        )


def _bind(context: Context, name: str, source: SourceSpec, entry: Entry) -> Bound:
    path = ("sources", name)
    exporter = entry.exporter
    existing = exporter.existing if source.existing is None else source.existing
    _check_delivery(context, name, source, existing=existing)
    interval = _default_interval(context, existing=existing) if source.interval is None else source.interval
    timeout = source.timeout or min(10.0, interval * 0.8)
    if timeout > interval:
        message = f"the timeout {duration(timeout)} is longer than the interval {duration(interval)}"
        context.error("CG314", message, (*path, "timeout"), "Prometheus refuses such a job; shorten the timeout")
    if source.interval is not None and not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
        message = f"a scrape interval of {duration(interval)} does not work"
        context.error("CG314", message, (*path, "interval"), SCRAPE_HINT)
    for key in sorted(set(source.params) - set(exporter.params)):
        context.error(
            "CG311",
            f"{exporter.title} has no param {key!r}",
            (*path, "params", key),
            suggest(key, exporter.params, what="params"),
            at_key=True,
        )
    for key in sorted(set(source.jobs) - set(exporter.jobs)):
        context.error(
            "CG311",
            f"{exporter.title} has no job {key!r}",
            (*path, "jobs", key),
            suggest(key, exporter.jobs, what="jobs"),
            at_key=True,
        )
    for label in sorted(label for label in source.labels if label in _TARGET_LABELS or label.startswith("__")):
        hint = "choose another name; `job:` names the job"
        context.error(
            "CG313", f"the label {label!r} is what selectors look for", (*path, "labels", label), hint, at_key=True
        )
    for label in sorted(naming.RESERVED_LABELS & set(source.labels)):
        context.error(
            "CG313",
            f"capgen sets the label {label!r} itself",
            (*path, "labels", label),
            "choose another name",
            at_key=True,
        )
    scope, regex = _workload_scope(context, name, source)
    service = source.service
    scrape = Scrape(
        source=name,
        exporter=source.exporter,
        job=source.job or f"{context.spec.name}-{name}",
        targets=tuple(sorted(source.targets)),
        service=ServiceRef(service.namespace, tuple(sorted(service.labels.items())), service.port) if service else None,
        scheme=source.scheme,
        path=source.path or exporter.path,
        interval=interval,
        timeout=timeout,
        labels=tuple(sorted(source.labels.items())),
        existing=existing,
        origin=context.origin(path),
    )
    jobs = {**exporter.jobs, **source.jobs}
    return Bound(name, source, entry, scrape, jobs, scope, regex, {**exporter.params, **source.params})


def _check_delivery(context: Context, name: str, source: SourceSpec, *, existing: bool) -> None:
    path = ("sources", name)
    if not existing and not source.targets and source.service is None:
        hint = "add `targets: [host:port]`, a `service:` in Kubernetes, or `existing: true` if somebody else scrapes it"
        context.error("CG305", f"nothing says where {name!r} is scraped", path, hint, at_key=True)
    if source.service is not None and not source.service.labels:
        hint = "give the labels that the Service carries, like `{app: web}`"
        context.error(
            "CG305",
            f"{name!r} would be scraped through every Service of its namespace",
            (*path, "service", "labels"),
            hint,
            at_key=True,
        )
    files = context.spec.environment.deliver.prometheus == "files" and context.spec.environment.kubernetes is None
    if source.targets and source.service is not None:
        context.error(
            "CG305", f"{name!r} has both targets and a service", (*path, "service"), "keep one of the two", at_key=True
        )
    elif source.service is not None and files and context.spec.environment.directory is not None:
        hint = "give `targets:` in an override of this environment, or deliver through the operator"
        context.error(
            "CG305",
            f"{name!r} is found through a Kubernetes Service, and {context.spec.environment.metadata.name!r} has no cluster",
            (*path, "service"),
            hint,
            at_key=True,
        )
    for index, target in enumerate(source.targets):
        if not 0 < int(target.rpartition(":")[2]) < 65536:
            context.error(
                "CG205", f"{target!r} has a port that does not exist", (*path, "targets", index), "ports are 1 to 65535"
            )


def _default_interval(context: Context, *, existing: bool) -> float:
    chosen = prometheus_setting(context, "scrape_interval")
    return EXISTING_INTERVAL if existing and chosen is None else chosen or DEFAULT_INTERVAL


def prometheus_setting(context: Context, name: str) -> float | None:
    """A duration from the environment's `prometheus`, else from the spec's (or its defaults)."""
    layers: tuple[PrometheusSpec | None, ...] = (context.spec.environment.prometheus, context.spec.model.prometheus)
    for layer in layers:
        value = getattr(layer, name) if layer is not None else None
        if value is not None:
            return float(value)
    return None


def _workload_scope(context: Context, name: str, source: SourceSpec) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Matchers for series about one workload's pods, volumes and autoscaler."""
    if source.workload is None:
        return {}, {}
    workloads = context.spec.model.workloads
    workload = workloads.get(source.workload)
    if workload is None:
        context.error(
            "CG312",
            f"there is no workload {source.workload!r}",
            ("sources", name, "workload"),
            suggest(source.workload, workloads, what="workloads"),
        )
        return {}, {}
    target = workload.name or source.workload
    equal = {"namespace": workload.namespace}
    if workload.kind in POD_NAMES:
        equal[workload.kind.lower()] = target
    if workload.horizontal is not None and workload.horizontal.by == "hpa":
        equal["horizontalpodautoscaler"] = workload.horizontal.name or naming.hpa(source.workload)
    # A DNS label holds nothing that a regular expression would read as syntax.
    volume = f".+-{target}-[0-9]+" if workload.kind == "StatefulSet" else f"(.+-)?{target}(-.+)?"
    return equal, {"pod": pods_of(workload, source.workload), "persistentvolumeclaim": volume}


def pods_of(workload: WorkloadSpec, name: str) -> str:
    """A regular expression for the names of a workload's pods."""
    return (workload.name or name) + POD_NAMES.get(workload.kind, "-.+")
