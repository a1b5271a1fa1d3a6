"""A project of one service with three autoscalers, a real API server, and a proxy in between that breaks what it is told.

What a fault did is undone by `scene.gone()`, so that a test can see how the next run goes.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cli.command import Ran
from harness import forked
from harness.controlplane import ControlPlane
from harness.proxy import Fault, Proxy, Seen

from capgen.targets import kubeconfig, kubernetes

WORKLOAD = """\
  %s:
    kind: Deployment
    namespace: %s
    containers: {main: {requests: {cpu: 500m, memory: 512Mi}}}
    horizontal: {replicas: {min: 2, max: 10}, targets: {cpu: 70%%}}
"""
SPEC = "apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: %s, owner: team}\nworkloads:\n"
ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
kubernetes: {namespace: %s}
deliver: {prometheus: operator, grafana: none, jobs: none, alertmanager: none}
prometheus: {url: "http://prometheus:9090"}
"""
QUICK: Mapping[str, Any] = {"capgen.targets.wire._TRIES": 3}
"""For troubles that last: three tries are as good as six."""


class Scene:
    """`spec` and `environment` are the project's files; every run goes through the proxy as `admin`."""

    def __init__(self, folder: Path, plane: ControlPlane, namespace: str, proxy: Proxy) -> None:
        self.folder, self.plane, self.namespace, self.proxy = folder, plane, namespace, proxy
        self.spec, self.environment = folder / "specs/shop.yaml", folder / "specs/environments/live.yaml"
        self.environment.parent.mkdir(parents=True)
        self.environment.write_text(ENVIRONMENT % namespace)
        self.workloads("web", "cart", "search")
        self.kubeconfig = str(proxy.kubeconfig())
        self._undo = contextlib.ExitStack()

    # --- the project

    def workloads(self, *names: str, service: str = "shop") -> None:
        """Declares these and no others."""
        text = SPEC % service + "".join(WORKLOAD % (name, self.namespace) for name in names)
        (self.spec.parent / f"{service}.yaml").write_text(text)

    def change(self, old: str, new: str, *, file: Path | None = None, times: int = -1) -> None:
        """Edits the spec, or another file of the project."""
        path = file or self.spec
        text = path.read_text()
        assert old in text, text
        path.write_text(text.replace(old, new, times))

    def template(self, name: str, text: str) -> None:
        """Lays a template of the project's own over capgen's."""
        path = self.folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.afterwards(path.unlink)

    # --- runs

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, **put: Any) -> forked.Forked:
        given = {"KUBECONFIG": self.kubeconfig, "HOME": str(self.folder), **(env or {})}
        values = {name.replace("__", "."): value for name, value in put.items()}
        return forked.start(*arguments, cwd=self.folder, env=given, put=values)

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, **put: Any) -> Ran:
        return self.start(*arguments, env=env, **put).ended()

    def apply(self, *more: str, env: Mapping[str, str] | None = None, **put: Any) -> Ran:
        return self.run("apply", "--env", "live", "--yes", "--format", "json", *more, env=env, **put)

    def applied(self, *more: str) -> None:
        ran = self.apply(*more)
        assert ran.code == 0, ran.err
        self.proxy.seen.clear()

    def diff(self, *more: str, **put: Any) -> Ran:
        return self.run("diff", "--env", "live", "--exit-code", "--format", "json", *more, **put)

    # --- the cluster

    def hpa(self, name: str, **patch: Any) -> None:
        """Somebody edits an HPA."""
        self.patch("hpa", f"{name}-hpa", {"spec": patch}, "--field-manager=kubectl-edit")

    def patch(self, kind: str, name: str, patch: object, *flags: str) -> None:
        self.plane.kubectl(
            "patch", kind, name, "-n", self.namespace, "--type=merge", "-p", json.dumps(patch), *flags
        )  # fmt: skip

    def live(self, name: str, kind: str = "hpa") -> dict[str, Any]:
        return self.plane.get(kind, f"{name}-hpa" if kind == "hpa" else name, self.namespace)

    def create(self, document: Mapping[str, Any], *, home: bool = False) -> None:
        """Puts something into the cluster, and takes what belongs to no namespace away afterwards."""
        self.plane.kubectl("create", *(["-n", self.namespace] if home else []), "-f", "-", stdin=document)
        if not home:
            self.afterwards(lambda: self.plane.kubectl("delete", document["kind"], document["metadata"]["name"]))

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def meanwhile(self, method: str, path: str, does: Callable[[], object]) -> None:
        """Does something once, in the moment before such a request reaches the server."""
        left = [does]

        def rule(seen: Seen) -> Fault | None:
            if seen.method == method and path in seen.path and left:
                left.pop()()
            return None

        self.proxy.rule = rule

    def leases(self) -> list[str]:
        """Who writes, or did when it was killed."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        wire = kubernetes.connect(kubeconfig.load([Path(self.kubeconfig)])).wire
        return [item["metadata"]["name"] for item in wire.request("GET", path, {}).document["items"]]

    def declared(self) -> set[str]:
        """The workloads of all specs."""
        return {
            name
            for spec in self.spec.parent.glob("*.yaml")
            for name in re.findall(r"(?m)^  (\w+):\n    kind: Dep", spec.read_text())
        }

    def delivered(self) -> set[str]:
        """The workloads whose autoscalers are there and capgen's, in whatever namespace of this test."""
        listed = json.loads(self.plane.kubectl("get", "hpa", "-A", "-o", "json", "--show-managed-fields"))["items"]
        ours = {self.namespace, f"{self.namespace}-new"}
        return {
            item["metadata"]["name"].removesuffix("-hpa") for item in listed
            if item["metadata"]["namespace"] in ours and any(e["manager"] == "capgen" for e in item["metadata"]["managedFields"])
        }  # fmt: skip

    def writes(self) -> list[str]:
        """What was written of objects, leases aside."""
        return [f"{s.method} {s.path}" for s in self.proxy.seen if s.writes and "/leases" not in s.path]

    # --- the end of a fault

    def afterwards(self, undo: Callable[[], object]) -> None:
        self._undo.callback(undo)

    def gone(self) -> None:
        self.proxy.rule = lambda _: None
        self._undo.close()


def states(ran: Ran) -> dict[str, str]:
    """Name -> how it ended, of a run with `--format json`; the rest of a name says no more than its kind."""
    try:
        data = json.loads(ran.out)
    except ValueError:
        return {}
    listed = data.get("results") or data.get("changes") or []
    ends = {entry["key"]: entry.get("state") or entry["action"] for entry in listed}
    ends |= dict.fromkeys(data.get("unchanged") or (), "unchanged")
    return {key.rpartition("/")[2].removesuffix("-hpa"): end for key, end in ends.items()}
