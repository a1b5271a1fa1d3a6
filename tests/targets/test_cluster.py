"""The cluster target on a real API server with the real CRDs: create, silence, change, conflict, refusals."""

from __future__ import annotations

import json

import pytest
from harness.controlplane import ControlPlane
from harness.manifests import ALL, CONFIG, CRON, HPA, RULES, SCRAPE, VPA, artifact, artifacts, config_map

from capgen.artifact import Artifact
from capgen.errors import PartlyDone, TargetError
from capgen.reconcile.build import build_plan
from capgen.reconcile.outcome import Outcome, State
from capgen.reconcile.plan import ABSENT, Action, Change, FieldChange, Plan, Verdict
from capgen.targets import kubeconfig, kubernetes
from capgen.targets.kubernetes import Cluster


@pytest.fixture
def cluster(control_plane: ControlPlane, namespace: str) -> Cluster:
    """The fresh namespace as the administrator sees it."""
    return open_as(control_plane, namespace)


def open_as(plane: ControlPlane, namespace: str, user: str = "admin") -> Cluster:
    return kubernetes.connect(kubeconfig.load([plane.kubeconfig(user)]), namespace, seconds=60)


def plan_for(cluster: Cluster, *desired: Artifact) -> Plan:
    return build_plan(cluster.name, desired, cluster.read(desired))


def apply(cluster: Cluster, *desired: Artifact) -> Outcome:
    return cluster.apply(plan_for(cluster, *desired))


def actions(plan: Plan) -> dict[str, str]:
    return {change.key.split("/")[0]: str(change.action) for change in plan.changes}


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change


def granted(plane: ControlPlane, namespace: str, user: str, *verbs: str) -> None:
    """Lets a user do these things to everything in the namespace."""
    joined = ",".join(verbs)
    plane.kubectl("create", "role", f"{user}-may", f"--verb={joined}", "--resource=*.*", "-n", namespace)
    # `*.*` leaves out the core group.
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": list(verbs)}
    plane.kubectl("patch", "role", f"{user}-may", "-n", namespace, "--type=merge", "-p", json.dumps({"rules": [rule]}))
    plane.kubectl("create", "rolebinding", f"{user}-may", f"--role={user}-may", f"--user={user}", "-n", namespace)


# --- create, then silence


def test_every_kind_is_created_and_then_unchanged(cluster: Cluster) -> None:
    first = plan_for(cluster, *artifacts(*ALL))
    assert set(actions(first).values()) == {"create"}
    outcome = cluster.apply(first)
    assert {r.state for r in outcome.results} == {State.CREATED}, outcome.error()
    assert len(outcome.results) == len(ALL) and outcome.error() is None

    again = plan_for(cluster, *artifacts(*ALL))
    assert actions(again) == dict.fromkeys(actions(again), "unchanged"), [
        c for c in again.changes if c.fields or c.reason
    ]
    assert again.is_clean


def test_a_second_apply_sends_no_write_and_moves_no_version(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, *artifacts(*ALL))
    before = versions(control_plane, namespace)
    assert len(before) == len(ALL)
    with control_plane.recorded() as seen:
        outcome = apply(cluster, *artifacts(*ALL))
    assert {r.state for r in outcome.results} == {State.UNCHANGED}
    assert [request for request in seen if request.writes] == []
    # One list for each kind, and nothing else.
    assert sorted(request.verb for request in seen) == ["list"] * len(ALL)
    assert versions(control_plane, namespace) == before


def test_a_long_list_is_read_page_by_page(control_plane: ControlPlane, namespace: str) -> None:
    whole = open_as(control_plane, namespace)
    small = Cluster(whole.name, namespace, whole.wire, page=2)
    maps = [config_map(f"part-{n}", {"n": str(n)}) for n in range(5)]
    apply(whole, *maps)
    with control_plane.recorded() as seen:
        assert small.read(maps).found.keys() == {f"ConfigMap/{namespace}/part-{n}" for n in range(5)}
    assert [request.verb for request in seen] == ["list"] * 3


