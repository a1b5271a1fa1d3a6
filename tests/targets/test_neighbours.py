"""Two environments or two projects in one namespace: neither overwrites, deletes or counts what is the other's."""

from __future__ import annotations

from pathlib import Path

from harness.controlplane import ControlPlane
from harness.delivery import apply, contents, file, plan
from harness.manifests import config_map
from msgspec.structs import replace

from capgen.errors import PartlyDone
from capgen.reconcile import applyset
from capgen.reconcile.build import build_plan
from capgen.reconcile.plan import Action
from capgen.targets.directory import Directory
from capgen.targets.kubernetes import Cluster


def keys(cluster: Cluster, *desired: object, action: Action) -> set[str]:
    return {change.key.rpartition("/")[2] for change in plan(cluster, *desired).of(action)}  # type: ignore[arg-type]


def test_two_projects_in_one_namespace_share_nothing_but_the_namespace(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    routes, theirs = config_map("routes", {"to": "a"}, service=""), config_map("routes", {"to": "b"}, service="")
    shop, cart, other = (config_map(name, {"text": name}, service=name) for name in ("shop", "cart", "other"))
    assert apply(cluster, routes, shop, cart).error() is None
    found = plan(cluster, theirs, other)
    (blocked,) = found.of(Action.BLOCKED)
    assert "kept for the project of cart, shop" in blocked.reason and "kubernetes.namespace" in blocked.reason
    assert isinstance(cluster.apply(found).error(), PartlyDone), "what is its own is delivered"
    assert control_plane.get("configmap", "routes", namespace)["data"] == {"to": "a"}
    assert keys(cluster, theirs, other, action=Action.BLOCKED) == {"routes"}, "and so it stays"

    # The project itself may change by and by: services come, go, and are delivered by themselves.
    more = config_map("more", {"text": "more"}, service="more")
    assert apply(cluster, more).error() is None
    assert apply(cluster, config_map("routes", {"to": "c"}, service=""), cart, more).error() is None
    assert apply(cluster, config_map("routes", {"to": "d"}, service=""), more).error() is None
    assert control_plane.get("configmap", "routes", namespace)["data"] == {"to": "d"}


def test_two_environments_in_one_namespace_do_not_take_each_other_s_objects(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    live, staging = (replace(cluster, environment=name) for name in ("live", "staging"))
    shop, web = config_map("shop", {"text": "a"}, service="shop"), config_map("web", {"text": "a"}, service="shop")
    assert apply(live, shop, web).error() is None
    found = plan(staging, config_map("shop", {"text": "b"}, service="shop"))
    assert not [change for change in found.changes if change.writes], "neither the one nor the other is touched"
    assert "kept for the environment live, and this is staging" in found.of(Action.BLOCKED)[0].reason
    assert cluster.apply(found).error() is not None
    destroyed = staging.read((), ["shop"])
    assert not destroyed.services and not build_plan("it", (), destroyed).of(Action.DELETE)
    control_plane.kubectl(
        "annotate", "configmap", "-n", namespace, "-l", applyset.ID, f"{applyset.ENVIRONMENT}=staging", "--overwrite"
    )
    assert keys(staging, shop, action=Action.DELETE) == {"web"}, "it was only renamed"


def test_a_folder_of_another_project_or_environment_is_left_as_it_is(tmp_path: Path) -> None:
    folder = Directory(tmp_path / "out", environment="live")
    rules, shop, cart = (
        file("prometheus.yml", "a", ""),
        file("shop/r.yml", "a", "shop"),
        file("cart/r.yml", "a", "cart"),
    )
    assert apply(folder, rules, shop).error() is None
    before = contents(folder.root)
    found = plan(folder, file("prometheus.yml", "b", ""), cart)
    assert "it is of the project of shop" in found.of(Action.BLOCKED)[0].reason
    assert folder.apply(found).error() is not None and contents(folder.root) == before
    staging = Directory(folder.root, environment="staging")
    found = plan(staging, file("prometheus.yml", "b", ""), file("shop/r.yml", "b", "shop"))
    assert len(found.of(Action.BLOCKED)) == 2 and "the environment live, and this is staging" in found.changes[0].reason
    assert staging.apply(found).error() is not None and contents(folder.root) == before
    # The project itself goes on, service by service and as a whole.
    assert apply(folder, cart).error() is None
    assert apply(folder, file("prometheus.yml", "b", ""), cart).error() is None
    assert contents(folder.root)["prometheus.yml"] == "b"
