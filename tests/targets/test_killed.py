"""A run that is killed between two writes is finished by the next one: over the whole example fleet.

The fleet is brought from one state to another and back; when the server has seen a number of writes, the run is killed
with SIGKILL, and one further run has to end in the same state as an undisturbed one. A dozen numbers, spread from
the first write to the last; with EVERY_WRITE=1 in the environment all of them, which takes minutes (EVERY_WRITE=2/5
is the second of five parts of them).
"""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from harness.controlplane import ControlPlane
from harness.delivery import apply, plan
from harness.proxy import Fault, Proxy, Seen

from capgen import api
from capgen.artifact import Artifact
from capgen.reconcile.saved import meant
from capgen.targets import kubeconfig, kubernetes
from capgen.targets.kubernetes import Cluster

SPECS = Path(__file__).parents[2] / "specs"


def test_a_fleet_killed_at_every_write_is_finished_by_the_next_run(
    control_plane: ControlPlane, namespace: str, proxy: Proxy
) -> None:
    old, new, homes = fleets(control_plane, namespace)
    for home in homes:
        metadata = {"name": "foreign", "namespace": home}
        foreign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"theirs": "1"}}
        control_plane.apply_as("them", foreign)
    undisturbed = Fleet(control_plane, namespace, homes, proxy)
    wanted = {"old": undisturbed.deliver(old), "new": undisturbed.deliver(new)}
    undisturbed.deliver(old)
    proxy.seen.clear()
    undisturbed.deliver(new)
    writes = sum(seen.writes for seen in proxy.seen)
    assert writes > 20

    turn, killed = ("new", "old"), 0
    part, _, parts = os.environ.get("EVERY_WRITE", "").partition("/")
    first, step = (int(part), int(parts or 1)) if part else (1, max(1, writes // 12))
    numbers = range(first, writes + 1, step)
    print(f"{len(numbers)} of {writes} writes: {list(numbers)}")
    for number in numbers:
        to, back = turn
        when = ("before", "after")[(number // step) % 2]
        killed += undisturbed.killed_at(number, new if to == "new" else old, when)
        assert undisturbed.deliver(new if to == "new" else old) == wanted[to], (
            f"killed {when} write {number} on the way to {to}"
        )
        turn = (back, to)
    assert killed >= len(numbers) - 2, "there was something to kill nearly every time; the ways there and back differ"


def fleets(plane: ControlPlane, namespace: str) -> tuple[tuple[Artifact, ...], tuple[Artifact, ...], list[str]]:
    """Two states of the example fleet in namespaces of its own: objects come, change and go between them."""
    built = dict(api.build([SPECS]).artifacts)["production"]
    manifests = [artifact for artifact in built if artifact.kubernetes]
    found = sorted(
        {home for a in manifests for home in re.findall(r'^  namespace: "?([\w-]+)"?$', a.text, re.MULTILINE)}
    )
    homes = {home: f"{namespace}-{home}" for home in found}
    for home in homes.values():
        plane.kubectl("create", "namespace", home)

    def moved(artifact: Artifact, extra: str = "") -> Artifact:
        text = artifact.text
        for home, own in homes.items():
            text = re.sub(rf'^  namespace: "?{home}"?$', f"  namespace: {own}", text, flags=re.MULTILINE)
        return Artifact(
            artifact.path,
            text.replace("maxReplicas: ", f"maxReplicas: {extra}"),
            artifact.kind,
            artifact.service,
            kubernetes=True,
        )

    new = tuple(moved(artifact, "1") for number, artifact in enumerate(manifests) if number % 5 != 1)
    old = tuple(moved(artifact) for number, artifact in enumerate(manifests) if number % 5 != 3)
    return old, new, [namespace, *homes.values()]


class Fleet:
    def __init__(self, plane: ControlPlane, namespace: str, homes: list[str], proxy: Proxy) -> None:
        self.plane, self.namespace, self.homes, self.proxy = plane, namespace, homes, proxy
        self.direct = self.open(plane.kubeconfig())

    def open(self, path: Path) -> Cluster:
        whole = kubernetes.connect(kubeconfig.load([path]), self.namespace, seconds=60)
        return Cluster(whole.name, self.namespace, whole.wire, lease_seconds=60)

    def deliver(self, fleet: tuple[Artifact, ...]) -> dict[str, Any]:
        """Applies without a fault, and tells the end state."""
        outcome = apply(self.open(self.proxy.kubeconfig()), *fleet)
        assert outcome.error() is None, outcome.error()
        return self.state()

    def killed_at(self, number: int, fleet: tuple[Artifact, ...], when: str) -> bool:
        """Applies, and is killed when it has sent write `number`, before or after the server has carried it out; says
        whether it got that far.
        """
        cluster = self.open(self.proxy.kubeconfig())
        wanted = plan(cluster, *fleet)
        child = os.fork()
        if child == 0:
            self.open(self.proxy.kubeconfig()).apply(wanted)
            os._exit(0)
        left = [number]

        def rule(seen: Seen) -> Fault | None:
            left[0] -= seen.writes
            if left[0] > 0 or not seen.writes:
                return None
            if when == "after":
                return Fault(reset="after", then=lambda: os.kill(child, signal.SIGKILL))
            os.kill(child, signal.SIGKILL)
            return Fault(reset="before")

        self.proxy.rule = rule
        _, status = os.waitpid(child, 0)
        self.proxy.rule = lambda _: None
        self._let_time_pass()
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for home in self.homes:
            for path in PATHS:
                answer = self.direct.wire.request("GET", path.format(home), {})
                for item in answer.document["items"]:
                    body = meant(item)
                    body["metadata"].pop("uid")
                    found[f"{path.format(home)}/{item['metadata']['name']}"] = json.loads(json.dumps(body))
        return found

    def _let_time_pass(self) -> None:
        """What a killed run held is old a minute later."""
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        for lease in self.direct.wire.request("GET", leases, {}).document["items"]:
            lease["spec"]["renewTime"] = "2020-01-01T00:00:00.000000Z"
            body = json.dumps(lease).encode()
            self.direct.wire.request("PUT", f"{leases}/{lease['metadata']['name']}", {}, body, "application/json")


# Not leases: one of a killed run stays until somebody writes for that service again, who takes it over.
PATHS = tuple(
    f"{root}/namespaces/{{}}/{plural}"
    for root, plural in (
        ("/api/v1", "configmaps"), ("/api/v1", "serviceaccounts"), ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
        ("/apis/autoscaling.k8s.io/v1", "verticalpodautoscalers"), ("/apis/monitoring.coreos.com/v1", "prometheusrules"),
        ("/apis/monitoring.coreos.com/v1", "servicemonitors"), ("/apis/monitoring.coreos.com/v1alpha1", "scrapeconfigs"),
        ("/apis/monitoring.coreos.com/v1alpha1", "alertmanagerconfigs"), ("/apis/batch/v1", "cronjobs"),
        ("/apis/rbac.authorization.k8s.io/v1", "roles"), ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    )
)  # fmt: skip
