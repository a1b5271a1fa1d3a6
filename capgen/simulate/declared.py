"""An HPA as the compiler made it, for a replay without a manifest in between."""

from __future__ import annotations

from capgen.blueprint import Hpa, HpaMetric, ScalingRules
from capgen.simulate import quantity
from capgen.simulate.autoscaler import DEFAULT_METRIC, DOWN, UP, Autoscaler, Behavior, Metric, Policy, Rules


def autoscaler(hpa: Hpa) -> Autoscaler:
    """What the controller makes of it, with the API server's defaults."""
    behavior = None
    if hpa.scale_up is not None or hpa.scale_down is not None:
        behavior = Behavior(_rules(hpa.scale_up, UP), _rules(hpa.scale_down, DOWN))
    metrics = tuple(_metric(metric) for metric in hpa.metrics) or (DEFAULT_METRIC,)
    return Autoscaler(hpa.min_replicas, hpa.max_replicas, metrics, behavior, hpa.name)


def _metric(metric: HpaMetric) -> Metric:
    whole = metric.target_type == "Utilization"
    target = int(metric.target) if whole else quantity.milli(metric.target)
    return Metric(metric.type, metric.name, metric.target_type, target, metric.container)


def _rules(rules: ScalingRules | None, default: Rules) -> Rules:
    if rules is None:
        return default
    return Rules(
        default.window if rules.stabilization is None else rules.stabilization,
        tuple(Policy(policy.type, policy.value, policy.period) for policy in rules.policies) or default.policies,
        rules.select or default.select,
        default.tolerance if rules.tolerance is None else quantity.double(rules.tolerance),
    )
