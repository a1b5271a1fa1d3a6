"""Fields in a diff are called as a person calls them."""

from __future__ import annotations

from capgen.reconcile.plan import ABSENT, Action, Change, FieldChange, Plan
from capgen.report.fields import named
from capgen.report.plan import render

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
