"""Autoscalers as Kubernetes manifests: HorizontalPodAutoscaler v2 (or KEDA's ScaledObject, which makes one) and
VerticalPodAutoscaler v1."""

from __future__ import annotations

from typing import Any

from capgen.artifact import Artifact
from capgen.blueprint import Blueprint, ContainerBounds, Hpa, HpaMetric, ScalingRules, Vpa, Workload
from capgen.render.annotations import annotated
from capgen.render.serving import triggers
from capgen.render.templates import Templates

_TARGET_FIELDS = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}


def autoscaler_objects(blueprint: Blueprint, templates: Templates) -> list[Artifact]:
    """One manifest an autoscaler, in the workload's namespace."""
    artifacts = []
    for hpa in blueprint.hpas:
        directions = [
            {"name": name, "rules": rules}
            for name, rules in (("scaleDown", hpa.scale_down), ("scaleUp", hpa.scale_up))
            if _says_something(rules)
        ]
        if hpa.keda is not None:
            view = {"hpa": hpa, "triggers": triggers(hpa, hpa.keda), "directions": directions}
            text = templates.render("kubernetes/scaledobject.yaml.j2", **view, **_common(blueprint, hpa))
            # An HPA of this name that is there already is taken over as it is.
            text = annotated(text, "scaledobject.keda.sh/transfer-hpa-ownership", "true")
            path = _path(blueprint, "scaledobject", hpa.name.removesuffix("-hpa"))
            artifacts.append(Artifact(path, text, "ScaledObject", blueprint.name, kubernetes=True))
            continue
        text = templates.render(
            "kubernetes/hpa.yaml.j2",
            hpa=hpa,
            metrics=[_metric(m) for m in hpa.metrics],
            directions=directions,
            **_common(blueprint, hpa),
        )
        artifacts.append(
            Artifact(
                _path(blueprint, "hpa", hpa.name), text, "HorizontalPodAutoscaler", blueprint.name, kubernetes=True
            )
        )
    for vpa in blueprint.vpas:
        view = {
            "workload": vpa.workload,
            "min_replicas": vpa.min_replicas,
            "containers": [_container(c) for c in vpa.containers],
        }
        text = templates.render("kubernetes/vpa.yaml.j2", vpa=view, mode=vpa.mode, **_common(blueprint, vpa))
        artifacts.append(
            Artifact(_path(blueprint, "vpa", vpa.name), text, "VerticalPodAutoscaler", blueprint.name, kubernetes=True)
        )
    return artifacts


def _path(blueprint: Blueprint, kind: str, name: str) -> str:
    return f"{blueprint.name}/{kind}-{name.removesuffix(f'-{kind}')}.yaml"


def _common(blueprint: Blueprint, item: Hpa | Vpa) -> dict[str, Any]:
    workload: Workload = item.workload
    return {
        "spec": blueprint.spec,
        "name": item.name,
        "namespace": workload.namespace,
        "service": blueprint.name,
        "labels": (),
    }


def _says_something(rules: ScalingRules | None) -> bool:
    # An empty direction would be null in YAML, which the API server takes for a value.
    return rules is not None and bool(
        rules.policies or rules.select or rules.tolerance or rules.stabilization is not None
    )


def _metric(metric: HpaMetric) -> dict[str, Any]:
    utilization = metric.target_type == "Utilization"
    return {
        "type": metric.type,
        "key": metric.type[0].lower() + metric.type[1:],
        "plain": metric.type in ("Resource", "ContainerResource"),
        "name": metric.name,
        "container": metric.container,
        "object": metric.object,
        "selector": metric.selector,
        "target_type": metric.target_type,
        "field": _TARGET_FIELDS[metric.target_type],
        "target": int(metric.target) if utilization else metric.target,
    }


def _container(bounds: ContainerBounds) -> dict[str, Any]:
    amounts = (("maxAllowed", bounds.max_allowed), ("minAllowed", bounds.min_allowed))
    return {
        "container": bounds.container,
        "mode": bounds.mode,
        "controlled": list(bounds.controlled),
        "controlled_values": bounds.controlled_values,
        "bounds": [{"key": key, "amounts": given} for key, given in amounts if given],
    }
