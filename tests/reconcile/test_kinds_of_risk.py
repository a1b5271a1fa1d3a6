"""Each kind of change that a reviewer has to see, made to an object or a file as capgen delivers it, and what is said of it.

A row changes a text and says which risk is told. Made the other way round the same change is harmless, unless the row says
what is told then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from harness.manifests import CRON, HPA, MONITOR, RULES, SCRAPE, VPA

from capgen.reconcile.compare import compare_whole
from capgen.reconcile.plan import Action, Change, Plan
from capgen.reconcile.risk import risks
from capgen.report.plan import render

SCALED = """\
kind: ScaledObject
spec:
  minReplicaCount: 2
  maxReplicaCount: 10
  triggers:
  - {type: cpu, name: cpu, metadata: {value: "70"}}
  - {type: prometheus, name: load, metadata: {threshold: "40"}}
"""
NOTIFIES = """\
kind: AlertmanagerConfig
spec:
  receivers:
  - name: nobody
  - name: team/slack
    slackConfigs: [{channel: "#team"}]
  route:
    receiver: nobody
    repeatInterval: 4h
    routes:
    - {receiver: team/slack, matchers: [{name: team, value: shop, matchType: "="}]}
  inhibitRules:
  - {sourceMatch: [{name: level, value: critical}], targetMatch: [{name: level, value: warning}], equal: [service]}
"""
ALERTMANAGER = """\
route:
  receiver: nobody
  group_wait: 10s
  routes:
  - {receiver: team/slack, matchers: ['team="shop"']}
receivers:
- name: nobody
- name: team/slack
inhibit_rules:
- {source_matchers: ['level="critical"'], target_matchers: ['level="warning"'], equal: [service]}
"""
SCRAPE_FILE = """\
scrape_configs:
- {job_name: web, scrape_interval: 15s, static_configs: [{targets: ["a:1", "b:1"]}]}
- {job_name: db, static_configs: [{targets: ["c:1"]}]}
"""
SCRIPT = """\
#!/bin/sh
limits() {
    printf 'T\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' host.cpu critical critical 0.8 80% above 300 180 0
    printf 'T\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' redis.hits poor warning 0.6 60% below 300 180 0
}
fewest=2
most=9
"""
CRONTAB = """\
# apm, watch: Every fifth minute
*/5 * * * * timeout 50 "$CAPGEN_HOME/apm/jobs/watch.sh" 2>&1 | logger -t capgen-apm-watch
0 3 * * 1 timeout 50 "$CAPGEN_HOME/apm/jobs/probe.sh" 2>&1 | logger -t capgen-apm-probe
"""
ROLE = "kind: Role\nrules:\n- {apiGroups: [apps], resources: [deployments/scale], verbs: [get, patch]}\n"
BOARD = '{"title": "t", "panels": [{"title": "CPU"}, {"title": "Memory"}]}'
CARRIER = f"""\
kind: ConfigMap
metadata: {{name: x}}
data:
  web.rules.yml: |
{"".join(f"    {line}" + chr(10) for line in yaml.safe_dump(yaml.safe_load(RULES)["spec"]).splitlines())}\
  board.json: '{BOARD}'
