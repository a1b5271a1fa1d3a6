"""Fields in a diff are called as a person calls them."""

from __future__ import annotations

import json

from capgen.reconcile.plan import ABSENT, Action, Change, FieldChange, Plan
from capgen.report import status
from capgen.report.fields import named
from capgen.report.plan import render
from capgen.targets.taken import Status

RULES = {
    "spec": {"groups": [{"name": "shop/cpu", "rules": [{"record": "a:b"}, {"alert": "CpuWarning", "expr": "x > 1"}]}]}
}
HPA = {"spec": {"metrics": [{"type": "Pods", "pods": {"metric": {"name": "rps"}}}, {"type": "Resource", "resource": {"name": "cpu"}}]}}  # fmt: skip


def test_items_of_lists_go_by_their_names() -> None:
    rules = Change("r", Action.UPDATE, "PrometheusRule", "shop", "", RULES, RULES)
    hpa = Change("h", Action.UPDATE, "HorizontalPodAutoscaler", "shop", "", HPA, {"spec": {}})
    assert named(rules, ".spec.groups[0].rules[1].expr") == '.spec.groups[name="shop/cpu"].rules[CpuWarning].expr'
    assert named(rules, '.spec.groups[name="shop/cpu"].rules[0]') == '.spec.groups[name="shop/cpu"].rules[a:b]'
    assert named(hpa, ".spec.metrics[0].pods") == ".spec.metrics[rps].pods"
    assert named(hpa, ".spec.metrics[1]") == ".spec.metrics[cpu]"
    assert named(hpa, ".spec.metrics[7].pods") == ".spec.metrics[7].pods"


def test_numbers_have_the_unit_that_the_field_s_name_says() -> None:
    fields = (
        FieldChange(".spec.maxReplicas", 10, 40),
        FieldChange(".spec.metrics[1].resource.target.averageUtilization", 70, 80),
        FieldChange(".spec.behavior.scaleDown.stabilizationWindowSeconds", ABSENT, 300),
    )
    change = Change(
        "HorizontalPodAutoscaler/a/b", Action.UPDATE, "HorizontalPodAutoscaler", "shop", "", HPA, HPA, fields
    )
    shown = render(Plan("it", (change,)), "text")
    assert ".spec.maxReplicas: 10 → 40\n" in shown
    assert ".spec.metrics[cpu].resource.target.averageUtilization: 70 % → 80 %\n" in shown
    assert ".stabilizationWindowSeconds: nothing → 300 s\n" in shown


def test_status_says_what_differs_who_did_it_and_why_a_thing_cannot_be_delivered() -> None:
    field = FieldChange(".spec.maxReplicas", 9, 10, "kubectl-edit", "2026-01-02T03:04:05Z")
    held = Change("HorizontalPodAutoscaler/a/b", Action.CONFLICT, "HorizontalPodAutoscaler", "shop", "", HPA, HPA, (field,), "held by kubectl-edit")  # fmt: skip
    blocked = Change("ConfigMap/a/c", Action.BLOCKED, "ConfigMap", "shop", "", reason="the namespace a does not exist")
    plan = Plan("it", (held, blocked))
    shown = status.render(Status(plan, (None, None)), "text", color=False)
    assert ".spec.maxReplicas: 9 → 10 (held by kubectl-edit since 2026-01-02T03:04:05Z)\n" in shown
    assert "cannot be delivered\n    the namespace a does not exist\n" in shown
    first = json.loads(status.render(Status(plan, (None, None)), "json", color=False))["objects"][0]
    assert first["fields"] == [
        {"path": ".spec.maxReplicas", "old": 9, "new": 10, "owner": "kubectl-edit", "since": "2026-01-02T03:04:05Z"}
    ]
