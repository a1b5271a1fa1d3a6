"""What a reviewer sees first, by the fields that change; and dashboards by panel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from capgen.reconcile.masked import masked, without_secrets
from capgen.reconcile.plan import ABSENT, Action, Change, FieldChange, Plan
from capgen.reconcile.risk import risks
from capgen.report import plan as report
from capgen.report.dashboards import by_panel

HPA, RULE = "HorizontalPodAutoscaler", "PrometheusRule"


def update(kind: str, path: str, old: Any, new: Any) -> Change:
    return Change("k", Action.UPDATE, kind, "apm", "p", {}, {}, (FieldChange(path, old, new),))


@pytest.mark.parametrize(
    ("kind", "path", "old", "new", "said"),
    [
        (HPA, ".spec.minReplicas", 4, 2, "lowers the minimum of replicas, 4 → 2"),
        (HPA, ".spec.minReplicas", 2, 4, ""),
        (HPA, ".spec.maxReplicas", 40, 10, "lowers the maximum of replicas, 40 → 10"),
        (HPA, ".spec.metrics[0].resource.target.averageUtilization", 70, 90, "scales later, at 90 % and no longer at 70 %"),
        ("VerticalPodAutoscaler", ".spec.resourcePolicy.containerPolicies[0].maxAllowed.memory", "4Gi", "512Mi", "lowers what a container may get of memory, 4Gi → 512Mi"),
        ("VerticalPodAutoscaler", ".spec.resourcePolicy.containerPolicies[0].maxAllowed.memory", "512Mi", "4Gi", ""),
        ("CronJob", ".spec.suspend", False, True, "suspends the job"),
        ("ScrapeConfig", ".spec.staticConfigs[0].targets[1]", "10.0.0.2", ABSENT, "narrows what is scraped: gone is 10.0.0.2"),
        (RULE, ".spec.groups[0].rules[1].expr", "a:b:ratio > 0.9", "a:b:ratio > 0.95", "loosens an alert: > 0.9 becomes > 0.95"),
        (RULE, ".spec.groups[0].rules[1].expr", "a:b:ratio > 0.9", "a:b:ratio > 0.8", ""),
        (RULE, ".spec.groups[0].rules[1].expr", "free < 0.1", "free < 0.05", "loosens an alert: < 0.1 becomes < 0.05"),
        (RULE, ".spec.groups[0].rules[1].expr", "rate(x[5m]) > 1", "rate(y[5m]) > 1", "an alert or a record is computed otherwise"),
        (RULE, ".spec.groups[0].rules[1].for", "5m", "1h", "an alert fires later, after 1h and no longer after 5m"),
        (RULE, ".spec.groups[0].rules[1].for", "1h", "5m", ""),
        (RULE, '.spec.groups[name="x"]', {"rules": [{"alert": "Down"}]}, ABSENT, "the alert Down goes"),
    ],
)  # fmt: skip
def test_a_risk_is_told_in_words_and_its_opposite_is_none(kind: str, path: str, old: Any, new: Any, said: str) -> None:
    assert risks(update(kind, path, old, new)) == ((said,) if said else ())


def test_what_is_risky_stands_first() -> None:
    quiet = Change("a", Action.UPDATE, HPA, "apm", "p", {}, {}, (FieldChange(".spec.maxReplicas", 10, 40),))
    gone = Change("b", Action.DELETE, HPA, "apm", "", {}, None)
    held = Change("c", Action.CONFLICT, HPA, "apm", "p", {}, {}, (FieldChange(".spec.maxReplicas", 1, 2, "them", "T"),))
    text = report.render(Plan("x", (quiet, gone, held)), "text")
    assert [line[2] for line in text.splitlines() if line[:2] in ("~ ", "- ", "! ")] == ["c", "b", "a"]
    assert "    risk: deletes" in text and ".spec.maxReplicas: 10 → 40" in text


def dashboard(*panels: dict[str, Any], **more: Any) -> str:
    return json.dumps({"title": "t", "panels": list(panels), **more})


def test_a_dashboard_is_told_by_panel() -> None:
    cpu = {"id": 1, "title": "CPU", "targets": [{"expr": "a"}], "gridPos": {"x": 0}}
    memory = {"id": 2, "title": "Memory", "targets": [{"expr": "b"}]}
    changed = {**cpu, "targets": [{"expr": "c"}], "gridPos": {"x": 1}}
    old, new = dashboard(cpu, memory), dashboard(changed, {"id": 3, "title": "Disk"}, tags=["x"])
    assert by_panel(old, new) == [
        "- panel Memory", "~ panel CPU: place, 1 query", "+ panel Disk", "~ dashboard: tags",
    ]  # fmt: skip
    assert by_panel(old, "not json") is None and by_panel(ABSENT, new) is None
    shown = report.render(Plan("x", (update("ConfigMap", '.data["apm.json"]', old, new),)), "text")
    assert "~ panel CPU: place, 1 query" in shown and "gridPos" not in shown


@pytest.mark.parametrize("form", ["json", "markdown", "sarif", "junit"])
def test_every_form_says_what_is_risky_and_no_secret(form: str) -> None:
    secret = Change(
        "a", Action.UPDATE, "CronJob", "apm", "p", {}, {},
        (FieldChange('.spec.env[name="DB_PASSWORD"].value', "hunter2", "hunter3"),),
    )  # fmt: skip
    low = update(HPA, ".spec.minReplicas", 4, 2)
    text = report.render(Plan("x", (secret, low)), form)
    assert "hunter" not in text
    assert "lowers the minimum" in text
    assert text == report.render(Plan("x", (secret, low)), form)


def test_secrets_are_hidden_by_name_and_in_addresses() -> None:
    assert masked(".data", {"password": "x", "user": "y"}) == {"password": "(hidden)", "user": "y"}
    assert masked(".spec", [{"name": "API_TOKEN", "value": "x"}, {"name": "LEVEL", "value": "1"}]) == [
        {"name": "API_TOKEN", "value": "(hidden)"}, {"name": "LEVEL", "value": "1"},
    ]  # fmt: skip
    assert without_secrets("url: https://me:pw@host/x\ntoken: abc\nfor: 5m") == (
        "url: https://(hidden)@host/x\ntoken: (hidden)\nfor: 5m"
    )
    assert "abcdefgh1234" not in without_secrets("Authorization: Bearer abcdefgh1234")


RULE_FILE = """groups:
- name: capgen/apm/host.cpu
  rules:
  - {alert: ApmHostCpuWarning, expr: 'x >= 0.5', for: 5m}
  - {alert: ApmHostCpuCritical, expr: 'capgen:node_cpu:ratio{service="apm",source="host",more="and more"} >= 0.8', for: 5m}
