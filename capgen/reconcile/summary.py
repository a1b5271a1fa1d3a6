"""What an object or a file does, in words by its kind: who reviews that it is made or deleted has no two versions to compare.

Of an autoscaler its bounds and targets, of rules each alert with its level and how long it waits, of a dashboard its panels,
of a job when it runs and with what. What is in no table is told by its fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from capgen.reconcile.kinds import KINDS
from capgen.reconcile.masked import masked
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Action, Change
from capgen.yamlio import Source, read

_MOST = 12
"""So many things of one kind are named; of more the number is told."""
_LONG = 100
_GRAVE = ("emergency", "critical", "warning", "info")
_METRICS = ("Resource", "ContainerResource", "Pods", "Object", "External")
_BESIDE = {"Forbid": "not while the last run goes on", "Replace": "ends the last run if it goes on"}


def summary(change: Change) -> tuple[str, ...]:
    """What would be there, or what would be lost, a line a fact; () for what is neither made nor deleted."""
    if change.action not in (Action.CREATE, Action.DELETE, Action.EXTRA):
        return ()
    value = change.after if change.action is Action.CREATE else change.before
    if isinstance(value, str):
        return tuple(_content(change.key, value))
    return tuple(_of_object(change.kind, unpacked(value))) if value else ()


def in_words(value: Any) -> str:
    """An item of a list in a line: a rule, a group, an HPA's metric, a route; "" for what has no words."""
    if not isinstance(value, Mapping):
        return ""
    if "alert" in value:
        return _alert(value)
    if "record" in value:
        return f"record {value['record']}: {_short(' '.join(str(value.get('expr')).split()))}"
    if "rules" in value and "name" in value:
        return next(_rules({"groups": [value]})).replace("1 group of", "group of")
    if "receiver" in value:
        return f"to {value['receiver']}"
    return f"scales on {_metric(value)}" if value.get("type") in _METRICS else ""


def _of_object(kind: str, document: Mapping[str, Any]) -> Iterator[str]:
    spec = _map(document.get("spec"))
    told = list(_KINDS[kind](spec if kind in _OF_SPEC else document)) if kind in _KINDS else []
    yield from told or _fields(document)


def _content(name: str, text: str) -> Iterator[str]:
    """What a text holds that is understood: a dashboard, rules, scrapes, a crontab, a manifest."""
    if (panels := _dashboard(text)) is not None:
        yield from panels
    elif name.endswith((".yml", ".yaml")):
        node, _ = read(Source("", text))
        data: Any = node.data() if node else None
        if isinstance(data, Mapping) and "groups" in data:
            yield from _rules(data)
        elif isinstance(data, Mapping) and "scrape_configs" in data and "rule_files" not in data:
            yield from _scrape_file(data)
        elif isinstance(data, Mapping) and data.get("kind") in KINDS:
            yield from _of_object(str(data["kind"]), data)
    elif "crontab" in name.rpartition("/")[2]:
        yield from _some([line for line in text.splitlines() if line.strip() and line[0] not in "#\t "])


def _hpa(spec: Mapping[str, Any]) -> Iterator[str]:
    yield f"keeps {_target(spec)} between {spec.get('minReplicas', 1)} and {spec.get('maxReplicas', '?')} replicas"
    for metric in _maps(spec.get("metrics")):
        yield f"scales on {_metric(metric)}"
    for way, words in (("scaleUp", "up"), ("scaleDown", "down")):
        if told := _pace(_map(_map(spec.get("behavior")).get(way))):
            yield f"goes {words} {told}"


def _metric(metric: Mapping[str, Any]) -> str:
    kind = str(metric.get("type", ""))
    inside = _map(metric.get(kind[:1].lower() + kind[1:]))
    name = str(inside.get("name") or _map(inside.get("metric")).get("name") or kind)
    target = _map(inside.get("target"))
    container = f" of the container {inside['container']}" if "container" in inside else ""
    if "averageUtilization" in target:
        return f"{name}{container} at {target['averageUtilization']} % of its request"
    if "averageValue" in target:
        return f"{name}{container} at {target['averageValue']} a pod"
    return f"{name}{container} at {target.get('value', '?')}"