def versions(plane: ControlPlane, namespace: str) -> dict[str, str]:
    kinds = "hpa,vpa,prometheusrule,scrapeconfig,servicemonitor,alertmanagerconfig,configmap,serviceaccount,role,rolebinding,cronjob"
    listed = json.loads(plane.kubectl("get", kinds, "-n", namespace, "-o", "json"))["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in listed}


def test_the_server_agrees_with_the_dry_run_of_a_fresh_plan(
    cluster: Cluster, control_plane: ControlPlane, namespace: str
) -> None:
    with control_plane.recorded() as seen:
        plan = cluster.rehearse(plan_for(cluster, artifact(HPA), artifact(VPA)))
    assert [(change.action, change.verdict) for change in plan.changes] == [(Action.CREATE, Verdict.EXACT)] * 2
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
    plan = plan_for(cluster, *artifacts(other_policies, vpa, spelled, scrape))
    assert set(actions(plan).values()) == {"unchanged"}, [c.fields for c in plan.changes]


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
    plan = plan_for(cluster, changed)
    assert only(plan).action is Action.UPDATE
    assert [(f.path, f.old, f.new) for f in only(plan).fields] == fields
    assert [r.state for r in cluster.apply(plan).results] == [State.UPDATED]
    assert only(plan_for(cluster, changed)).action is Action.UNCHANGED


def test_a_whole_rule_group_comes_and_goes_by_its_name(cluster: Cluster) -> None:
    apply(cluster, artifact(RULES))
    one_less = artifact(RULES[: RULES.index("    - name: capgen/apm/memory")])
    plan = plan_for(cluster, one_less)
    (gone,) = only(plan).fields
    assert (gone.path, gone.old["name"], gone.new) == (
        '.spec.groups[name="capgen/apm/memory"]',
        "capgen/apm/memory",
        ABSENT,
    )
    cluster.apply(plan)
    (back,) = only(plan_for(cluster, artifact(RULES))).fields
    assert (back.path, back.old, back.new["name"]) == (
        '.spec.groups[name="capgen/apm/memory"]',
        ABSENT,
        "capgen/apm/memory",
    )


def test_the_dry_run_shows_what_the_server_puts_in_a_removed_fields_place(cluster: Cluster) -> None:
    apply(cluster, artifact(HPA))
    plan = plan_for(cluster, artifact(HPA.replace("  minReplicas: 2\n", "")))
    assert only(plan).verdict is Verdict.ESTIMATED
    exact = only(cluster.rehearse(plan))
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
    assert plan_for(cluster, artifact(CONFIG), artifact(RULES)).is_clean

    apply(cluster, artifact(CONFIG.replace("checked", "done")), artifact(RULES.replace("0.9", "0.95")))
    live = control_plane.get("configmap", "capgen-apm-scripts", namespace)
    assert live["metadata"]["annotations"] == {"team": "blue"}
    groups = control_plane.get("prometheusrule", "capgen-apm", namespace)["spec"]["groups"]
    assert [group["name"] for group in groups] == ["capgen/apm/cpu", "capgen/apm/memory", "theirs"]


# --- who holds what


def hpa_of_another(namespace: str, maximum: int) -> dict[str, object]:
    return {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "apm-hpa", "namespace": namespace}, "spec": {"maxReplicas": maximum},
    }  # fmt: skip


def test_a_field_of_another_manager_is_a_conflict_and_stays(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA))
    control_plane.apply_as("team-blue", hpa_of_another(namespace, 9), "--force-conflicts")
    with control_plane.recorded() as seen:
        plan = plan_for(cluster, artifact(HPA), artifact(VPA))
        outcome = cluster.apply(plan)
    assert actions(plan) == {"VerticalPodAutoscaler": "create", "HorizontalPodAutoscaler": "conflict"}
    (field,) = plan.of(Action.CONFLICT)[0].fields
    assert (field.path, field.old, field.new, field.owner) == (".spec.maxReplicas", 9, 20, "team-blue")
    assert field.since.startswith("20") and field.since.endswith("Z")
    assert {r.key.split("/")[0]: r.state for r in outcome.results} == {
        "VerticalPodAutoscaler": State.CREATED, "HorizontalPodAutoscaler": State.CONFLICT,
    }  # fmt: skip
    assert isinstance(outcome.error(), PartlyDone) and "team-blue" in str(outcome.error())
    assert [r for r in seen if r.writes and "horizontal" in r.uri] == [], "the conflict was known without asking"
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["maxReplicas"] == 9

    exact = cluster.rehearse(plan).of(Action.CONFLICT)[0]
    assert exact.verdict is Verdict.EXACT
    assert [(f.path, f.old, f.new, f.owner) for f in exact.fields] == [(".spec.maxReplicas", 9, 20, "team-blue")]


def test_a_conflict_that_arises_after_the_plan_is_a_conflict_and_no_write(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA))
    plan = plan_for(cluster, artifact(HPA.replace("maxReplicas: 20", "maxReplicas: 30")))
    assert only(plan).action is Action.UPDATE
    control_plane.apply_as("team-blue", hpa_of_another(namespace, 9), "--force-conflicts")
    (result,) = cluster.apply(plan).results
    assert result.state is State.CONFLICT
    assert [(f.path, f.new, f.owner) for f in result.fields] == [(".spec.maxReplicas", 30, "team-blue")]
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["maxReplicas"] == 9


