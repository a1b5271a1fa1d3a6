"""Diffs of a thousand objects that have not changed, against a real API server, beside `kubectl diff`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cases import Bench, Row

_DIFF = """
import sys
from pathlib import Path
from capgen.artifact import Artifact
from capgen.reconcile.build import build_plan
from capgen.targets import kubeconfig, kubernetes

files = sorted(Path("objects").iterdir())
desired = [Artifact(f.name, f.read_text(), "", f.name.partition("-")[0], kubernetes=True) for f in files]
cluster = kubernetes.connect(kubeconfig.load([Path("kubeconfig")]), "bench")
plan = build_plan(cluster.name, desired, cluster.read(desired))
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


def deliveries(bench: Bench) -> Iterator[Row]:
    """From manifests to the answer that nothing has changed."""
    folder = bench.folder("deliveries")
    objects = folder / "objects"
    objects.mkdir()
    for number in range(bench.fleet // 2):
        name = f"svc{number // 50}-{number}"
        (objects / f"{name}-hpa.yaml").write_text(_HPA.format(name=name))
        (objects / f"{name}-config.yaml").write_text(_CONFIG.format(name=name, body="echo checked; " * 100))
    with _control_plane(folder) as plane:
        from harness.proxy import serving

        plane.kubectl("create", "namespace", "bench")
        (folder / "kubeconfig").write_bytes(plane.kubeconfig().read_bytes())
        bench.cost([sys.executable, "-c", _DIFF, "apply"], folder, runs=1)
        for where, delay in (("loopback", 0.0), ("10 ms round trips", 0.01)):
            with contextlib.ExitStack() as stack:
                if delay:
                    proxy = stack.enter_context(serving(plane, bench.folder("proxy")))
                    proxy.delay = delay
                    (folder / "kubeconfig").write_bytes(proxy.kubeconfig().read_bytes())
                made = f"{len(list(objects.iterdir())):,} objects"
                ours = bench.cost([sys.executable, "-c", _DIFF], folder)
                times = 10 if delay else 5
                theirs = None
                if bench.with_peers:
                    command = [
                        plane.kubectl_path,
                        "--kubeconfig=kubeconfig",
                        "diff",
                        "--server-side",
                        "-f",
                        "objects",
                    ]
                    theirs = bench.cost(command, folder, runs=1)
                reached = ours.wall * times <= theirs.wall if theirs and bench.fleet >= 1000 else None
                goal = f"≥ {times} × faster than kubectl diff" if reached is not None else ""
                yield Row(f"diff, {where}", "capgen", ours, made, goal, reached)
                if theirs:
                    yield Row(f"diff, {where}", "kubectl diff", theirs, made)


@contextlib.contextmanager
def _control_plane(folder: Path) -> Iterator[Any]:
    from harness.binaries import find
    from harness.controlplane import running

    place = folder / "control-plane"
    place.mkdir()
    with running(find("etcd"), find("kube-apiserver"), find("kubectl"), place) as plane:
        yield plane
