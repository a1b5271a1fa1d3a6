"""What moves from one service of a project to another: it goes over as it is, and whoever is killed on the way, or names
one of the two alone, neither deletes nor takes it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.scene import WORKLOAD, Scene
from harness.controlplane import ControlPlane
from harness.manifests import CONFIG, HPA, artifact, config_map
from harness.proxy import Fault, Proxy, Seen
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.reconcile import applyset
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, Plan
from capgen.targets.kubernetes import Cluster

DEPOT = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: depot, owner: team}
sources: {web: {exporter: http, job: depot, targets: ["depot:9090"]}}
"""
WORKLOADS = "workloads:\n" + WORKLOAD.replace("%s:", "search:", 1)


def of(service: str, text: str) -> Artifact:
    return replace(artifact(text), service=service, path=f"{service}/{artifact(text).path}")


def planned(cluster: Cluster, *desired: Artifact, whole: bool = True) -> Plan:
    return build_plan("it", desired, cluster.read(desired), Rules(whole=whole))


def kinds(plane: ControlPlane, namespace: str, service: str) -> set[str]:
    """The kinds that a service's inventory names."""
    annotations = plane.get("configmap", f"capgen.{service}", namespace)["metadata"]["annotations"]
    return {kind.partition(".")[0] for kind in annotations[applyset.GROUP_KINDS].split(",")}


def test_what_moves_goes_over_in_one_run_and_both_inventories_are_exact(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    live = replace(cluster, environment="live")
    stays, words = of("shop", CONFIG), config_map("words", {}, service="cart")
    assert live.apply(planned(live, stays, words, of("shop", HPA))).error() is None
    uid = control_plane.get("hpa", "apm-hpa", namespace)["metadata"]["uid"]
    moved = (stays, words, of("cart", HPA))
    alone = planned(live, words, of("cart", HPA), whole=False)
    (blocked,) = alone.of(Action.BLOCKED)
    assert "name all specs of the project" in blocked.reason and f"ConfigMap/{namespace}/capgen.shop" in blocked.reason

    with control_plane.recorded() as seen:
        found = planned(live, *moved, whole=False)
        (change,) = found.of(Action.UPDATE)
        assert "it goes over from shop, which asks for it no more" in change.reason
        assert live.apply(found).error() is None
    assert not [request for request in seen if request.verb == "delete" and "/leases" not in request.uri]
    assert {request.uri.rpartition("/")[2] for request in seen if request.verb == "delete"} == {
        "capgen.shop",
        "capgen.cart",
    }, "nobody else wrote for either of the two meanwhile"
    assert control_plane.get("hpa", "apm-hpa", namespace)["metadata"]["uid"] == uid
    assert kinds(control_plane, namespace, "shop") == {"ConfigMap"}
    assert kinds(control_plane, namespace, "cart") == {"ConfigMap", "HorizontalPodAutoscaler"}
    with control_plane.recorded() as seen:
        again = planned(live, *moved)
        assert again.is_clean and live.apply(again).error() is None
    assert [request for request in seen if request.writes] == []


def test_what_cannot_move_stays_in_the_inventory_of_the_service_that_it_was_to_leave(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    live = replace(cluster, environment="live")
    words = config_map("words", {}, service="cart")
    assert live.apply(planned(live, of("shop", CONFIG), words, of("shop", HPA))).error() is None
    spec = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 9}}
    control_plane.apply_as(
        "blue", {**spec, "metadata": {"name": "apm-hpa", "namespace": namespace}}, "--force-conflicts"
    )
    moved = (of("shop", CONFIG.replace("checked", "done")), words, of("cart", HPA))
    (result,) = live.apply(planned(live, *moved)).of(State.CONFLICT)
    assert result.key.endswith("/apm-hpa")
    assert kinds(control_plane, namespace, "shop") == {"ConfigMap", "HorizontalPodAutoscaler"}
    assert kinds(control_plane, namespace, "cart") >= {"ConfigMap"}
    # With no spec that asks for it, it is the old one's to tell of; and who declares it too keeps it.
    (kept,) = planned(live, *moved[:2]).of(Action.EXTRA)
    assert kept.service == "shop" and "blue declares it too" in kept.reason