"""
HIGH, LOW = "  - {type: Percent, value: 100, periodSeconds: 60}", "  - {type: Percent, value: 20, periodSeconds: 60}"
KINDS = {"HorizontalPodAutoscaler": HPA, "VerticalPodAutoscaler": VPA, "ScaledObject": SCALED, "CronJob": CRON,
         "PrometheusRule": RULES, "ScrapeConfig": SCRAPE, "ServiceMonitor": MONITOR, "AlertmanagerConfig": NOTIFIES,
         "Role": ROLE, "ConfigMap": CARRIER}  # fmt: skip
FILES = {"rules": ("apm/rules.yml", RULES), "scrape": ("apm/scrape.yml", SCRAPE_FILE), "crontab": ("crontab", CRONTAB),
         "alertmanager": ("alertmanager.yml", ALERTMANAGER), "job": ("apm/jobs/x.sh", SCRIPT),
         "dashboard": ("apm/dashboard.json", BOARD)}  # fmt: skip

Row = tuple[str, str, str, "str | Sequence[str]", "str | Sequence[str]"]
ROWS: list[Row] = [
    # An HPA: its bounds, its metrics, its pace, its workload.
    ("HorizontalPodAutoscaler", "minReplicas: 2", "minReplicas: 1", "lowers the minimum of replicas, 2 → 1", ""),
    ("HorizontalPodAutoscaler", "  minReplicas: 2\n", "", "lowers the minimum of replicas, 2 → 1", ""),
    ("HorizontalPodAutoscaler", "maxReplicas: 20", "maxReplicas: 9", "lowers the maximum of replicas, 20 → 9", ""),
    ("HorizontalPodAutoscaler", "averageUtilization: 70", "averageUtilization: 90", "scales later, at 90 % and no longer at 70 % (cpu)", ""),
    ("HorizontalPodAutoscaler", "averageValue: 1500m", 'averageValue: "3"', "scales later, at 3 and no longer at 1500m (capgen_apm_requests)", ""),
    ("HorizontalPodAutoscaler", 'value: "1000"', "value: 2k", "scales later, at 2k and no longer at 1000 (capgen_queue_depth)", ""),
    ("HorizontalPodAutoscaler", "    - type: Resource\n      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n", "", "scales no more on: cpu", ""),
    ("HorizontalPodAutoscaler", "value: 100, periodSeconds: 60", "value: 20, periodSeconds: 60", "scales up slower, 20 % in 60 s or 4 pods in 60 s and no longer 100 % in 60 s or 4 pods in 60 s", ""),
    ("HorizontalPodAutoscaler", "    scaleUp:\n", "    scaleUp:\n      stabilizationWindowSeconds: 600\n", "scales up later, after 600 s and no longer after 0 s", ""),
    ("HorizontalPodAutoscaler", "    scaleUp:\n", "    scaleUp:\n      selectPolicy: Disabled\n", "never scales up any more", ""),
    ("HorizontalPodAutoscaler", "stabilizationWindowSeconds: 600", "stabilizationWindowSeconds: 60", "scales down sooner, after 60 s and no longer after 600 s", ""),
    ("HorizontalPodAutoscaler", "value: 10, periodSeconds: 120", "value: 50, periodSeconds: 120", "scales down faster, 50 % in 120 s and no longer 10 % in 120 s", ""),
    ("HorizontalPodAutoscaler", "kind: Deployment, name: apm", "kind: Deployment, name: web", "scales something else, web and no longer apm", "scales something else, apm and no longer web"),
    ("ScaledObject", "minReplicaCount: 2", "minReplicaCount: 0", "lowers the minimum of replicas, 2 → 0", ""),
    ("ScaledObject", 'threshold: "40"', 'threshold: "80"', "scales later, at 80 and no longer at 40 (load)", ""),
    ("ScaledObject", '  - {type: cpu, name: cpu, metadata: {value: "70"}}\n', "", "scales no more on: cpu", ""),
    # A VPA: what it may give, and whether it acts.
    ("VerticalPodAutoscaler", "maxAllowed: {memory: 4Gi}", "maxAllowed: {memory: 2048Mi}", "lowers what a container may get of memory, 4Gi → 2048Mi (apm)", ""),
    ("VerticalPodAutoscaler", "maxAllowed: {memory: 4Gi}", "maxAllowed: {memory: 4096Mi}", "", ""),
    ("VerticalPodAutoscaler", "minAllowed: {memory: 256Mi}", "minAllowed: {memory: 64Mi}", "lowers what a container gets at least of memory, 256Mi → 64Mi (apm)", ""),
    ("VerticalPodAutoscaler", "updateMode: InPlaceOrRecreate", 'updateMode: "Off"', "changes no pods that run any more, mode Off and no longer InPlaceOrRecreate", "begins to change pods that run, mode InPlaceOrRecreate and no longer Off"),
    ("VerticalPodAutoscaler", "updateMode: InPlaceOrRecreate", "updateMode: Auto", "may make pods again, mode Recreate and no longer InPlaceOrRecreate", ""),
    # Jobs.
    ("CronJob", 'schedule: "*/5 * * * *"', 'schedule: "0 * * * *"', "runs less often, at the start of every hour and no longer every fifth minute of every hour", ""),
    ("CronJob", 'schedule: "*/5 * * * *"', 'schedule: "1-59/5 * * * *"', "", ""),
    ("CronJob", "spec:\n  schedule", "spec:\n  suspend: true\n  schedule", "suspends the job", ""),
    ("CronJob", "spec:\n  schedule", "spec:\n  startingDeadlineSeconds: 20\n  schedule", "a run that begins late is given up sooner, after 20 s and no longer after any time", ""),
    ("crontab", "*/5 * * * *", "0 0 * * 6", "runs less often, at 00:00 on Saturday and no longer every fifth minute of every hour (capgen-apm-watch)", ""),
    ("crontab", "timeout 50 \"$CAPGEN_HOME/apm/jobs/watch.sh\"", "timeout 40 \"$CAPGEN_HOME/apm/jobs/watch.sh\"", "", ""),
    ("crontab", '0 3 * * 1 timeout 50 "$CAPGEN_HOME/apm/jobs/probe.sh" 2>&1 | logger -t capgen-apm-probe\n', "", "runs no more: capgen-apm-probe", ""),
    ("job", "0.8 80% above", "0.9 90% above", "the job tells later, at 90% and no longer at 80% (host.cpu critical)", ""),
    ("job", "0.6 60% below", "0.4 40% below", "the job tells later, at 40% and no longer at 60% (redis.hits poor)", ""),
    ("job", "80% above 300", "80% above 900", "the job tells later, after 900 s and no longer after 300 s (host.cpu critical)", ""),
    ("job", "most=9", "most=3", "lowers the maximum of replicas, 9 → 3", ""),
    # Alerts and records, as objects, as files, and in a ConfigMap.
    *((kind, old, new, said, back) for kind in ("PrometheusRule", "rules", "ConfigMap") for old, new, said, back in (
        ("ratio > 0.9", "ratio > 0.95", "loosens an alert: > 0.9 becomes > 0.95 (ApmCpuCritical)", ""),
        ("for: 5m", "for: 1h", "an alert fires later, after 1h and no longer after 5m (ApmCpuCritical)", ""),
        ("severity: critical", "severity: warning", "an alert's severity goes down, critical → warning (ApmCpuCritical)", ""),
        ("interval: 30s", "interval: 2m", "a group is evaluated less often, every 2m and no longer every 30s (capgen/apm/cpu)", ""),
        ("alert: ApmMemoryWarning", "alert: ApmMemoryHigh", "the alert ApmMemoryWarning goes", "the alert ApmMemoryHigh goes"),
        ("record: capgen:node_cpu:ratio", "record: capgen:cpu:ratio", "the record capgen:node_cpu:ratio goes", "the record capgen:cpu:ratio goes"),
        ("node_memory:ratio > 0.8", "node_memory:other > 0.8", "an alert or a record is computed otherwise (ApmMemoryWarning)", "an alert or a record is computed otherwise (ApmMemoryWarning)"),
    )),
    # What is scraped.
    ("ScrapeConfig", ', "10.0.0.2:9100"', "", "narrows what is scraped: gone is 10.0.0.2:9100", ""),
    ("ScrapeConfig", "scrapeInterval: 15s", "scrapeInterval: 2m", "scrapes less often, every 2m and no longer every 15s", ""),
    ("ServiceMonitor", "interval: 15s", "interval: 1m", "scrapes less often, every 1m and no longer every 15s (metrics)", ""),
    ("ServiceMonitor", "{app: apm}", "{app: apm, tier: front}", 'narrows what is scraped: .spec.selector.matchLabels.tier is front and no longer nothing', ("narrows what is scraped: .spec.selector.matchLabels.tier is nothing and no longer front",)),
    ("ServiceMonitor", "regex: go_.*, action: drop", "regex: go_.*, action: keep", "drops more of what is scraped: keep (metrics)", "drops more of what is scraped: drop (metrics)"),
    ("scrape", '"a:1", ', "", "narrows what is scraped: gone is a:1 (web)", ""),
    ("scrape", '- {job_name: db, static_configs: [{targets: ["c:1"]}]}\n', "", "narrows what is scraped, gone is the job: db", ""),
    # Who is told.
    ("AlertmanagerConfig", "{receiver: team/slack", "{receiver: nobody", 'goes to nobody and no longer to team/slack (team="shop")', 'goes to team/slack and no longer to nobody (team="shop")'),
    ("AlertmanagerConfig", '"#team"', '"#other"', "tells elsewhere, or otherwise (team/slack)", "tells elsewhere, or otherwise (team/slack)"),
    ("AlertmanagerConfig", "repeatInterval: 4h", "repeatInterval: 1d", "reminds later, 1d and no longer 4h (everything else)", ""),
    ("AlertmanagerConfig", "  inhibitRules:\n", "  inhibitRules:\n  - {sourceMatch: [{name: kind, value: down}], targetMatch: [{name: team, value: shop}]}\n", 'keeps alerts back: team="shop" while kind="down"', ""),
    ("alertmanager", "  routes:\n  - {receiver: team/slack, matchers: ['team=\"shop\"']}\n", "", 'goes to team/slack no more (team="shop")', ""),
    ("alertmanager", "- name: team/slack\n", "", "nobody is told any more by the receiver: team/slack", ""),
    ("alertmanager", "group_wait: 10s", "group_wait: 10m", "waits longer for the first message, 10m and no longer 10s (everything else)", ""),
    # The rest.
    ("dashboard", ', {"title": "Memory"}', "", "a panel goes: Memory", ""),
    ("ConfigMap", ', {"title": "Memory"}', "", "a panel goes: Memory", ""),
    ("Role", "verbs: [get, patch]", "verbs: [get, patch, delete]", "gives other rights: delete", ""),
]  # fmt: skip


def change(kind: str, before: str, after: str) -> Change:
    """The change of an object, or of a file where the kind is one of files."""
    if kind in FILES:
        return Change("k", Action.UPDATE, kind, "apm", FILES[kind][0], before, after)
    old, new = (yaml.safe_load(text) for text in (before, after))
    return Change("k", Action.UPDATE, kind, "apm", "p", old, new, compare_whole(kind, old, new))


@pytest.mark.parametrize(("kind", "old", "new", "said", "back"), ROWS, ids=[f"{row[0]}-{row[2]}" for row in ROWS])
def test_each_kind_of_change_is_told_as_what_it_is(kind: str, old: str, new: str, said: Any, back: Any) -> None:
    before = FILES[kind][1] if kind in FILES else KINDS[kind]
    assert old in before, "the row changes nothing"
    after = before.replace(old, new, 1)
    for first, second, told in ((before, after, said), (after, before, back)):
        assert risks(change(kind, first, second)) == (
            () if not told else (told,) if isinstance(told, str) else tuple(told)
        )


def test_a_rule_that_goes_is_named_and_moves_no_other() -> None:
    """By place, the alert that follows would seem to change its name, its severity and its threshold."""
    alerts = [
        {"alert": f"A{n}", "expr": f"x > {n}", "labels": {"severity": "critical" if n < 3 else "info"}}
        for n in range(5)
    ]
    before: dict[str, Any] = {"kind": "PrometheusRule", "spec": {"groups": [{"name": "g", "rules": alerts}]}}
    after = {"kind": "PrometheusRule", "spec": {"groups": [{"name": "g", "rules": [*alerts[:2], *alerts[3:]]}]}}
    gone = Change(
        "k", Action.UPDATE, "PrometheusRule", "apm", "p", before, after, compare_whole("PrometheusRule", before, after)
    )
    assert risks(gone) == ("the alert A2 goes",)
    text = render(Plan("x", (gone,)), "text")
    assert '.spec.groups[name="g"].rules[A2]\n      - alert A2 (critical) at once: x > 2\n' in text
    assert "A3" not in text


def test_what_changes_alike_in_many_places_is_told_once() -> None:
    groups = [{"name": f"g{n}", "interval": "15s", "rules": []} for n in range(9)]
    before: dict[str, Any] = {"kind": "PrometheusRule", "spec": {"groups": groups}}
    after = {"kind": "PrometheusRule", "spec": {"groups": [{**group, "interval": "1m"} for group in groups]}}
    slower = Change(
        "k", Action.UPDATE, "PrometheusRule", "apm", "p", before, after, compare_whole("PrometheusRule", before, after)
    )
    assert render(Plan("x", (slower,)), "text").splitlines()[1:4] == [
        "    risk: a group is evaluated less often, every 1m and no longer every 15s (g0, g1, g2, g3 and 5 more)",
        "    .spec.groups[…].interval: 15s → 1m",
        "      in 9 places: g0, g1, g2, g3, g4, g5 and 3 more",
    ]
