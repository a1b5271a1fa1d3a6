"""Sees that somebody serves the signals that an autoscaler looks at: a metrics adapter, or KEDA in its stead.

An HPA on an external metric that nobody serves never scales, and says so only in its own conditions. So each
environment names who does it, and what that one cannot do is an error here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from capgen import naming, promql
from capgen.blueprint import Blueprint, Hpa, HpaMetric, Signal
from capgen.blueprint.serving import KedaTriggers, ServedMetric
from capgen.compile.context import Context
from capgen.compile.sources import Bound
from capgen.spec.parse import IMPLICIT
from capgen.yamlio import Path

_RESOURCES = ("Resource", "ContainerResource")


def serve(context: Context, path: Path, hpa: Hpa, signals: Mapping[str, tuple[Signal, Bound]]) -> Hpa:
    """The HPA, or the one that KEDA makes where it looks at signals in an environment with KEDA."""
    environment = context.spec.environment
    on_signal = [metric for metric in hpa.metrics if metric.signal]
    if not on_signal or (environment.kubernetes is None and environment is not IMPLICIT):
        return hpa
    by = environment.deliver.metrics
    if by == "none":
        context.error(
            "CG430",
            f"nothing serves {on_signal[0].signal} to the autoscaler, so it would never scale by it",
            (*path, "targets", on_signal[0].signal),
            "let the environment deliver `metrics: adapter` or `metrics: keda`, or name a metric that you serve in full (`external:`)",
            at_key=True,
        )
    return _by_keda(context, path, hpa, signals) if by == "keda" else hpa


def _by_keda(context: Context, path: Path, hpa: Hpa, signals: Mapping[str, tuple[Signal, Bound]]) -> Hpa:
    endpoint = context.spec.environment.prometheus
    url = endpoint.url if endpoint else None
    if url is None:
        context.error(
            "CG432",
            "KEDA asks Prometheus itself, and the environment does not say where that is",
            path,
            "add `prometheus: {url: ...}` to the environment, as seen from within the cluster",
            at_key=True,
        )
        return hpa
    for metric in hpa.metrics:
        if metric.type not in _RESOURCES and not metric.signal:
            context.error(
                "CG431",
                f"KEDA has no trigger for {metric.name}, which something else serves to HPAs",
                (*path, "targets"),
                "make it a signal, scale by signals or by resources alone, or deliver `metrics: adapter`",
                at_key=True,
            )
            return hpa
    queries = tuple(_query(context, metric, signals) for metric in hpa.metrics)
    headers = ",".join(f"{name}={value}" for name, value in sorted(endpoint.headers.items())) if endpoint else ""
    return replace(hpa, keda=KedaTriggers(url, headers, queries))


def _query(context: Context, metric: HpaMetric, signals: Mapping[str, tuple[Signal, Bound]]) -> str:
    if not metric.signal:
        return ""
    signal, _ = signals[metric.signal]
    scope = {naming.SERVICE: context.spec.name, naming.SOURCE: signal.source}
    # The HPA adds up the series that an adapter gives it, and KEDA takes one: so the sum is what both see.
    return f"sum({signal.record}{{{promql.matchers(scope)}}})"


def served(blueprint: Blueprint) -> Iterator[ServedMetric]:
    """What the metrics adapter has to serve for a service."""
    if not blueprint.delivery.kubernetes or blueprint.delivery.metrics != "adapter":
        return
    records = {signal.id: signal.record for signal in blueprint.signals}
    for hpa in blueprint.hpas:
        for metric in hpa.metrics:
            if metric.signal:
                yield ServedMetric(metric.name, records[metric.signal])