"""


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("rules", ">= 0.8", ">= 0.9", "loosens an alert: >= 0.8 becomes >= 0.9 (ApmHostCpuCritical)"),
        (
            "rules",
            "  - {alert: ApmHostCpuWarning, expr: 'x >= 0.5', for: 5m}\n",
            "",
            "the alert ApmHostCpuWarning goes",
        ),
        ("rules", "groups:", "# a comment\ngroups:", ""),
    ],
)
def test_files_are_told_by_meaning_as_objects_are(kind: str, old: str, new: str, said: str) -> None:
    change = Change("r", Action.UPDATE, kind, "apm", "apm/rules.yml", RULE_FILE, RULE_FILE.replace(old, new))
    assert risks(change) == ((said,) if said else ())
    text = report.render(Plan("deploy", (change,)), "text")
    assert ("risk: " + said in text) if said else ("+# a comment" in text)
    assert "@@" not in text or not said


def test_a_scrape_file_that_loses_a_target_is_a_risk() -> None:
    before = "scrape_configs:\n- job_name: web\n  static_configs:\n  - targets: [a:1, b:1]\n"
    change = Change("s", Action.UPDATE, "scrape", "apm", "apm/scrape.yml", before, before.replace(", b:1", ""))
    assert risks(change) == ("narrows what is scraped: gone is b:1 (web)",)


def test_what_a_kustomization_names_no_more_is_a_risk() -> None:
    """Argo CD and Flux prune by it, whether its file is still there or not."""
    before = (
        "kind: Kustomization\nresources:\n- apm/hpa-web.yaml\n- shop/hpa-shop.yaml\npatches:\n- target:\n    kind: x\n"
    )
    after = before.replace("- apm/hpa-web.yaml\n", "- apm/configmap-web.yaml\n").partition("patches")[0]
    change = Change("k", Action.UPDATE, "kustomization", "", "kustomization.yaml", before, after)
    assert risks(change) == ("Argo CD and Flux delete what is named no more: apm/hpa-web.yaml",)
    back = replace(change, before=before.replace("/hpa-web", "/scaledobject-web"), after=before)
    assert risks(back) == (
        "under Argo CD or Flux the HPA goes with its ScaledObject, until their next sync makes it again: apm/hpa-web.yaml",
        "Argo CD and Flux delete what is named no more: apm/scaledobject-web.yaml",
    )


def test_long_values_are_shown_where_they_part() -> None:
    change = Change("r", Action.UPDATE, "rules", "apm", "apm/rules.yml", RULE_FILE, RULE_FILE.replace("0.8'", "0.85'"))
    text = report.render(Plan("deploy", (change,)), "text", width=80)
    assert '"} >= 0.8\n' in text and '"} >= 0.85\n' in text


def test_sarif_is_what_github_takes_also_of_what_no_artifact_asks_for() -> None:
    """Microsoft's validator, with GitHub's rules: each rule is described, and each result is somewhere."""
    gone = Change("HorizontalPodAutoscaler/shop/web", Action.DELETE, HPA, "apm", "", {}, None)
    (run,) = json.loads(report.render(Plan("x", (gone,)), "sarif"))["runs"]
    assert all(rule["fullDescription"]["text"] for rule in run["tool"]["driver"]["rules"])
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "HorizontalPodAutoscaler/shop/web" and place["region"]["startLine"] == 1
