"""The cluster target on a real API server with the real CRDs: create, silence, and what counts as a change."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import actions, apply, only, open_as, plan
from harness.manifests import ALL, CONFIG, CRON, HPA, RULES, SCRAPE, VPA, artifact, artifacts, config_map

from capgen.artifact import Artifact
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import ABSENT, Action, Verdict
from capgen.reconcile.wanted import read_manifests
from capgen.targets.kubernetes import Cluster

# --- create, then silence


def test_every_kind_is_created_and_then_unchanged(control_plane: ControlPlane, cluster: Cluster) -> None:
    first = plan(cluster, *artifacts(*ALL))
    assert set(actions(first).values()) == {"create"}
    with control_plane.recorded() as seen:
        outcome = cluster.apply(first)
    assert {r.state for r in outcome.results} == {State.CREATED}, outcome.error()
    assert len(outcome.results) == len(ALL) and outcome.error() is None
    objects = [
        request
        for request in seen
        if request.writes and "capgen.apm" not in request.uri and "/leases" not in request.uri
    ]
    assert [request.verb for request in objects] == ["patch"] * len(ALL)
    for request in objects:
        query = parse_qs(urlsplit(request.uri).query)
        assert query == {"fieldManager": ["capgen"], "fieldValidation": ["Strict"]}, "and never `force`"

    again = plan(cluster, *artifacts(*ALL))
    assert actions(again) == dict.fromkeys(actions(again), "unchanged"), [
        c for c in again.changes if c.fields or c.reason
    ]
    assert again.is_clean


def test_a_second_apply_sends_no_write_and_moves_no_version(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, *artifacts(*ALL))
    before = versions(control_plane, namespace)
    assert len(before) == len(ALL) + 1, "the inventory is one object more"
    with control_plane.recorded() as seen:
        outcome = apply(cluster, *artifacts(*ALL))
    assert {r.state for r in outcome.results} == {State.UNCHANGED}
    assert [request for request in seen if request.writes] == []
    # One list for each kind and one for the inventories, and nothing else.
    assert sorted(request.verb for request in seen) == ["list"] * (len(ALL) + 1)
    assert versions(control_plane, namespace) == before


def test_a_long_list_is_read_page_by_page(control_plane: ControlPlane, namespace: str) -> None:
    whole = open_as(control_plane, namespace)
    small = Cluster(whole.name, namespace, whole.wire, page=2)
    maps = [config_map(f"part-{n}", {"n": str(n)}) for n in range(5)]
    apply(whole, *maps)
    with control_plane.recorded() as seen:
        found = small.read(maps, whole=True).found
    assert found.keys() == {f"ConfigMap/{namespace}/part-{n}" for n in range(5)}
    assert [request.verb for request in seen if "labelSelector" not in request.uri] == ["list"] * 3


def test_a_page_of_large_objects_has_fewer_of_them(control_plane: ControlPlane, namespace: str) -> None:
    """A thousand dashboards are a hundred megabytes, and nobody wants half of that at once."""
    cluster = open_as(control_plane, namespace)
    maps = [config_map(f"part-{n}", {"text": f"{n}" * 20_000}) for n in range(10, 75)]
    apply(cluster, *maps)
    with control_plane.recorded() as seen:
        assert plan(cluster, *maps).is_clean
    uris = [request.uri for request in seen if "labelSelector" not in request.uri]
    assert [uri.partition("limit=")[2].partition("&")[0] for uri in uris] == ["50", "20"]


def test_of_what_is_as_it_is_wanted_nothing_is_kept(control_plane: ControlPlane, namespace: str) -> None:
    """However many there are: so a diff of ten thousand objects holds what one of a thousand holds."""
    cluster = open_as(control_plane, namespace)
    maps = [config_map(f"part-{n}", {"n": str(n)}) for n in range(6)]
    apply(cluster, *maps)
    # What somebody else has a word in may have to be taken over, and is at hand.
    control_plane.apply_as("other", {**manifest_of(maps[0], namespace), "data": {"n": "0"}})
    control_plane.kubectl("label", "configmap", "part-1", "-n", namespace, "team=x", "--field-manager=hand")
    live = cluster.read(iter(maps))
    keys = [f"ConfigMap/{namespace}/part-{n}" for n in range(6)]
    assert [*live.found] == keys[:2] and [*live.members] == keys[:2]
    found = build_plan("x", (), live)
    assert [(c.key, c.action) for c in found.changes] == [(key, Action.UNCHANGED) for key in keys[:2]]
    assert (found.unchanged, found.managed, found.is_clean) == ({"apm": tuple(keys[2:])}, 6, True)
    adopted = build_plan("x", (), live, Rules(adopt=frozenset(("other",))))
    assert [c.key.rpartition("/")[2] for c in adopted.of(Action.UPDATE)] == ["part-0"]
    whole = build_plan("x", (), cluster.read(maps, whole=True)).changes
    assert all(dict(c.before or {})["metadata"]["uid"] for c in whole), "whoever asks how it is gets it"
    # And it is missed when it is gone: it was seen, and is not deleted as a leftover either.
    gone = build_plan("x", (), cluster.read(maps[:3]))
    assert {c.key.rpartition("/")[2] for c in gone.of(Action.DELETE)} == {"part-3", "part-4", "part-5"}
    # Nor is what belongs to services that nobody asked for.
    apply(cluster, *maps, config_map("theirs", {}, "other"))
    assert f"ConfigMap/{namespace}/theirs" not in cluster.read(maps).members


def manifest_of(artifact: Artifact, namespace: str) -> dict[str, Any]:
    (manifest,) = read_manifests([artifact], namespace)
    return manifest.document


def versions(plane: ControlPlane, namespace: str) -> dict[str, str]:
    kinds = "hpa,vpa,prometheusrule,scrapeconfig,servicemonitor,alertmanagerconfig,configmap,serviceaccount,role,rolebinding,cronjob"
    listed = json.loads(plane.kubectl("get", kinds, "-n", namespace, "-o", "json"))["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in listed}


def test_the_server_agrees_with_the_dry_run_of_a_fresh_plan(
    cluster: Cluster, control_plane: ControlPlane, namespace: str
) -> None:
    with control_plane.recorded() as seen:
        found = cluster.rehearse(plan(cluster, artifact(HPA), artifact(VPA)))
    assert [(change.action, change.verdict) for change in found.changes] == [(Action.CREATE, Verdict.EXACT)] * 2
    assert [request for request in seen if request.writes] == [], "a rehearsal changes nothing"
    assert versions(control_plane, namespace) == {}


# --- what counts as a difference


def test_spelling_and_order_are_no_difference(cluster: Cluster) -> None:
    apply(cluster, *artifacts(HPA, VPA, CRON, SCRAPE))
    reordered = HPA.replace(
        "    - type: Resource\n      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n", ""
    ).replace(
        "  behavior:",
        "    - type: Resource\n      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n  behavior:",
    )
    reordered = reordered.replace("averageValue: 1500m", 'averageValue: "1.5"').replace('value: "1000"', "value: 1k")
    other_policies = reordered.replace(
        "        - {type: Percent, value: 100, periodSeconds: 60}\n        - {type: Pods, value: 4, periodSeconds: 60}\n",
        "        - {type: Pods, value: 4, periodSeconds: 60}\n        - {type: Percent, value: 100, periodSeconds: 60}\n",
    )
    assert other_policies != reordered != HPA
    spelled = CRON.replace("cpu: 1000m, memory: 1024Mi", "cpu: 1, memory: 1Gi")
    vpa = VPA.replace("256Mi", "262144Ki").replace("4Gi", "4096Mi")
    scrape = SCRAPE.replace(
        "[OpenMetricsText1.0.0, PrometheusText0.0.4]", "[PrometheusText0.0.4, OpenMetricsText1.0.0]"
    )
    found = plan(cluster, *artifacts(other_policies, vpa, spelled, scrape))
    assert set(actions(found).values()) == {"unchanged"}, [c.fields for c in found.changes]


@pytest.mark.parametrize(
    ("manifest", "old", "new", "fields"),
    [
        (HPA, "maxReplicas: 20", "maxReplicas: 30", [(".spec.maxReplicas", 20, 30)]),
        (
            HPA, "averageUtilization: 70", "averageUtilization: 60",
            [(".spec.metrics[0].resource.target.averageUtilization", 70, 60)],
        ),
        (HPA, "  minReplicas: 2\n", "", [(".spec.minReplicas", 2, ABSENT)]),
        (HPA, "value: 10, ", "value: 20, ", [(".spec.behavior.scaleDown.policies[0].value", 10, 20)]),
        (VPA, "4Gi", "8Gi", [(".spec.resourcePolicy.containerPolicies[0].maxAllowed.memory", "4Gi", "8Gi")]),
        (VPA, "        minAllowed: {memory: 256Mi}\n", "", [(".spec.resourcePolicy.containerPolicies[0].minAllowed", {"memory": "256Mi"}, ABSENT)]),
        (RULES, "> 0.9", "> 0.95", [('.spec.groups[name="capgen/apm/cpu"].rules[1].expr', "capgen:node_cpu:ratio > 0.9", "capgen:node_cpu:ratio > 0.95")]),
        (RULES, "          for: 5m\n", "", [('.spec.groups[name="capgen/apm/cpu"].rules[1].for', "5m", ABSENT)]),
        (SCRAPE, "10.0.0.2", "10.0.0.3", [(".spec.staticConfigs[0].targets[1]", "10.0.0.2:9100", "10.0.0.3:9100")]),
        (SCRAPE, ", PrometheusText0.0.4", "", [('.spec.scrapeProtocols[="PrometheusText0.0.4"]', "PrometheusText0.0.4", ABSENT)]),
        (CONFIG, "echo checked", "echo done", [('.data["check.sh"]', "#!/bin/sh\nset -eu\necho checked\n", "#!/bin/sh\nset -eu\necho done\n")]),
        (CRON, '"0.9"', '"0.8"', [('.spec.jobTemplate.spec.template.spec.containers[name="check"].env[name="LEVEL"].value', "0.9", "0.8")]),
        (CRON, "            - name: state\n              emptyDir: {}\n", "", [('.spec.jobTemplate.spec.template.spec.volumes[name="state"]', {"name": "state", "emptyDir": {}}, ABSENT)]),
    ],
)  # fmt: skip
def test_a_change_is_shown_by_field_applied_and_then_silent(
    cluster: Cluster, manifest: str, old: str, new: str, fields: list[tuple[str, object, object]]
) -> None:
    apply(cluster, artifact(manifest))
    assert old in manifest
    changed = artifact(manifest.replace(old, new))
    found = plan(cluster, changed)
    assert only(found).action is Action.UPDATE
    assert [(f.path, f.old, f.new) for f in only(found).fields] == fields
    assert [r.state for r in cluster.apply(found).results] == [State.UPDATED]
    assert set(actions(plan(cluster, changed)).values()) == {"unchanged"}


def test_a_whole_rule_group_comes_and_goes_by_its_name(cluster: Cluster) -> None:
    apply(cluster, artifact(RULES))
    one_less = artifact(RULES[: RULES.index("    - name: capgen/apm/memory")])
    found = plan(cluster, one_less)
    (gone,) = only(found).fields
    assert (gone.path, gone.old["name"], gone.new) == (
        '.spec.groups[name="capgen/apm/memory"]',
        "capgen/apm/memory",
        ABSENT,
    )
    cluster.apply(found)
    (back,) = only(plan(cluster, artifact(RULES))).fields
    assert (back.path, back.old, back.new["name"]) == (
        '.spec.groups[name="capgen/apm/memory"]',
        ABSENT,
        "capgen/apm/memory",
    )


def test_the_dry_run_shows_what_the_server_puts_in_a_removed_fields_place(cluster: Cluster) -> None:
    apply(cluster, artifact(HPA))
    found = plan(cluster, artifact(HPA.replace("  minReplicas: 2\n", "")))
    assert only(found).verdict is Verdict.ESTIMATED
    exact = only(cluster.rehearse(found))
    assert exact.verdict is Verdict.EXACT
    assert [(f.path, f.old, f.new) for f in exact.fields] == [(".spec.minReplicas", 2, 1)]


def test_what_others_add_is_neither_shown_nor_touched(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(CONFIG), artifact(RULES))
    control_plane.kubectl("annotate", "configmap", "capgen-apm-scripts", "-n", namespace, "team=blue")
    extra = {"name": "theirs", "rules": [{"record": "x", "expr": "1"}]}
    rules = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "spec": {"groups": [extra]}}
    control_plane.apply_as("them", {**rules, "metadata": {"name": "capgen-apm", "namespace": namespace}})
    assert plan(cluster, artifact(CONFIG), artifact(RULES)).is_clean

    apply(cluster, artifact(CONFIG.replace("checked", "done")), artifact(RULES.replace("0.9", "0.95")))
    live = control_plane.get("configmap", "capgen-apm-scripts", namespace)
    assert live["metadata"]["annotations"] == {"team": "blue"}
    groups = control_plane.get("prometheusrule", "capgen-apm", namespace)["spec"]["groups"]
    assert [group["name"] for group in groups] == ["capgen/apm/cpu", "capgen/apm/memory", "theirs"]


# --- hostile text


EVERY_PRINTABLE = "".join(chr(c) for c in range(0x20, 0x10000) if not 0xD800 <= c <= 0xDFFF)


@pytest.mark.parametrize(
    "text",
    [
        "🔥 {{ $value }} {% raw %} ${HOME} $(id) `id`",
        "\x7f\x80\x85\x9f\u2028\u2029\ufeff\ufffe\uffff",
        "\t\n\r\x0b\x0c\x1b[31m\x00 nul",
        'quotes " \' \\ / \\/ \\u0041 # : - ? [x] {y} & * ! | > % @',
        "yes", "null", "0x10", "1e3", "12:30", "~", "", " lead and trail ",
        EVERY_PRINTABLE,
        "x" * 200_000,
        "\U0001f600\U0010ffff",
    ],
)  # fmt: skip
def test_any_text_arrives_as_it_is(control_plane: ControlPlane, cluster: Cluster, namespace: str, text: str) -> None:
    desired = config_map("hostile", {"text": text, "more": "x"})
    outcome = apply(cluster, desired)
    assert [r.state for r in outcome.results] == [State.CREATED], outcome.error()
    assert control_plane.get("configmap", "hostile", namespace)["data"] == {"text": text, "more": "x"}
    assert plan(cluster, desired).is_clean
