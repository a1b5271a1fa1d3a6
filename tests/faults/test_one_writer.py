"""One writer at a time, with real processes: stopped by a signal, killed, or in each other's way."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
from faults.scene import Scene
from harness.controlplane import ControlPlane
from harness.forked import Forked
from harness.proxy import Fault, Proxy, Seen, status

APPLY = ("apply", "--env", "live", "--yes")


@pytest.fixture
def scene(control_plane: ControlPlane, namespace: str, proxy: Proxy, tmp_path: Path) -> Scene:
    return Scene(tmp_path, control_plane, namespace, proxy)


def reached(
    scene: Scene, method: str, path: str, fault: Fault | None = None, *, after: bool = False
) -> threading.Event:
    """Set when such a request is there (`after`: when the server has done it); its answer is late, or the fault."""
    there = threading.Event()

    def rule(seen: Seen) -> Fault | None:
        if seen.method != method or path not in seen.path or there.is_set():
            return None
        if after:
            return Fault(reset="after", then=lambda: (there.set(), threading.Event().wait(1)))
        there.set()
        return fault

    scene.proxy.rule = rule
    return there


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    "where", ["the lease was just made", "an object is written", "the server asked it to wait", "it deletes"]
)
def test_whoever_is_told_to_end_gives_the_lease_back(scene: Scene, where: str, told: signal.Signals) -> None:
    scene.applied()
    scene.workloads("web", "more")
    scene.change("max: 10", "max: 12")
    there = {
        "the lease was just made": lambda: reached(scene, "POST", "/leases", after=True),
        "an object is written": lambda: reached(scene, "PATCH", "/more-hpa", Fault(seconds=1)),
        "the server asked it to wait": lambda: reached(
            scene, "PATCH", "/web-hpa", status(429, "busy", headers={"Retry-After": "60"})
        ),
        "it deletes": lambda: reached(scene, "DELETE", "/cart-hpa", Fault(seconds=1)),
    }[where]()
    run = scene.start(*APPLY)
    assert there.wait(20)
    run.tell(told)
    ran = run.ended(20)
    assert (ran.code, ran.err.splitlines()[-1]) == (130, "interrupted"), ran.err
    assert "Traceback" not in ran.err and not scene.leases()
    scene.gone()
    assert scene.apply().code == 0 and scene.diff().code == 0


def held_up(scene: Scene, path: str, **put: object) -> tuple[Forked, threading.Event]:
    """A run that has the lease and is in the middle of writing, until the event is set."""
    there, go_on = threading.Event(), threading.Event()

    def rule(seen: Seen) -> Fault | None:
        if seen.method == "PATCH" and path in seen.path and not there.is_set():
            there.set()
            go_on.wait(30)
        return None

    scene.proxy.rule = rule
    run = scene.start(*APPLY, **put)
    assert there.wait(20)
    return run, go_on


FOR_ALL = {"capgen__reconcile__applyset__FEW": 0}
"""As a run for many services does it."""


@pytest.mark.parametrize("first_for_all", [True, False])
def test_a_run_for_many_services_and_one_for_few_keep_each_other_away(scene: Scene, first_for_all: bool) -> None:
    one, other = (FOR_ALL, {}) if first_for_all else ({}, FOR_ALL)
    first, go_on = held_up(scene, "/web-hpa", **one)
    assert ("capgen-all" in scene.leases()) is first_for_all
    second = scene.apply(capgen__targets__lease__SECONDS=1, **other)
    assert second.code == 6 and f"/{first.process.pid}/" in second.err and "nothing was changed" in second.err
    go_on.set()
    assert first.ended().code == 0 and not scene.leases()
    scene.change("max: 10", "max: 12")
    assert scene.apply(**other).code == 0 and scene.diff().code == 0 and not scene.leases()


def test_who_sees_the_lease_of_all_gives_its_own_back_and_waits(scene: Scene) -> None:
    """Both may be there at the same time, as each writes first and looks then: the one for few gives way."""
    came = threading.Event()

    def rule(seen: Seen) -> Fault | None:
        if seen.method == "POST" and "/leases" in seen.path and not came.is_set():
            came.set()
            renewed = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
            spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 1, "renewTime": renewed}
            metadata = {"name": "capgen-all", "namespace": scene.namespace}
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            scene.plane.kubectl("create", "-f", "-", stdin=lease)
        return None

    scene.proxy.rule = rule
    assert scene.apply().code == 0
    steps = [
        (s.method, "all" if "capgen-all" in s.path else "own")
        for s in scene.proxy.seen
        if "/leases" in s.path and s.method != "PUT"
    ]
    taken, looked, left = ("POST", "own"), ("GET", "all"), ("DELETE", "own")
    first = steps.index(looked)
    again = steps.index(taken, first)
    assert taken in steps[:first] and left in steps[first:again], "given back when it is seen"
    assert steps[first:again].count(looked) > 1, "and not taken again before the other one is stale"
    assert steps[again:].count(left) == steps[again:].count(taken) and scene.leases() == ["capgen-all"]


def test_a_run_for_many_services_holds_one_lease(scene: Scene) -> None:
    assert scene.apply(**FOR_ALL).code == 0
    asked = [s for s in scene.proxy.seen if "/leases" in s.path]
    assert [s.path.rpartition("/")[2] for s in asked if s.method == "DELETE"] == ["capgen-all"]
    assert len(asked) == 5, "looked for, made, beside it nobody's, by the server's clock, and given back"


def test_a_second_writer_is_stopped_and_the_first_one_is_not_disturbed(scene: Scene) -> None:
    first, go_on = held_up(scene, "/web-hpa")
    second = scene.apply(capgen__targets__lease__SECONDS=1)
    assert second.code == 6 and f"/{first.process.pid}/" in second.err and "nothing was changed" in second.err
    hurried = scene.apply("--timeout", "2", capgen__targets__lease__SECONDS=600)
    assert hurried.code == 6 and "holds the lease" in hurried.err, "it waits no longer than the run may take"
    go_on.set()
    assert first.ended().code == 0 and not scene.leases()


def test_a_killed_writer_s_lease_is_taken_over_when_it_is_stale(scene: Scene) -> None:
    scene.proxy.rule = lambda _: None
    there = reached(scene, "PATCH", "/web-hpa", Fault(seconds=2))
    run = scene.start(*APPLY, capgen__targets__lease__SECONDS=2)
    assert there.wait(20)
    run.tell(signal.SIGKILL)
    assert run.ended().code == -signal.SIGKILL and scene.leases()
    scene.gone()
    begun = len(scene.proxy.seen)
    assert scene.apply(capgen__targets__lease__SECONDS=5).code == 0
    looked = [s for s in scene.proxy.seen[begun:] if s.method == "GET" and "/leases/" in s.path]
    assert len(looked) > 1, "not before it was stale"
    assert not scene.leases() and scene.diff().code == 0


@pytest.mark.parametrize("how", ["somebody took it", "it could not be renewed", "it was renewed too late"])
def test_who_may_not_have_the_lease_any_more_writes_nothing_more(scene: Scene, how: str) -> None:
    """The run was held up for longer than its lease lasts."""
    there, go_on, looked = threading.Event(), threading.Event(), threading.Event()

    def rule(seen: Seen) -> Fault | None:
        if seen.method == "PATCH" and "capgen-shop" in seen.path and not there.is_set():
            there.set()
            go_on.wait(30)
        if how == "it was renewed too late" and seen.method == "PUT":
            looked.set()
        elif seen.method == "GET" and "/leases/" in seen.path and there.is_set():
            if how == "it was renewed too late":
                return Fault(seconds=0 if looked.is_set() else 2)
            looked.set()
            return status(503, "no") if how == "it could not be renewed" else None
        return None

    scene.proxy.rule = rule
    run = scene.start(*APPLY, capgen__targets__lease__SECONDS=1)
    assert there.wait(20)
    if how == "somebody took it":
        scene.patch("lease", "capgen.shop", {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 3600}})
        looked.clear()
    assert looked.wait(10)
    time.sleep(0.5 if how == "it was renewed too late" else 1.2)  # it is renewed by now; the lease's own time
    go_on.set()
    ran = run.ended()
    said = "another run took the lease" if how == "somebody took it" else "could not be renewed for 1 s"
    assert ran.code == 5 and said in ran.err, ran.err
    assert not [write for write in scene.writes() if "-hpa" in write]
    assert scene.leases() == (["capgen.shop"] if how == "somebody took it" else []), "only one's own is given back"


def test_whoever_waits_no_longer_is_told_what_was_done_and_waits_again_next_time(scene: Scene) -> None:
    there = reached(scene, "GET", "/horizontalpodautoscalers/web-hpa")
    run = scene.start(*APPLY, "--wait", "600")
    assert there.wait(20)
    run.tell(signal.SIGINT)
    ran = run.ended(20)
    assert (ran.code, ran.err.splitlines()[-1]) == (130, "interrupted"), ran.err
    assert "web-hpa created" in ran.out and "capgen-shop created" in ran.out, ran.out
    scene.gone()
    again = scene.run("apply", "--env", "live", "--wait", "0.1")  # there is nothing to write, so nothing to say yes to
    assert again.code == 5 and "web-hpa not-ready: waited 0.1 s: " in again.out, again.out + again.err
    assert not scene.leases()
