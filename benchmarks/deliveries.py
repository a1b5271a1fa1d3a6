"""Diffs of a thousand objects that have not changed, against a real API server, beside `kubectl diff`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cases import CAPGEN, Bench, Row
from services import TEAMS, write_fleet

_DIFF = """
import os
import sys
from pathlib import Path
from capgen.artifact import Artifact
from capgen.reconcile.build import build_plan
from capgen.targets import kubeconfig, kubernetes

def read(entry):
    with open(entry.path) as file:
        return Artifact(entry.name, file.read(), "", sys.intern(entry.name.partition("-")[0]), kubernetes=True)

# One name at a time: a list of ten thousand, and a text of each one's service, are megabytes that are not capgen's.
desired = map(read, os.scandir("objects"))
cluster = kubernetes.connect(kubeconfig.load([Path("kubeconfig")]), "bench")
plan = build_plan(cluster.name, (), cluster.read(desired))
if sys.argv[1:] == ["apply"]:
    sys.exit(cluster.apply(plan).error())
sys.exit(not plan.is_clean)
"""
_HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: "{name}", namespace: bench}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: "{name}"}}
  minReplicas: 2
  maxReplicas: 20
  metrics:
  - type: Resource
    resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 70}}}}
  behavior:
    scaleDown: {{stabilizationWindowSeconds: 600, policies: [{{type: Percent, value: 10, periodSeconds: 60}}]}}
"""
_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: "{name}", namespace: bench}}
data:
  check.sh: |
    #!/bin/sh
    {body}
"""


TIMES = {"loopback": 5, "10 ms round trips": 10}
"""Where it is measured, and how many times faster than `kubectl diff` it has to be there."""
MANY = 10_000
FLAT = 1.2
OBJECTS = 4
"""What a service of the fleet is delivered as: its rules, its scrape job, its dashboard and its autoscaler, or a second job."""
_LIVE = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
kubernetes: {namespace: fleet, context: admin}
deliver: {prometheus: operator, grafana: sidecar, alertmanager: none, jobs: cronjob, metrics: none}
"""


def deliveries(bench: Bench) -> Iterator[Row]:
    """From manifests to the answer that nothing has changed."""
    folder = bench.folder("deliveries")
    objects = folder / "objects"
    objects.mkdir()
    apply, diff = [sys.executable, "-c", _DIFF, "apply"], [sys.executable, "-c", _DIFF]
    _write(objects, 0, bench.fleet)
    with _control_plane(folder) as plane, contextlib.ExitStack() as stack:
        from harness.proxy import serving

        for name in ("bench", "fleet"):
            plane.kubectl("create", "namespace", name)
        through = stack.enter_context(serving(plane, bench.folder("proxy")))
        through.delay, through.token = 0.01, "admin-token"
        (folder / "kubeconfig").write_bytes(plane.kubeconfig().read_bytes())
        made = f"{bench.fleet:,} objects"
        yield Row("apply, loopback", "capgen", bench.cost(apply, folder, once=True), f"{made} created")
        kubectl = [plane.kubectl_path, "--kubeconfig=kubeconfig", "diff", "--server-side", "-f", "objects"]
        few = 0
        for where, times in TIMES.items():
            if where != "loopback":
                (folder / "kubeconfig").write_bytes(through.kubeconfig().read_bytes())
            through.seen.clear()
            ours = bench.cost(diff, folder)
            few = few or ours.memory
            asked = _asked(through.seen, bench.runs + 1)
            # A minute and more each: nobody needs it twice.
            theirs = bench.cost(kubectl, folder, once=True) if bench.with_peers else None
            reached = ours.wall * times <= theirs.wall if theirs and bench.fleet >= 1000 else None
            goal = f"≥ {times} × faster than kubectl diff" if reached is not None else ""
            yield Row(f"diff, {where}", "capgen", ours, f"{made}{asked}", goal, reached)
            if theirs:
                yield Row(f"diff, {where}", "kubectl diff", theirs, made)
        if bench.fleet >= 1000:
            (folder / "kubeconfig").write_bytes(plane.kubeconfig().read_bytes())
            _write(objects, bench.fleet, MANY)
            yield Row(
                "apply, loopback",
                "capgen",
                bench.cost(apply, folder, once=True),
                f"{MANY - bench.fleet:,} objects created",
            )
            many = bench.cost(diff, folder, once=True)
            goal, reached = f"memory ≤ {FLAT} × that of {bench.fleet:,}", many.memory <= FLAT * few
            yield Row("diff, loopback", "capgen", many, f"{MANY:,} objects", goal, reached)
            yield from _fleets(bench, plane)


def _fleets(bench: Bench, plane: Any) -> Iterator[Row]:
    """From specs: what `capgen diff` does, compiled and compared."""
    from harness.binaries import component
    from harness.controlplane import CRDS, wait_for_crds

    plane.kubectl("apply", "--server-side", *(f"--filename={component('crds') / name}" for name in CRDS))
    wait_for_crds(plane)
    for team in range(TEAMS):
        plane.kubectl("create", "namespace", f"team-{team}")
    folder = bench.folder("fleets")
    (bench.scratch / ".kube").mkdir(exist_ok=True)
    (bench.scratch / ".kube/config").write_bytes(plane.kubeconfig().read_bytes())
    few = 0
    for objects in (bench.fleet, MANY):
        services = objects // OBJECTS
        write_fleet(folder, services)
        (folder / "specs/environment.yaml").write_text(_LIVE, encoding="utf-8")
        made = f"{services:,} services, {objects:,} objects"
        apply = [*CAPGEN, "apply", "--yes", "--env", "live", "--timeout", "1200"]
        yield Row("apply, from specs", "capgen", bench.cost(apply, folder, once=True), made)
        cost = bench.cost([*CAPGEN, "diff", "--exit-code", "--env", "live"], folder, once=True)
        goal, reached = (f"memory ≤ {FLAT} × that of {bench.fleet:,}", cost.memory <= FLAT * few) if few else ("", None)
        few = few or cost.memory
        yield Row("diff, from specs", "capgen", cost, made, goal, reached)


def _write(objects: Path, first: int, end: int) -> None:
    """Manifests of a fleet: fifty objects a service, an autoscaler and a script in turn."""
    for number in range(first // 2, end // 2):
        name = f"svc{number // 25}-{number}"
        (objects / f"{name}-hpa.yaml").write_text(_HPA.format(name=name))
        (objects / f"{name}-config.yaml").write_text(_CONFIG.format(name=name, body="echo checked; " * 100))


def _asked(seen: Sequence[Any], runs: int) -> str:
    """What one run asked of the server, where somebody counted."""
    if not seen:
        return ""
    return f", {len(seen) // runs} requests, {sum(request.writes for request in seen) // runs} writes"


@contextlib.contextmanager
def _control_plane(folder: Path) -> Iterator[Any]:
    from harness.binaries import find
    from harness.controlplane import running

    place = folder / "control-plane"
    place.mkdir()
    with running(find("etcd"), find("kube-apiserver"), find("kubectl"), place) as plane:
        yield plane