def test_an_edit_by_hand_names_the_editor_and_the_time(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(RULES))
    patch = [{"op": "replace", "path": "/spec/groups/0/rules/1/for", "value": "1h"}]
    control_plane.kubectl(
        "patch", "prometheusrule", "capgen-apm", "-n", namespace, "--type=json", "-p", json.dumps(patch),
        "--field-manager=kubectl-edit",
    )  # fmt: skip
    change = only(plan_for(cluster, artifact(RULES)))
    assert change.action is Action.CONFLICT
    (field,) = change.fields
    assert field.path == '.spec.groups[name="capgen/apm/cpu"].rules[1].for'
    assert (field.old, field.new, field.owner) == ("1h", "5m", "kubectl-edit")
    assert field.since


def test_equal_values_of_another_tool_are_taken_over_once(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shared", "namespace": namespace},
        "data": {"a": "1"},
    }
    control_plane.apply_as("team-blue", body)
    shared = config_map("shared", {"a": "1"})
    plan = plan_for(cluster, shared)
    assert (only(plan).action, only(plan).fields) == (Action.UPDATE, ())
    assert ".data.a" in only(plan).reason
    cluster.apply(plan)
    assert only(plan_for(cluster, shared)).action is Action.UNCHANGED
    # Given up again, the value stays with the other one; once.
    empty = config_map("shared", {})
    released = plan_for(cluster, empty)
    assert (only(released).action, only(released).fields) == (Action.UPDATE, ())
    cluster.apply(released)
    assert control_plane.get("configmap", "shared", namespace)["data"] == {"a": "1"}
    assert only(plan_for(cluster, empty)).action is Action.UNCHANGED


def test_an_object_deleted_since_the_plan_is_not_made_again(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(CONFIG))
    plan = plan_for(cluster, artifact(CONFIG.replace("checked", "done")))
    control_plane.kubectl("delete", "configmap", "capgen-apm-scripts", "-n", namespace)
    (result,) = cluster.apply(plan).results
    assert (result.state, "plan again" in result.reason) == (State.FAILED, True)
    control_plane.kubectl("create", "configmap", "capgen-apm-scripts", "-n", namespace)
    (result,) = cluster.apply(plan).results
    assert (result.state, "plan again" in result.reason) == (State.FAILED, True)


# --- what is missing or forbidden is a verdict, one for each object


