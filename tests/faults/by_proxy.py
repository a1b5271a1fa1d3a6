"""Faults between capgen and the API server: the proxy answers, cuts, delays, or lets something happen first."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from cli.command import Ran
from faults.scene import QUICK, Scene
from harness.proxy import Fault, Seen, status

Injected = Callable[[Scene], Ran]
CHANGED = ("max: 10", "max: 12")


def quickly() -> dict[str, Any]:
    return {name.replace(".", "__"): value for name, value in QUICK.items()}


def killed(number: int, when: str) -> Injected:
    """SIGKILL at a write of a run that changes, makes and deletes; one kind comes and one goes, so that the inventory is
    written twice.
    """

    def inject(scene: Scene) -> Ran:
        scene.applied()
        scene.workloads("web", "search", "more")
        scene.change(*CHANGED)
        scene.change("prometheus: operator", "prometheus: configmap", file=scene.environment)
        left, pid = [number], [0]

        def rule(seen: Seen) -> Fault | None:
            left[0] -= seen.writes
            if seen.writes and left[0] == 0:
                if when == "before":
                    os.kill(pid[0], signal.SIGKILL)
                    return Fault(reset="before")
                return Fault(reset="after", then=lambda: os.kill(pid[0], signal.SIGKILL))
            return None

        scene.proxy.rule = rule
        run = scene.start("apply", "--env", "live", "--yes")
        pid[0] = run.process.pid or 0
        ran = run.ended()
        scene.afterwards(lambda: stale_leases(scene))
        return ran

    return inject


def stale_leases(scene: Scene) -> None:
    """What a killed run held is old a minute later."""
    for name in scene.leases():
        scene.patch("lease", name, {"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}})


def answered(fault: Fault, *, method: str, path: str, times: int = 1, more: tuple[str, ...] = ()) -> Injected:
    """Some answers to a run that changes one object, makes one and deletes one are the fault."""

    def inject(scene: Scene) -> Ran:
        scene.applied()
        scene.workloads("web", "search", "more")
        scene.change(*CHANGED)
        scene.proxy.fails(fault, times=times, method=method, path=path)
        return scene.apply(*more, **quickly())

    return inject


def dated(seconds: int) -> Fault:
    return status(429, "too many", headers={"Retry-After": formatdate(time.time() + seconds, usegmt=True)})


def refused_dry_run(scene: Scene) -> Ran:
    scene.proxy.fails(status(403, 'User "x" cannot patch resource "x"'), times=99, path="dryRun=All")
    return scene.diff()


def webhook_without_dry_run(scene: Scene) -> Ran:
    refused = status(400, "admission webhook hook.example.org does not support dry run", reason="BadRequest")
    scene.proxy.fails(refused, times=99, path="dryRun=All")
    return scene.diff()


def between(method: str, path: str, does: Callable[[Scene], object], change: bool = True) -> Injected:
    """Somebody does something in the middle of the run."""

    def inject(scene: Scene) -> Ran:
        scene.applied()
        if change:
            scene.change(*CHANGED)
        else:
            scene.workloads("web", "search")
        scene.meanwhile(method, path, lambda: does(scene))
        return scene.apply()

    return inject


def old_list(scene: Scene) -> Ran:
    scene.applied()
    scene.proxy.fails(status(410, "The provided continue parameter is too old", reason="Expired"), path="continue=")
    return scene.diff(capgen__targets__kubernetes__PAGE=1)


def shrinking_list(scene: Scene) -> Ran:
    scene.applied()
    scene.meanwhile("GET", "continue=", lambda: scene.plane.kubectl("delete", "hpa", "cart-hpa", "-n", scene.namespace))
    return scene.apply(capgen__targets__kubernetes__PAGE=1)


def broken_off(fault: Fault) -> Injected:
    """The first page of a list comes, and the rest of it does not; something is left over."""

    def inject(scene: Scene) -> Ran:
        scene.applied()
        scene.workloads("web", "search")
        scene.proxy.fails(fault, times=99, path="continue=")
        ran = scene.apply(capgen__targets__kubernetes__PAGE=1, **quickly())
        assert scene.live("cart") and not [write for write in scene.writes() if write.startswith("DELETE")]
        return ran

    return inject


def deletions_recorded(scene: Scene) -> Ran:
    scene.applied()
    scene.workloads("web", "search")
    assert scene.diff().code == 4 and not any(seen.writes for seen in scene.proxy.seen)
    ran = scene.apply()
    deletions = [seen for seen in scene.proxy.seen if seen.method == "DELETE"]
    assert len(deletions) == 2, "the object and the lease"
    for seen in deletions:
        body = json.loads(seen.body)
        assert "?" not in seen.path and body["propagationPolicy"] == "Background"
        assert body["preconditions"].keys() == {"uid", "resourceVersion"}
    return ran


def old_server_s_dry_run(scene: Scene) -> Ran:
    """Servers before 1.27 return the first metric of an HPA twice in a dry run; order and quantities may be others."""
    scene.change("owner: team}", 'owner: team}\nsources: {web: {exporter: otel_http, targets: ["h:9100"]}}')
    scene.change("targets: {cpu: 70%}", "targets: {cpu: 70%, memory: 80%, web.throughput: 1500}")
    scene.applied()
    assert {metric["type"] for metric in scene.live("web")["spec"]["metrics"]} == {"Resource", "External"}
    listed = json.loads(scene.plane.kubectl("get", "hpa", "-n", scene.namespace, "-o", "json", "--show-managed-fields"))
    for item in listed["items"]:
        item["spec"]["metrics"].reverse()
        for metric in item["spec"]["metrics"]:
            if metric["type"] == "External":
                assert metric["external"]["target"]["averageValue"] == "1500"
                metric["external"]["target"]["averageValue"] = "1500000m"
    body = json.dumps({**listed, "metadata": {}}).encode()
    scene.proxy.fails(Fault(200, {"Content-Type": "application/json"}, body), path="/horizontalpodautoscalers?")
    ran = scene.diff()
    assert not any("dryRun" in seen.path for seen in scene.proxy.seen), "what is as it is wanted is not asked about"
    return ran
