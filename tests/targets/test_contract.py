"""What every delivery target promises, on a real folder and on a real API server.

A new target adds one `World` here: how to open it, how somebody else would interfere, and how to see that nothing
was written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import delivery
from harness.controlplane import ControlPlane
from harness.manifests import config_map

from capgen.artifact import Artifact
from capgen.errors import Refused
from capgen.reconcile import saved
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.outcome import Outcome, State
from capgen.reconcile.plan import Action, Plan
from capgen.reconcile.target import Target
from capgen.targets.directory import Directory

REQUEST = saved.Request(("specs",), (), "host")


@dataclass(frozen=True)
class World:
    target: Target
    read: Callable[[str], str | None]
    """What stands there under a name: the text, None when nothing does."""
    interfere: Callable[[str, str], None]
    """Somebody else sets the text of a thing, which may be capgen's or not be there."""
    writes: Callable[[], contextlib.AbstractContextManager[list[str]]]
    """Collects what is written inside the block."""


@pytest.fixture(params=["directory", "cluster"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "directory":
        return _folder(request.getfixturevalue("tmp_path") / "root")
    return _cluster(request.getfixturevalue("control_plane"), request.getfixturevalue("namespace"))


def thing(name: str, text: str, service: str = "apm") -> Artifact:
    """An artifact that both kinds of target take, with a text in it."""
    return config_map(name, {"text": text}, service)


def plan(world: World, *desired: Artifact) -> Plan:
    return delivery.plan(world.target, *desired)


def apply(world: World, *desired: Artifact) -> Outcome:
    return delivery.apply(world.target, *desired)


def actions(found: Plan) -> list[str]:
    """In the order of the names."""
    return list(delivery.each(found).values())


def states(outcome: Outcome) -> list[State]:
    """In the order of the names."""
    return [result.state for result in sorted(outcome.results, key=lambda result: result.key)]


def test_nothing_desired_is_a_clean_plan_and_no_write(world: World) -> None:
    with world.writes() as written:
        assert plan(world).is_clean
        assert apply(world).results == ()
    assert written == []


def test_create_then_unchanged_then_silent(world: World) -> None:
    one, two = thing("one", "1"), thing("two", "2")
    assert actions(plan(world, one, two)) == [Action.CREATE, Action.CREATE]
    assert world.read("one") is None, "a plan writes nothing"
    assert states(apply(world, one, two)) == [State.CREATED, State.CREATED]
    assert (world.read("one"), world.read("two")) == ("1", "2")
    with world.writes() as written:
        assert actions(plan(world, one, two)) == [Action.UNCHANGED, Action.UNCHANGED]
        outcome = apply(world, one, two)
    assert states(outcome) == [State.UNCHANGED, State.UNCHANGED]
    assert outcome.error() is None and not outcome.wrote
    assert written == []


def test_only_what_changed_is_written(world: World) -> None:
    apply(world, thing("one", "1"), thing("two", "2"))
    found = plan(world, thing("one", "1"), thing("two", "zwei"))
    assert actions(found) == [Action.UNCHANGED, Action.UPDATE]
    (field,) = found.of(Action.UPDATE)[0].fields
    assert "2" in str(field.old) and "zwei" in str(field.new)
    assert states(world.target.apply(found)) == [State.UNCHANGED, State.UPDATED]
    assert (world.read("one"), world.read("two")) == ("1", "zwei")


def test_a_rehearsal_writes_nothing(world: World) -> None:
    apply(world, thing("one", "1"))
    with world.writes() as written:
        rehearsed = world.target.rehearse(plan(world, thing("one", "eins"), thing("two", "2")))
    assert actions(rehearsed) == [Action.UPDATE, Action.CREATE]
    assert written == []
    assert (world.read("one"), world.read("two")) == ("1", None)


def test_what_somebody_else_changed_is_a_conflict_and_stays(world: World) -> None:
    apply(world, thing("one", "1"))
    world.interfere("one", "theirs")
    found = plan(world, thing("one", "1"))
    assert actions(found) == [Action.CONFLICT]
    assert found.changes[0].reason and found.changes[0].fields
    with world.writes() as written:
        outcome = world.target.apply(found)
    assert states(outcome) == [State.CONFLICT]
    assert outcome.error() is not None and "one" in str(outcome.error())
    assert written == []
    assert world.read("one") == "theirs"


def test_what_somebody_else_made_is_a_conflict_and_stays(world: World) -> None:
    world.interfere("one", "theirs")
    assert actions(plan(world, thing("one", "1"))) == [Action.CONFLICT]
    apply(world, thing("one", "1"))
    assert world.read("one") == "theirs"


def test_what_nobody_asks_for_any_more_goes_and_nothing_else(world: World) -> None:
    apply(world, thing("one", "1"), thing("two", "2"), thing("three", "3"), thing("other", "4", "other"))
    world.interfere("foreign", "theirs")
    found = plan(world, thing("one", "1"), thing("three", "3"))
    assert actions(found) == [Action.UNCHANGED, Action.UNCHANGED, Action.DELETE]  # one, three, two
    assert states(world.target.apply(found)) == [State.UNCHANGED, State.UNCHANGED, State.DELETED]
    standing = [world.read(name) for name in ("one", "two", "three", "other", "foreign")]
    assert standing == ["1", None, "3", "4", "theirs"]
    with world.writes() as written:
        assert plan(world, thing("one", "1"), thing("three", "3")).is_clean
        apply(world, thing("one", "1"), thing("three", "3"))
    assert written == []


def test_what_is_to_stay_stays_and_is_still_capgen_s(world: World) -> None:
    apply(world, thing("one", "1"), thing("two", "2"))
    desired = [thing("one", "eins")]
    found = build_plan(world.target.name, desired, world.target.read(desired), Rules(prune=False))
    assert actions(found) == [Action.UPDATE, Action.EXTRA]
    world.target.apply(found)
    assert world.read("two") == "2"
    assert actions(plan(world, thing("one", "eins"), thing("two", "zwei"))) == [Action.UNCHANGED, Action.UPDATE]


def test_what_somebody_changed_is_not_deleted_as_planned(world: World) -> None:
    apply(world, thing("one", "1"), thing("two", "2"))
    found = plan(world, thing("one", "1"))
    world.interfere("two", "theirs")
    with contextlib.suppress(Refused):
        assert states(world.target.apply(found)) == [State.UNCHANGED, State.FAILED]
    assert world.read("two") == "theirs"


def test_a_service_is_destroyed_by_name_and_the_others_stay(world: World) -> None:
    apply(world, thing("one", "1"), thing("two", "2"), thing("other", "3", "other"))
    live = world.target.read((), ["apm"])
    found = build_plan(world.target.name, (), live)
    assert actions(found) == [Action.DELETE] * 2 and live.services == {"apm", "other"}
    assert states(world.target.apply(found)) == [State.DELETED] * 2
    assert [world.read(name) for name in ("one", "two", "other")] == [None, None, "3"]
    assert world.target.read((), ["apm"]).services == {"other"}


def test_a_saved_plan_holds_until_something_in_it_moves(world: World) -> None:
    apply(world, thing("one", "1"), thing("two", "2"), thing("three", "3"))
    wanted = [thing("one", "eins"), thing("two", "zwei")]
    found = plan(world, *wanted)
    text = saved.dump(found, world.target.rehearse(found), REQUEST, world.target.place(), "0")
    assert text == saved.dump(found, world.target.rehearse(plan(world, *wanted)), REQUEST, world.target.place(), "0")
    kept = saved.load(text, "plan.json")
    assert kept.place == world.target.place() and kept.request == REQUEST
    assert saved.stale(kept, plan(world, *wanted)) == ()
    assert [s.key for s in saved.stale(kept, plan(world, wanted[0], thing("two", "deux")))] == [found.changes[1].key]
    world.interfere("three", "theirs")
    moved = saved.stale(kept, plan(world, *wanted))
    assert [s.key for s in moved] == [found.changes[2].key], "a deletion is stale when the thing is another one"
    assert moved[0].then and moved[0].then["action"] == "delete"


def test_one_service_at_a_time_keeps_the_others(world: World) -> None:
    apply(world, thing("one", "1", "first"))
    apply(world, thing("two", "2", "second"))
    assert plan(world, thing("one", "1", "first"), thing("two", "2", "second")).is_clean


@pytest.mark.parametrize("text", ["🔥 {{ x }} {% y %} $(z)", "\x7f\x85\u2028\ufeff\t\"'\\", "a\r\nb\n", "null"])
def test_any_text_comes_back_as_it_is(world: World, text: str) -> None:
    hostile = thing("hostile", text)
    assert states(apply(world, hostile)) == [State.CREATED]
    assert world.read("hostile") == text
    assert plan(world, hostile).is_clean


def test_the_order_of_artifacts_says_nothing(world: World) -> None:
    things = [thing(f"n{n}", str(n)) for n in range(6)]
    expected = plan(world, *things)
    for turned in (things[::-1], things[3:] + things[:3]):
        assert plan(world, *turned) == expected


def test_every_change_has_a_result_in_the_plan_s_order(world: World) -> None:
    apply(world, thing("b", "1"), thing("c", "1"))
    world.interfere("c", "theirs")
    found = plan(world, thing("a", "1"), thing("b", "1"), thing("c", "2"))
    outcome = world.target.apply(found)
    assert "b" in outcome.of(State.UNCHANGED)[0].key.rpartition("/")[2] and len(outcome.results) == 3
    told = [result.key for result in outcome.results if result.state is not State.UNCHANGED]
    assert told == [change.key for change in found.changes if change.action is not Action.UNCHANGED]


# --- the two worlds


def _folder(root: Path) -> World:
    def place(name: str) -> Path:
        return next(iter(root.glob(f"*/ConfigMap-{name}.yaml")), root / f"apm/ConfigMap-{name}.yaml")

    def read(name: str) -> str | None:
        if not place(name).exists():
            return None
        from capgen import yamlio

        node, _ = yamlio.read(yamlio.Source(name, place(name).read_bytes().decode()))
        text = node.at(("data", "text")) if node else None
        return str(text.value) if text else None

    def interfere(name: str, text: str) -> None:
        place(name).parent.mkdir(parents=True, exist_ok=True)
        place(name).write_bytes(thing(name, text).text.encode())

    def files() -> dict[str, tuple[int, int]]:
        return {str(p): (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in (root, *root.rglob("*")) if p.exists()}

    @contextlib.contextmanager
    def writes() -> Iterator[list[str]]:
        before = files()
        written: list[str] = []
        yield written
        after = files()
        written += sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))

    return World(Directory(root), read, interfere, writes)


def _cluster(plane: ControlPlane, namespace: str) -> World:
    target = delivery.open_as(plane, namespace)

    def read(name: str) -> str | None:
        if not plane.kubectl("get", "configmap", name, "-n", namespace, "--ignore-not-found"):
            return None
        return str(plane.get("configmap", name, namespace)["data"]["text"])

    def interfere(name: str, text: str) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}
        plane.apply_as("somebody", {**body, "data": {"text": text}}, "--force-conflicts")

    @contextlib.contextmanager
    def writes() -> Iterator[list[str]]:
        written: list[str] = []
        with plane.recorded() as seen:
            yield written
        written += [f"{request.verb} {request.uri}" for request in seen if request.writes]

    return World(target, read, interfere, writes)