@pytest.fixture
def scene(control_plane: ControlPlane, namespace: str, proxy: Proxy, tmp_path: Path) -> Iterator[Scene]:
    found = Scene(tmp_path / "project", control_plane, namespace, proxy)
    found.workloads("web", "cart")
    (found.spec.parent / "depot.yaml").write_text(DEPOT + WORKLOADS % namespace)
    found.applied()
    yield found
    found.gone()


def hand_over(scene: Scene, back: bool = False) -> None:
    """The workload `search` goes from `depot` to `shop`; it is the only one of `depot`."""
    scene.workloads("web", "cart", *([] if back else ["search"]))
    (scene.spec.parent / "depot.yaml").write_text(DEPOT + (WORKLOADS % scene.namespace if back else ""))


def test_one_of_the_two_services_alone_neither_deletes_nor_takes_what_moves(scene: Scene) -> None:
    uid = scene.live("search")["metadata"]["uid"]
    hand_over(scene)
    old, new = "specs/depot.yaml", "specs/shop.yaml"
    told = json.loads(scene.diff(old).out)["changes"]
    (kept,) = (change for change in told if change["key"].endswith("/search-hpa"))
    assert (kept["action"], kept["reason"]) == (
        "extra",
        "shop asks for it: name all specs of the project, and it goes over",
    )
    assert scene.apply(old).code == 0
    (scene.spec.parent / "broken.yaml").write_text("kind: Capacity\nmetadata: [\n")
    told = json.loads(scene.diff(old).out)["changes"]
    assert [c["reason"] for c in told if "cannot be told while the project has mistakes" in c["reason"]]
    (scene.spec.parent / "broken.yaml").unlink()
    blocked = scene.apply(new)
    assert blocked.code and "name all specs of the project" in blocked.err
    assert scene.live("search")["metadata"]["uid"] == uid
    assert scene.apply(old, new).code == 0 and scene.diff().code == 0
    assert scene.live("search")["metadata"]["uid"] == uid
    # What nobody asks for any more goes, also when one is named alone.
    scene.workloads("web", "cart")
    assert scene.apply(new).code == 0 and "search" not in scene.delivered()


def test_a_move_that_is_killed_at_any_write_is_finished_by_the_next_run(scene: Scene) -> None:
    uid = scene.live("search")["metadata"]["uid"]
    number, killed = 0, True
    while killed:
        number += 1
        hand_over(scene)
        killed = killed_at(scene, number)
        if number == 3:
            scene.apply("specs/depot.yaml")  # one of the two alone does no harm either
        scene.applied()
        assert scene.live("search")["metadata"]["uid"] == uid, f"killed at write {number}"
        assert "HorizontalPodAutoscaler" not in kinds(scene.plane, scene.namespace, "depot")
        hand_over(scene, back=True)
        killed_at(scene, number)
        scene.applied()
        assert scene.live("search")["metadata"]["uid"] == uid, f"killed at write {number} on the way back"
        assert "HorizontalPodAutoscaler" in kinds(scene.plane, scene.namespace, "depot")
    assert number == 7, "two leases taken and given back, the object, and an inventory that was wider before"
    assert scene.apply().code == 0 and scene.writes() == [] and scene.delivered() == scene.declared()


def killed_at(scene: Scene, number: int) -> bool:
    """Applies, and kills the run when it is about to send write `number`; whether it got that far."""
    left = [number]
    run = None

    def rule(seen: Seen) -> Fault | None:
        left[0] -= seen.writes
        if left[0] or not seen.writes:
            return None
        assert run is not None
        run.tell(signal.SIGKILL)
        return Fault(reset="before")

    scene.proxy.rule = rule
    run = scene.start("apply", "--env", "live", "--yes")
    killed = run.ended().code < 0
    scene.proxy.rule = lambda _: None
    for lease in scene.leases():  # they are old a minute later
        scene.plane.kubectl("delete", "lease", lease, "-n", scene.namespace)
    return killed
