"""The rules as they are written, where a project's own templates write them: what is proven is what is delivered.

A template may say more of a rule than the spec: a label for routing, a link among the annotations. The tests expect
that too, as it stands there. What a rule computes, how long it waits and how it is called is the spec's, so tests
made from the spec notice when a template writes something else. A rule that only a template knows has no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.blueprint import Alert, Group, Record
from capgen.blueprint.origin import Labels
from capgen.yamlio import Node, Source, read, scalar

_KINDS = frozenset(("rules", "PrometheusRule", "ConfigMap"))
RuleKind: TypeAlias = Literal["record", "alert"]
_NAMES: tuple[RuleKind, ...] = ("record", "alert")


class Written(Struct, frozen=True):
    """A group of a written file: `group` is the spec's with what the file adds, `rules` is that part of the file."""

    group: Group
    rules: str
    unknown: tuple[tuple[RuleKind, str], ...]
    """Rules that the spec does not know: `record` or `alert`, and the name."""


def written_groups(artifacts: Iterable[Artifact]) -> Mapping[str, Node]:
    """The rule groups in the artifacts of one service, by name, whatever form they are delivered in."""
    found: dict[str, Node] = {}
    for artifact in artifacts:
        if artifact.kind in _KINDS:
            found |= _groups(artifact.path, artifact.text)
    return found


def _groups(name: str, text: str) -> dict[str, Node]:
    root, _ = read(Source(name, text, "generated"))
    if root is None:
        return {}
    listed = root.at(("groups",)) or root.at(("spec", "groups"))
    if listed is None:
        data = root.at(("data",))
        files = data.value.items() if data is not None and isinstance(data.value, dict) else ()
        return {
            key: group
            for file, node in files
            if file.endswith("rules.yml") and isinstance(node.value, str)
            for key, group in _groups(f"{name}:{file}", node.value).items()
        }
    groups = listed.value if isinstance(listed.value, list) else []
    return {str(named.value): group for group in groups if (named := group.at(("name",))) is not None}


def as_written(group: Group, node: Node | None) -> Written:
    """The spec's group beside the written one; a group that was not written has no rules."""
    if node is None:
        return Written(group, f"groups: {scalar([{'name': group.name, 'rules': []}])}\n", ())
    rules = [_data(rule) for rule in _items(node, "rules")]
    left = [rule for rule in rules if isinstance(rule, dict)]
    records = tuple(_record(record, _take(left, "record", record.name)) for record in group.records)
    alerts = tuple(_alert(alert, _take(left, "alert", alert.name)) for alert in group.alerts)
    unknown = tuple((kind, str(rule[kind])) for rule in left for kind in _NAMES if kind in rule)
    merged = replace(group, records=records, alerts=alerts)
    return Written(merged, f"groups: {scalar([_data(node)])}\n", unknown)


def _items(node: Node, key: str) -> list[Node]:
    found = node.at((key,))
    return found.value if found is not None and isinstance(found.value, list) else []


def _take(rules: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The next rule of that name, which then is taken: the alerts on absent metrics share theirs, in order."""
    for index, rule in enumerate(rules):
        if rule.get(kind) == name:
            return rules.pop(index)
    return {}


def _record(record: Record, written: Mapping[str, Any]) -> Record:
    return replace(record, labels=_added(record.labels, written))


def _alert(alert: Alert, written: Mapping[str, Any]) -> Alert:
    texts = _pairs(written.get("annotations")) if written else alert.annotations
    return replace(alert, labels=_added(alert.labels, written), annotations=texts)


def _added(labels: Labels, written: Mapping[str, Any]) -> Labels:
    return tuple(sorted((dict(_pairs(written.get("labels"))) | dict(labels)).items()))


def _pairs(value: Any) -> Labels:
    return tuple(sorted((key, str(text)) for key, text in value.items())) if isinstance(value, dict) else ()


def _data(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _data(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_data(child) for child in node.value]
    return node.value
