"""Two environments or two projects in one namespace: neither overwrites, deletes or counts what is the other's."""

from __future__ import annotations

from pathlib import Path

from harness.controlplane import ControlPlane
from harness.delivery import apply, contents, file, plan
from harness.manifests import config_map
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.errors import PartlyDone
from capgen.reconcile import applyset
from capgen.reconcile.build import Rules, build_plan
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
    destroyed = build_plan(staging.name, (), staging.read((), ["shop"]))
    assert not destroyed.of(Action.DELETE) and "the environment live" in destroyed.changes[0].reason
    # The project itself goes on, service by service and as a whole.
    assert apply(folder, cart).error() is None
    assert apply(folder, file("prometheus.yml", "b", ""), cart).error() is None
    assert contents(folder.root)["prometheus.yml"] == "b"


def test_a_project_with_a_name_is_known_when_its_only_service_is_renamed_and_by_nothing_else(
    cluster: Cluster, tmp_path: Path
) -> None:
    ours, theirs = (
        (
            replace(cluster, environment="live", project=name),
            Directory(tmp_path / "out", environment="live", project=name),
        )
        for name in ("store", "bank")
    )
    for (target, of_others, nameless), made in (
        ((ours[0], theirs[0], replace(ours[0], project="")), _maps),
        ((ours[1], theirs[1], replace(ours[1], project="")), _files),
    ):
        assert apply(target, *made("shop", "a")).error() is None
        renamed = plan(target, *made("web", "b"))
        assert not renamed.of(Action.BLOCKED, Action.CONFLICT) and target.apply(renamed).error() is None
        assert plan(target, *made("web", "b")).is_clean
        for stranger, called in ((of_others, "the project bank"), (nameless, "names none here")):
            found = plan(stranger, *made("web", "c"))
            assert not [change for change in found.changes if change.writes], "the same names, and another project's"
            reason = found.of(Action.BLOCKED)[0].reason
            assert "the project store" in reason and (called.removeprefix("the project ") in reason)
            assert stranger.apply(found).error() is not None
            gone = build_plan(stranger.name, (), stranger.read((), ["web", "shop"]))
            assert not gone.of(Action.DELETE)
        assert plan(target, *made("web", "b")).is_clean
        assert {change.service for change in build_plan("it", (), target.read((), ["shop"])).of(Action.DELETE)} == {
            "shop"
        }


def test_what_a_renamed_service_still_wants_goes_over_to_it_and_never_from_who_is_declared(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    """Objects that are called by their workload and not by their service keep their names, and their place."""
    whole = Rules(whole=True)
    live = replace(cluster, environment="live", project="store")
    assert (
        apply(live, config_map("web", {"n": "1"}, service="shop"), config_map("old", {}, service="shop")).error()
        is None
    )
    uid = control_plane.get("configmap", "web", namespace)["metadata"]["uid"]
    wanted = [config_map("web", {"n": "2"}, service="store-web")]
    for target, rules in ((live, Rules()), (replace(live, project="bank"), whole), (replace(live, project=""), whole)):
        found = build_plan("it", (), target.read(wanted), rules)
        assert "belongs to another inventory" in found.of(Action.BLOCKED)[0].reason, (
            "a part of the project, or another's"
        )
    found = build_plan("it", (), live.read(wanted), whole)
    assert "it goes over from shop" in found.of(Action.UPDATE)[0].reason and live.apply(found).error() is None
    assert control_plane.get("configmap", "web", namespace)["metadata"]["uid"] == uid
    assert build_plan("it", (), live.read(wanted), whole).is_clean
    gone = build_plan("it", (), live.read((), ["shop"]))
    assert [change.key.rpartition("/")[2] for change in gone.of(Action.DELETE)] == ["old"], (
        "what moved is not the old one's"
    )
    assert live.apply(gone).error() is None and build_plan("it", (), live.read(wanted), whole).is_clean


def _maps(service: str, text: str) -> list[Artifact]:
    return [config_map("routes", {"to": text}, service=""), config_map(service, {"text": text}, service=service)]


def _files(service: str, text: str) -> list[Artifact]:
    return [file("prometheus.yml", text, ""), file(f"{service}/r.yml", text, service)]
