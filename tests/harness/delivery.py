"""Planning and applying in one line, and the targets that tests deliver to."""

from __future__ import annotations

import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from capgen.artifact import Artifact
from capgen.reconcile.build import build_plan
from capgen.reconcile.outcome import Outcome
from capgen.reconcile.plan import Change, Plan, kept
from capgen.reconcile.target import Target
from capgen.targets import kubeconfig, kubernetes, record, tree
from capgen.targets.kubernetes import Cluster
from harness.controlplane import ControlPlane


def plan(target: Target, *desired: Artifact) -> Plan:
    """What would be done to the target, which is read for it."""
    return build_plan(target.name, desired, target.read(desired))


def apply(target: Target, *desired: Artifact) -> Outcome:
    """Plans and applies."""
    return target.apply(plan(target, *desired))


def each(found: Plan) -> dict[str, str]:
    """Key -> action, in the order of the keys."""
    told = {change.key: str(change.action) for change in found.changes} | dict.fromkeys(kept(found), "unchanged")
    return dict(sorted(told.items()))


def actions(found: Plan) -> dict[str, str]:
    """Kind -> action, for plans with one object a kind."""
    return {key.split("/")[0]: action for key, action in each(found).items()}


def only(found: Plan) -> Change:
    """The change of a plan that has one."""
    (change,) = found.changes
    return change


def file(path: str, text: str, service: str = "apm") -> Artifact:
    """An artifact for a folder."""
    return Artifact(path, text, "rules", service, kubernetes=False)


def contents(root: Path) -> dict[str, str]:
    """Every file below a root but the record and what is staged, links not followed."""
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and record.NAME not in path.name and path.suffix != tree.STAGED
    }


def open_as(plane: ControlPlane, namespace: str, user: str = "admin") -> Cluster:
    """A namespace of the API server as one user sees it."""
    return kubernetes.connect(kubeconfig.load([plane.kubeconfig(user)]), namespace, seconds=60)


def granted(plane: ControlPlane, namespace: str, user: str, *verbs: str, resources: str = "*", name: str = "") -> None:
    """Lets a user do these things to these resources in the namespace, of whatever group."""
    rule = {"apiGroups": ["*"], "resources": resources.split(","), "verbs": list(verbs)}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name or user},
        "rules": [rule],
    }
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=json.loads(json.dumps(role)))
    plane.kubectl("create", "rolebinding", name or user, f"--role={name or user}", f"--user={user}", "-n", namespace)


@pytest.fixture
def cluster(control_plane: ControlPlane, namespace: str) -> Cluster:
    """A fresh namespace as the administrator sees it."""
    return open_as(control_plane, namespace)


@pytest.fixture
def with_promtool(promtool: Path, amtool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the real promtool and amtool on PATH, where the folder target looks for them."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(promtool.parent), str(amtool.parent), os.environ["PATH"]]))


@dataclass
class Reloads:
    """A server that is told to reload: `asked` has the paths, `answer` is what it says, after `delay` seconds."""

    url: str
    asked: list[str] = field(default_factory=list)
    answer: tuple[int, str] = (200, "")
    delay: float = 0


@pytest.fixture
def reloads() -> Iterator[Reloads]:
    """A listening server that counts reloads and fails as it is told to, which Prometheus does not."""

    class Handler(http.server.BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            told.asked.append(self.path)
            time.sleep(told.delay)
            status, text = told.answer
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST  # noqa: N815 - the name is http.server's

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told = Reloads(f"http://127.0.0.1:{server.server_port}/-/reload")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield told
        server.shutdown()
        thread.join()