def _pace(rules: Mapping[str, Any]) -> str:
    if rules.get("selectPolicy") == "Disabled":
        return "never"
    steps = [
        f"{policy.get('value')}{' %' if policy.get('type') == 'Percent' else ' pods'} in {policy.get('periodSeconds')} s"
        for policy in _maps(rules.get("policies"))
    ]
    limits = f"by at most {' or '.join(steps)}" if steps else ""
    window = rules.get("stabilizationWindowSeconds")
    return ", ".join(part for part in (limits, f"after {window} s" if window else "") if part)


def _vpa(spec: Mapping[str, Any]) -> Iterator[str]:
    mode = _map(spec.get("updatePolicy")).get("updateMode", "Recreate")
    yield f"sizes {_target(spec, 'targetRef')}, update mode {mode}"
    for policy in _maps(_map(spec.get("resourcePolicy")).get("containerPolicies")):
        low, high = _map(policy.get("minAllowed")), _map(policy.get("maxAllowed"))
        bounds = [f"{name} {low.get(name, '0')} to {high.get(name, 'any')}" for name in sorted({*low, *high})]
        yield f"container {policy.get('containerName')}: {', '.join(bounds) or policy.get('mode', 'Auto')}"


def _scaled(spec: Mapping[str, Any]) -> Iterator[str]:
    low, high = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
    yield f"keeps {_target(spec)} between {low} and {high} replicas"
    for trigger in _maps(spec.get("triggers")):
        facts = _map(trigger.get("metadata"))
        yield f"scales on {trigger.get('name') or trigger.get('type')} at {facts.get('threshold') or facts.get('value', '?')}"


def _target(spec: Mapping[str, Any], field: str = "scaleTargetRef") -> str:
    target = _map(spec.get(field))
    return f"{target.get('kind', 'Deployment')} {target.get('name', '?')}"


def _rules(holder: Mapping[str, Any]) -> Iterator[str]:
    groups = _maps(holder.get("groups"))
    rules = [rule for group in groups for rule in _maps(group.get("rules"))]
    alerts = sorted((rule for rule in rules if "alert" in rule), key=_gravity)
    yield f"{_counted(len(groups), 'group')} of {_counted(len(alerts), 'alert')} and {_counted(len(rules) - len(alerts), 'record')}"
    yield from map(_alert, alerts[:_MOST])
    for level, rest in groupby(alerts[_MOST:], key=_level):
        names = [str(rule["alert"]) for rule in rest]
        yield f"and {len(names)} more{level}: {', '.join(dict.fromkeys(names))}"


def _gravity(rule: Mapping[str, Any]) -> int:
    """Who is paged comes first."""
    severity = str(_map(rule.get("labels")).get("severity"))
    return _GRAVE.index(severity) if severity in _GRAVE else len(_GRAVE)


def _level(rule: Mapping[str, Any]) -> str:
    severity = _map(rule.get("labels")).get("severity")
    return f" ({severity})" if severity else ""


def _alert(rule: Mapping[str, Any]) -> str:
    waits = f" after {rule['for']}" if rule.get("for") else " at once"
    return f"alert {rule['alert']}{_level(rule)}{waits}: {_short(' '.join(str(rule.get('expr')).split()))}"


def _scrape_config(spec: Mapping[str, Any]) -> Iterator[str]:
    targets = [t for part in _maps(spec.get("staticConfigs")) for t in _list(part.get("targets"))]
    found = [name for name in sorted(spec) if name.endswith("SDConfigs")]
    yield f"scrapes {_named([str(t) for t in targets] or found)} every {spec.get('scrapeInterval', 'usual interval')}"


def _monitor(spec: Mapping[str, Any]) -> Iterator[str]:
    labels = _map(_map(spec.get("selector")).get("matchLabels"))
    chosen = ",".join(f"{name}={value}" for name, value in sorted(labels.items())) or "every service"
    homes = _map(spec.get("namespaceSelector")).get("matchNames")
    for end in _maps(spec.get("endpoints")):
        place = f" in {_named(_list(homes))}" if homes else ""
        yield f"scrapes port {end.get('port')} of {chosen}{place} every {end.get('interval', 'usual interval')}"


def _scrape_file(data: Mapping[str, Any]) -> Iterator[str]:
    jobs = _maps(data.get("scrape_configs"))
    yield from _some(
        [f"scrapes job {j.get('job_name')} every {j.get('scrape_interval', 'usual interval')}" for j in jobs]
    )


