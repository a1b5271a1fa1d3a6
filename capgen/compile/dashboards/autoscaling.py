"""Why did it scale, can it scale further, until when: the panels of an HPA and of a VPA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from capgen import units
from capgen.blueprint import Hpa, HpaMetric, Signal, Vpa
from capgen.blueprint.dashboards import Override, Panel, Step, Target, Transformation
from capgen.compile.dashboards.glance import NOT_IN_SIGHT, TIME
from capgen.compile.dashboards.kubernetes import Cluster
from capgen.compile.dashboards.signals import DASHED, unit_of

NO_VPA = "kube-state-metrics gives no recommendations of VPAs"

_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "AbleToScale": {"1": ("able to scale", "green"), "0": ("not able to scale", "red")},
    "ScalingActive": {"1": ("metrics known", "green"), "0": ("metrics missing", "red")},
    "ScalingLimited": {"1": ("held at a bound", "yellow"), "0": ("free", "green")},
}
_TYPES = {"Utilization": "utilization", "AverageValue": "average", "Value": "value"}

Ids = Callable[[str], int]


def hpa_keys(hpa: Hpa) -> list[str]:
    """The keys of an HPA's panels."""
    root = f"hpa/{hpa.name}"
    return [f"{root}/{name}" for name in ("replicas", "conditions", "room", "until", "events")] + [
        _metric_key(hpa, metric) for metric in hpa.metrics
    ]


def hpa_panels(hpa: Hpa, cluster: Cluster, ids: Ids, signals: dict[str, Signal]) -> Iterator[Panel]:
    """An HPA: its replicas within their bounds, each metric against its target, its conditions, its room."""
    root, exempt, name = f"hpa/{hpa.name}", cluster.exempt, hpa.workload.name
    yield Panel(
        key=f"{root}/replicas", id=ids(f"{root}/replicas"), type="timeseries", title=f"Replicas of {name}",
        description=(
            f"What runs and what the autoscaler wants, between {hpa.min_replicas} and {hpa.max_replicas}.\n\n"
            "What to do: where wanted and running part for long, pods do not start: look at their events and at the "
            "nodes' room. At the maximum, the load has outgrown the bound."
        ),
        width=12, height=8,
        targets=(
            Target(cluster.hpa("status_current_replicas", hpa), "running"),
            Target(cluster.hpa("status_desired_replicas", hpa), "wanted"),
            Target(cluster.hpa("spec_min_replicas", hpa), "at least"),
            Target(cluster.hpa("spec_max_replicas", hpa), "at most"),
        ),
        unit="short", minimum=0.0, decimals=0, stepped=True,
        steps=(Step("green", None), Step("red", float(hpa.max_replicas))),
        overrides=(Override("byRegexp", "/^at (least|most)$/", DASHED),), exempt=exempt,
    )  # fmt: skip
    for metric in hpa.metrics:
        yield _metric(hpa, metric, cluster, ids, signals)
    yield Panel(
        key=f"{root}/conditions", id=ids(f"{root}/conditions"), type="state-timeline",
        title=f"What the autoscaler of {name} says of itself",
        description=(
            "Whether it could act, whether it knew its metrics, and whether a bound held it.\n\nWhat to do: without "
            "metrics nothing scales; `kubectl describe hpa` names the one that is missing. Held at a bound for long, "
            "the bound is too low, or at night too high."
        ),
        width=12, height=8,
        targets=(
            Target(f'max by (condition) ({cluster.hpa("status_condition", hpa, status="true")})', "{{condition}}"),
        ),
        overrides=tuple(
            Override("byName", condition, (("mappings", [_mapping(words)]),)) for condition, words in _WORDS.items()
        ),
        steps=(Step("text", None),), exempt=exempt,
    )  # fmt: skip
    desired, most = cluster.hpa("status_desired_replicas", hpa), cluster.hpa("spec_max_replicas", hpa)
    yield Panel(
        key=f"{root}/room", id=ids(f"{root}/room"), type="stat", title=f"Can {name} scale further",
        description=(
            "The share of the allowed replicas that is still free.\n\nWhat to do: near nothing, raise the maximum if "
            "the nodes have room for it, or make a pod do more."
        ),
        width=6, height=8, targets=(Target(f"1 - sum({desired}) / sum({most})", "free", instant=True),),
        unit="percentunit", minimum=0.0, maximum=1.0, decimals=0,
        steps=(Step("red", None), Step("yellow", 0.15), Step("green", 0.3)), exempt=exempt,
    )  # fmt: skip
    yield Panel(
        key=f"{root}/until", id=ids(f"{root}/until"), type="stat", title=f"{name} at its maximum in",
        description=(
            "When the wanted replicas reach the maximum, if the last day's trend goes on; a straight line, so a hint.\n\n"
            "What to do: below a week, see to it that the maximum can be raised: quota, nodes, connections of the database."
        ),
        width=6, height=8,
        targets=(
            Target(f"clamp_min(min((sum({most}) - sum({desired})) / (sum(deriv({desired}[1d])) > 0)), 0)", "maximum", instant=True),
        ),
        unit="dtdurations", steps=TIME, no_value=NOT_IN_SIGHT, exempt=exempt,
    )  # fmt: skip
    yield Panel(
        key=f"{root}/events", id=ids(f"{root}/events"), type="timeseries", title=f"How often {name} scales",
        description=(
            "Changes of the wanted replicas within an hour.\n\nWhat to do: many an hour are flapping: lengthen the "
            "stabilization of scaling down, or aim lower."
        ),
        # So that the panels of a VPA stay side by side.
        width=24 if len(hpa.metrics) % 2 else 12, height=8, targets=(Target(f"changes({desired}[1h])", "changes an hour"),),
        unit="short", minimum=0.0, decimals=0, stepped=True, exempt=exempt,
    )  # fmt: skip