def test_a_missing_crd_blocks_its_objects_and_no_others(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    keda = artifact(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata:\n  name: apm\nspec: {scaleTargetRef: {name: apm}}\n"
    )
    plan = cluster.rehearse(plan_for(cluster, keda, artifact(CONFIG)))
    assert actions(plan) == {"ConfigMap": "create", "ScaledObject": "blocked"}
    assert "install KEDA first" in plan.of(Action.BLOCKED)[0].reason
    outcome = cluster.apply(plan)
    assert [(r.key.split("/")[0], r.state) for r in outcome.results] == [
        ("ConfigMap", State.CREATED), ("ScaledObject", State.FAILED),
    ]  # fmt: skip
    assert "KEDA" in str(outcome.error())


def test_a_missing_namespace_blocks_what_would_live_there(control_plane: ControlPlane, cluster: Cluster) -> None:
    lost = artifact(CONFIG.replace("  name:", "  namespace: nowhere\n  name:"))
    with control_plane.recorded() as seen:
        plan = plan_for(cluster, lost, artifact(HPA))
        outcome = cluster.apply(plan)
    assert actions(plan) == {"ConfigMap": "blocked", "HorizontalPodAutoscaler": "create"}
    assert plan.of(Action.BLOCKED)[0].reason == "the namespace nowhere does not exist: create it first"
    assert [r.state for r in outcome.results] == [State.FAILED, State.CREATED]
    assert [r.uri for r in seen if r.writes and "nowhere" in r.uri] == []


def test_a_namespace_of_the_same_plan_comes_first(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    home = f"{namespace}-new"
    space = artifact(f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {home}\n")
    inside = artifact(CONFIG.replace("  name:", f"  namespace: {home}\n  name:"))
    plan = cluster.rehearse(plan_for(cluster, inside, space))
    assert [change.key for change in plan.changes] == [f"Namespace/{home}", f"ConfigMap/{home}/capgen-apm-scripts"]
    assert {r.state for r in cluster.apply(plan).results} == {State.CREATED}


def test_what_the_server_refuses_is_told_and_the_rest_goes_on(cluster: Cluster) -> None:
    too_many = artifact(HPA.replace("minReplicas: 2", "minReplicas: 50"))
    misspelt = artifact(SCRAPE.replace("scrapeInterval", "scrapeIntervall"))
    wrong_mode = artifact(VPA.replace("InPlaceOrRecreate", "Sometimes"))
    twice = artifact(CONFIG.replace("\ndata:", "\ndatum: {}\ndata:"))
    desired = (too_many, misspelt, wrong_mode, twice, artifact(RULES))
    plan = plan_for(cluster, *desired)
    rehearsed = cluster.rehearse(plan)
    reasons = {change.kind: change.reason for change in rehearsed.of(Action.BLOCKED)}
    assert "maxReplicas" in reasons["HorizontalPodAutoscaler"]
    assert "scrapeIntervall" in reasons["ScrapeConfig"] and "schema" in reasons["ScrapeConfig"]
    assert "InPlaceOrRecreate" in reasons["VerticalPodAutoscaler"], "the legal values are named"
    assert "datum" in reasons["ConfigMap"]
    assert [change.kind for change in rehearsed.of(Action.CREATE)] == ["PrometheusRule"]
    outcome = cluster.apply(plan)
    assert {r.key.split("/")[0]: r.state for r in outcome.results} == {
        "HorizontalPodAutoscaler": State.FAILED, "ScrapeConfig": State.FAILED,
        "VerticalPodAutoscaler": State.FAILED, "ConfigMap": State.FAILED, "PrometheusRule": State.CREATED,
    }  # fmt: skip


def test_what_needs_a_failed_object_is_not_tried(cluster: Cluster) -> None:
    broken = artifact(CONFIG.replace("\ndata:", "\ndatum: {}\ndata:"))
    other = artifact(CRON.replace("capgen-apm-check", "other"), service="other")
    outcome = apply(cluster, broken, artifact(CRON), other)
    assert {r.key.split("/")[-1]: r.state for r in outcome.results} == {
        "capgen-apm-scripts": State.FAILED, "capgen-apm-check": State.NOT_TRIED, "other": State.CREATED,
    }  # fmt: skip


def test_a_kind_or_version_capgen_does_not_deliver_is_blocked(cluster: Cluster) -> None:
    old = artifact(HPA.replace("autoscaling/v2", "autoscaling/v1"))
    odd = artifact("apiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: w\n")
    plan = plan_for(cluster, old, odd)
    assert [change.action for change in plan.changes] == [Action.BLOCKED, Action.BLOCKED]
    assert "autoscaling/v2" in plan.changes[0].reason
    assert [r.state for r in cluster.apply(plan).results] == [State.FAILED, State.FAILED]


def test_a_reader_can_diff_and_not_apply(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    apply(cluster, *artifacts(HPA, RULES))
    granted(control_plane, namespace, "reader", "get", "list")
    reader = open_as(control_plane, namespace, "reader")
    with control_plane.recorded("reader") as seen:
        plan = plan_for(reader, artifact(HPA), artifact(RULES.replace("> 0.9", "> 0.7")), artifact(VPA))
    assert {request.code for request in seen} <= {200, 403} and {request.verb for request in seen} <= {"get", "list"}
    assert actions(plan) == {
        "PrometheusRule": "update", "VerticalPodAutoscaler": "create", "HorizontalPodAutoscaler": "unchanged",
    }  # fmt: skip
    assert plan.of(Action.UPDATE)[0].fields == (
        FieldChange('.spec.groups[name="capgen/apm/cpu"].rules[1].expr', "capgen:node_cpu:ratio > 0.9", "capgen:node_cpu:ratio > 0.7"),
    )  # fmt: skip
    rehearsed = reader.rehearse(plan)
    assert {change.verdict for change in rehearsed.changes} == {Verdict.ESTIMATED}
    assert actions(rehearsed) == actions(plan), "without rights to ask, the estimate stands"
    outcome = reader.apply(plan)
    assert {r.key.split("/")[0]: r.state for r in outcome.results} == {
        "PrometheusRule": State.FAILED, "VerticalPodAutoscaler": State.FAILED, "HorizontalPodAutoscaler": State.UNCHANGED,
    }  # fmt: skip
    error = outcome.error()
    assert isinstance(error, TargetError) and not isinstance(error, PartlyDone)
    assert 'cannot patch resource "prometheusrules"' in str(error)


def test_a_kind_that_may_not_be_read_blocks_its_objects_alone(control_plane: ControlPlane, namespace: str) -> None:
    plane = control_plane
    plane.kubectl("create", "role", "maps", "--verb=get,list,patch,create", "--resource=configmaps", "-n", namespace)
    plane.kubectl("create", "rolebinding", "maps", "--role=maps", "--user=limited", "-n", namespace)
    limited = open_as(plane, namespace, "limited")
    plan = plan_for(limited, artifact(CONFIG), artifact(HPA))
    assert actions(plan) == {"ConfigMap": "create", "HorizontalPodAutoscaler": "blocked"}
    assert 'cannot list resource "horizontalpodautoscalers"' in plan.of(Action.BLOCKED)[0].reason
    assert [r.state for r in limited.apply(plan).results] == [State.CREATED, State.FAILED]


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
    assert plan_for(cluster, desired).is_clean
