"""What serves signals to autoscalers: rules for prometheus-adapter, and KEDA's triggers."""

from __future__ import annotations

import re
from typing import Any

from capgen import naming
from capgen.artifact import Artifact
from capgen.blueprint import Fleet, Hpa, HpaMetric
from capgen.blueprint.serving import KedaTriggers, ServedMetric
from capgen.render.templates import Templates


def adapter_rules(fleet: Fleet, templates: Templates) -> list[Artifact]:
    """The configuration of the environment's metrics adapter, where autoscalers look at signals."""
    if not fleet.served or not fleet.delivery.namespace:
        return []
    text = templates.render(
        "kubernetes/metrics-adapter.yaml.j2",
        environment=fleet.environment,
        name=naming.METRICS_ADAPTER,
        namespace=fleet.delivery.namespace,
        rules=[_rule(metric) for metric in fleet.served],
    )
    return [Artifact("configmap-metrics-adapter.yaml", text, "ConfigMap", "", kubernetes=True)]


def _rule(metric: ServedMetric) -> dict[str, str]:
    labels = f"{naming.SERVICE}, {naming.SOURCE}"
    return {
        "name": metric.name,
        "series": f'{metric.record}{{{naming.SERVICE}!="",{naming.SOURCE}!=""}}',
        "matches": f"^{re.escape(metric.record)}$",
        "query": f"sum by ({labels}) (<<.Series>>{{<<.LabelMatchers>>}})",
    }


def triggers(hpa: Hpa, keda: KedaTriggers) -> list[dict[str, Any]]:
    """The HPA's metrics as KEDA's triggers, in their order."""
    pairs = zip(hpa.metrics, keda.queries, strict=True)
    return [_prometheus(metric, query, keda) if query else _resource(metric) for metric, query in pairs]


def _resource(metric: HpaMetric) -> dict[str, Any]:
    container = (("containerName", metric.container),) if metric.container else ()
    return {
        "type": metric.name,
        "target_type": metric.target_type,
        "metadata": (("value", str(metric.target)), *container),
    }


def _prometheus(metric: HpaMetric, query: str, keda: KedaTriggers) -> dict[str, Any]:
    metadata = (
        ("serverAddress", keda.server),
        *((("customHeaders", keda.headers),) if keda.headers else ()),
        ("query", query),
        ("threshold", _plain(metric.target)),
        # Nothing measured is no reason to scale down to the minimum: without a value the HPA stays where it is.
        ("ignoreNullValues", "false"),
    )
    return {"type": "prometheus", "target_type": metric.target_type, "metadata": metadata}


def _plain(target: str) -> str:
    """KEDA reads a plain number where Kubernetes writes thousandths."""
    if not target.endswith("m"):
        return target
    whole, thousandths = divmod(int(target[:-1]), 1000)
    return f"{whole}.{thousandths:03d}".rstrip("0").rstrip(".")