def _mapping(words: dict[str, tuple[str, str]]) -> dict[str, Any]:
    options = {
        value: {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return {"type": "value", "options": options}


def _metric_key(hpa: Hpa, metric: HpaMetric) -> str:
    return "/".join(
        part for part in ("hpa", hpa.name, "metric", metric.signal or metric.name, metric.container) if part
    )


def _metric(hpa: Hpa, metric: HpaMetric, cluster: Cluster, ids: Ids, signals: dict[str, Signal]) -> Panel:
    what = f"{metric.name} of {metric.container}" if metric.container else metric.signal or metric.name
    labels = {"metric_name": metric.name, "metric_target_type": _TYPES[metric.target_type]}
    value = float(metric.target) if metric.target_type == "Utilization" else amount(metric.target)
    each = {"Utilization": "of the request", "AverageValue": "for each pod", "Value": "in all"}[metric.target_type]
    key = _metric_key(hpa, metric)
    return Panel(
        key=key, id=ids(key), type="timeseries", title=f"Why {hpa.workload.name} scales: {what}",
        description=(
            f"What the autoscaler sees of {what}, {each}, and what it aims at. Above the target it adds pods, below it "
            "takes some away; the metric that wants most decides.\n\nWhat to do: if it stays above the target, the "
            "maximum or the nodes hold it back; if it swings around it, lengthen the stabilization."
        ),
        width=12, height=8,
        targets=(
            Target(cluster.hpa("status_target_metric", hpa, **labels), "seen"),
            Target(cluster.hpa("spec_target_metric", hpa, **labels), "target"),
        ),
        unit=_unit(metric, signals), minimum=0.0, steps=(Step("green", None), Step("yellow", value)),
        overrides=(Override("byName", "target", DASHED),), exempt=cluster.exempt,
    )  # fmt: skip


def amount(quantity: str) -> float:
    """A number in Kubernetes' spelling."""
    return units.parse(quantity, "cores") if quantity.endswith("m") else units.parse(quantity, "bytes")


def _unit(metric: HpaMetric, signals: dict[str, Signal]) -> str:
    if metric.target_type == "Utilization":
        return "percent"
    if metric.name == "memory" and metric.type in ("Resource", "ContainerResource"):
        return "bytes"
    signal = signals.get(metric.signal)
    return unit_of(signal) if signal else "short"


def vpa_keys(vpa: Vpa) -> list[str]:
    """The keys of a VPA's panels."""
    return [f"vpa/{vpa.name}/{name}" for name in ("cpu", "memory", "table")]


def vpa_panels(vpa: Vpa, cluster: Cluster, ids: Ids) -> Iterator[Panel]:
    """A VPA: its recommendation as a band around the target, beside what is requested, and both as a table."""
    for resource, unit in (("cpu", "short"), ("memory", "bytes")):
        requests = cluster.requests(vpa.workload, resource)
        key = f"vpa/{vpa.name}/{resource}"
        used = cluster.used(vpa.workload, resource)
        yield Panel(
            key=key, id=ids(key), type="timeseries",
            title=f"{'CPU cores' if resource == 'cpu' else 'Memory'} of {vpa.workload.name}: recommended and requested",
            description=(
                f"What the VPA recommends for each container between its bounds (dotted), and what is requested and used "
                f"today; it works in the mode {vpa.mode}.\n\nWhat to do: where the request leaves the band for days, change it; in the mode Off nobody else does."
            ),
            width=12, height=8,
            targets=(
                Target(cluster.vpa("target", vpa, resource), "{{container}} target"),
                Target(cluster.vpa("lowerbound", vpa, resource), "{{container}} lower"),
                Target(cluster.vpa("upperbound", vpa, resource), "{{container}} upper"),
                *((Target(requests, "{{container}} requested"),) if requests else ()),
                *((Target(used, "{{container}} used"),) if used else ()),
            ),
            unit=unit, minimum=0.0, decimals=2 if resource == "cpu" else None, no_value=NO_VPA,
            overrides=(
                *_bands(vpa), Override("byRegexp", "/ requested$/", DASHED),
                Override("byRegexp", "/ (target|used)$/", (("custom.fillOpacity", 0), ("custom.lineWidth", 2))),
            ),
            exempt=cluster.exempt,
        )  # fmt: skip
    if cluster.requests(vpa.workload, "cpu"):
        yield _table(vpa, cluster, ids)


def _bands(vpa: Vpa) -> Iterator[Override]:
    """The bounds as thin lines without a place in the legend, and as a band around each container that is named:
    Grafana fills down to one series, which it knows by its whole name."""
    thin = (
        ("custom.lineStyle", {"fill": "dash", "dash": [2, 6]}),
        ("custom.fillOpacity", 0),
        ("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
    )
    yield Override("byRegexp", "/ (lower|upper)$/", thin)
    for name in sorted(bounds.container for bounds in vpa.containers if bounds.container != "*"):
        band = (("custom.fillBelowTo", f"{name} lower"), ("custom.fillOpacity", 15))
        yield Override("byName", f"{name} upper", band)


def _table(vpa: Vpa, cluster: Cluster, ids: Ids) -> Panel:
    key = f"vpa/{vpa.name}/table"
    columns = []
    targets = []
    for resource, unit, words in (("cpu", "short", "CPU"), ("memory", "bytes", "Memory")):
        request, target = cluster.requests(vpa.workload, resource), cluster.vpa("target", vpa, resource)
        for name, expr, shown in (
            (f"{words} requested", request, unit), (f"{words} recommended", target, unit),
            (f"{words} difference", f"{target} / {request} - 1", "percentunit"),
        ):  # fmt: skip
            columns.append((name, shown))
            targets.append(Target(expr, "", instant=True, format="table"))
    letters = "ABCDEF"
    renamed = {f"Value #{letter}": name for letter, (name, _) in zip(letters, columns, strict=True)} | {
        "container": "Container"
    }
    far = {
        "mode": "absolute",
        "steps": [
            {"color": "red", "value": None},
            {"color": "yellow", "value": -0.5},
            {"color": "green", "value": -0.25},
            {"color": "yellow", "value": 0.25},
            {"color": "red", "value": 0.5},
        ],
    }
    return Panel(
        key=key, id=ids(key), type="table", title=f"Requests of {vpa.workload.name}, and what is recommended",
        description=(
            "How far each container's request is from the recommendation; over a quarter either way is worth a change, "
            "over a half is waste or risk.\n\nWhat to do: `adjust` the request in the workload's manifest, or let the VPA do it."
        ),
        width=24, height=6, targets=tuple(targets), unit="short",
        transformations=(
            Transformation("merge", {}),
            Transformation("organize", {"excludeByName": {"Time": True}, "renameByName": renamed}),
        ),
        overrides=tuple(
            Override("byName", name, (("unit", unit), *(() if not name.endswith("difference") else (
                ("thresholds", far), ("custom.cellOptions", {"type": "color-text"}), ("decimals", 0),
            )))) for name, unit in columns
        ),
        no_value=NO_VPA, exempt=cluster.exempt,
    )  # fmt: skip