def _config_map(document: Mapping[str, Any]) -> Iterator[str]:
    for name, text in sorted(_map(document.get("data")).items()):
        told = list(_content(name, str(text)))
        yield from told or [f"{name}: {_counted(len(str(text).splitlines()), 'line')}"]


def _grafana(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from _dashboard(str(spec.get("json") or "")) or ()


def _dashboard(text: str) -> list[str] | None:
    """A dashboard's title and panels; None for what is none."""
    titles = panel_titles(text)
    if titles is None:
        return None
    return [f"dashboard {json.loads(text).get('title', '?')}: {_counted(len(titles), 'panel')}", *_lists(titles)]


def panel_titles(text: str) -> list[str] | None:
    """The titles of a dashboard's panels, those of rows too; None for what is no dashboard in classic JSON."""
    if not (text.lstrip().startswith("{") and '"panels"' in text):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("panels"), list):
        return None
    panels = [one for panel in _maps(data["panels"]) for one in (panel, *_maps(panel.get("panels")))]
    return [str(panel.get("title") or panel.get("type")) for panel in panels if panel.get("type") != "row"]


def _cron_job(spec: Mapping[str, Any]) -> Iterator[str]:
    zone = f" ({spec['timeZone']})" if spec.get("timeZone") else ""
    stops = ", suspended" if spec.get("suspend") else ""
    beside = _BESIDE.get(str(spec.get("concurrencyPolicy")), "also while the last run goes on")
    yield f"runs on the schedule {spec.get('schedule')}{zone}, {beside}{stops}"
    pod = _map(_map(_map(_map(spec.get("jobTemplate")).get("spec")).get("template")).get("spec"))
    for container in _maps(pod.get("containers")):
        command = " ".join(str(word) for word in (*_list(container.get("command")), *_list(container.get("args"))))
        yield f"image {container.get('image')}{f': {_short(command)}' if command else ''}"
    if account := pod.get("serviceAccountName"):
        yield f"as the service account {account}"


def _role(document: Mapping[str, Any]) -> Iterator[str]:
    for rule in _maps(document.get("rules")):
        names = f" named {_named(_list(rule['resourceNames']))}" if rule.get("resourceNames") else ""
        yield f"may {_named(_list(rule.get('verbs')))} {_named(_list(rule.get('resources')))}{names}"


def _binding(document: Mapping[str, Any]) -> Iterator[str]:
    role = _map(document.get("roleRef"))
    who = [f"{subject.get('kind')} {subject.get('name')}" for subject in _maps(document.get("subjects"))]
    yield f"gives {role.get('kind')} {role.get('name')} to {_named(who)}"


def _receivers(spec: Mapping[str, Any]) -> Iterator[str]:
    receivers = _maps(spec.get("receivers"))
    yield f"tells {_named([str(receiver.get('name')) for receiver in receivers])}"
    yield _counted(len(_maps(_map(spec.get("route")).get("routes"))), "route")


def _fields(document: Mapping[str, Any]) -> Iterator[str]:
    """Of what is in no table the first fields, secrets hidden."""
    own = {name: value for name, value in document.items() if name not in ("apiVersion", "kind", "metadata", "status")}
    yield from _some([f"{path}: {_short(_text(value))}" for path, value in _leaves("", masked("", own))])


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and (value or not path):
        for name in sorted(value):
            yield from _leaves(f"{path}.{name}", value[name])
    else:
        yield path, value


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "HorizontalPodAutoscaler": _hpa, "VerticalPodAutoscaler": _vpa, "ScaledObject": _scaled, "PrometheusRule": _rules,
    "ScrapeConfig": _scrape_config, "ServiceMonitor": _monitor, "CronJob": _cron_job, "GrafanaDashboard": _grafana,
    "AlertmanagerConfig": _receivers, "ConfigMap": _config_map, "Role": _role, "RoleBinding": _binding,
}  # fmt: skip
_OF_SPEC = frozenset(_KINDS) - {"ConfigMap", "Role", "RoleBinding"}


def _lists(titles: Sequence[str]) -> list[str]:
    return [_named(titles[start : start + 6]) for start in range(0, min(len(titles), _MOST), 6)] + (
        [f"and {len(titles) - _MOST} more"] if len(titles) > _MOST else []
    )


def _some(lines: Sequence[str]) -> list[str]:
    return [*lines[:_MOST], *([f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])]


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(str, names)) or "nobody"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, Mapping)]
