"""A real control plane: etcd and kube-apiserver with RBAC, the CRDs capgen delivers to, users, and an audit log.

The audit log is what makes "writes nothing" a fact: every request the server saw is a line in it. Users are
tokens, each with a kubeconfig; all but `admin` may do nothing until a test binds a role to them.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.binaries import component, program
from harness.processes import answers, free_port, serving

USERS: Mapping[str, str] = {
    "admin": "system:masters",
    "controllers": "system:masters",
    "reader": "",
    "limited": "",
    "nobody": "",
}
"""User -> group; the token is `<user>-token`."""

CRDS = (
    "autoscaling.k8s.io_verticalpodautoscalers.yaml",
    "v1/monitoring.coreos.com_prometheusrules.yaml",
    "v1/monitoring.coreos.com_servicemonitors.yaml",
    "v1alpha1/monitoring.coreos.com_scrapeconfigs.yaml",
    "v1alpha1/monitoring.coreos.com_alertmanagerconfigs.yaml",
)
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
_WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))


@dataclass(frozen=True)
class Request:
    """One request as the audit log has it."""

    user: str
    verb: str
    uri: str
    code: int

    @property
    def writes(self) -> bool:
        """Whether it was meant to change something (a dry run, or a question about one's rights, is not)."""
        return self.verb in _WRITES and "dryRun=" not in self.uri and "/selfsubject" not in self.uri


@dataclass(frozen=True)
class ControlPlane:
    """A running API server. `folder` holds the kubeconfigs (`<user>.kubeconfig`), logs and the audit log."""

    url: str
    folder: Path
    kubectl_path: Path

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig of a user; its context has the user's name."""
        return self.folder / f"{user}.kubeconfig"

    def kubectl(self, *arguments: str, stdin: object = None, user: str = "admin", check: bool = True) -> str:
        """Runs kubectl (a document on stdin is given as JSON) and returns what it printed."""
        command = [str(self.kubectl_path), f"--kubeconfig={self.kubeconfig(user)}", *arguments]
        text = None if stdin is None else json.dumps(stdin)
        run = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
        if check and run.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)} failed: {run.stderr}")
        return run.stdout if check else run.stdout + run.stderr

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """A live object, with its managed fields."""
        found: dict[str, Any] = json.loads(
            self.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--show-managed-fields")
        )
        return found

    def new_namespace(self) -> str:
        """A namespace of one's own, never used before."""
        name = f"t-{uuid.uuid4().hex[:10]}"
        self.kubectl("create", "namespace", name)
        return name

    def apply_as(self, manager: str, document: object, *flags: str) -> str:
        """What another tool does: `kubectl apply --server-side` with its own field manager."""
        return self.kubectl("apply", "--server-side", f"--field-manager={manager}", *flags, "-f", "-", stdin=document)

    @contextlib.contextmanager
    def recorded(self, user: str = "admin") -> Iterator[list[Request]]:
        """The requests a user makes inside the block; the list is filled when the block ends."""
        log = self.folder / "audit.log"
        start = log.stat().st_size
        seen: list[Request] = []
        yield seen
        # A request of our own behind the others: once it is in the log, they are.
        fence = f"fence-{uuid.uuid4().hex[:10]}"
        self.kubectl("get", "namespace", fence, check=False)
        text = _read_until(log, start, fence.encode())
        for line in text.decode().splitlines():
            event = json.loads(line)
            if event["user"]["username"] == user and "kubectl" not in event.get("userAgent", ""):
                code = event.get("responseStatus", {}).get("code", 0)
                seen.append(Request(user, event["verb"], event["requestURI"], code))


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server of one's own for the session, ready with CRDs; see ControlPlane."""
    etcd, server, kubectl = program("etcd"), program("kube-apiserver"), program("kubectl")
    crds = component("crds")
    folder = tmp_path_factory.mktemp("control-plane")
    with running(etcd, server, kubectl, folder) as plane:
        manifests = [f"--filename={crds / name}" for name in CRDS]
        plane.kubectl("apply", "--server-side", *manifests)
        wait_for_crds(plane)
        yield plane


@contextlib.contextmanager
def running(etcd: Path, server: Path, kubectl: Path, folder: Path) -> Iterator[ControlPlane]:
    """An API server with its etcd for the length of the block, without CRDs."""
    with _etcd(etcd, folder) as endpoint, _api_server(server, endpoint, folder) as url:
        yield ControlPlane(url, folder, kubectl)


@pytest.fixture(scope="module")
def scaled_objects(control_plane: ControlPlane) -> Iterator[None]:
    """KEDA's objects can be made in the tests of one module; afterwards they are unknown, as in a cluster without KEDA.

    Named before `controllers`, the kind is there when the garbage collector starts, which looks for new ones every half a
    minute only.
    """
    crd = component("keda") / "keda.sh_scaledobjects.yaml"
    control_plane.kubectl("apply", "--server-side", f"--filename={crd}")
    control_plane.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=30s")
    yield
    control_plane.kubectl("delete", "--wait", f"--filename={crd}")


@pytest.fixture(scope="module")
def controllers(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """kube-controller-manager beside the server for the tests of one module: garbage collection, HPA, workloads, jobs.

    No kubelet: pods are made and never run. It is a user of its own, so that the audit log tells it from the others.
    """
    folder = tmp_path_factory.mktemp("controllers")
    names = (
        "garbage-collector",
        "horizontal-pod-autoscaler",
        "deployment",
        "replicaset",
        "statefulset",
        "job",
        "cronjob",
    )
    command = [
        program("kube-controller-manager"), f"--kubeconfig={control_plane.kubeconfig('controllers')}",
        "--leader-elect=false", "--secure-port=0", f"--cert-dir={folder}", "--horizontal-pod-autoscaler-sync-period=1s",
        f"--controllers={','.join(f'{name}-controller' for name in names)}",
    ]  # fmt: skip
    with serving("kube-controller-manager", command, folder / "kube-controller-manager.log"):
        yield


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A fresh namespace on the API server."""
    return control_plane.new_namespace()


def _read_until(log: Path, start: int, mark: bytes) -> bytes:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with log.open("rb") as file:
            file.seek(start)
            text = file.read()
        if mark in text and text.endswith(b"\n"):
            return text
        time.sleep(0.02)
    raise RuntimeError(f"the audit log {log} does not show a request made ten seconds ago")


def wait_for_crds(plane: ControlPlane) -> None:
    """Waits until every CRD that is there is served."""
    deadline = time.monotonic() + 30
    while True:
        found = json.loads(plane.kubectl("get", "crd", "-o", "json"))["items"]
        conditions = [item.get("status", {}).get("conditions") or [] for item in found]
        if all(any(c["type"] == "Established" and c["status"] == "True" for c in each) for each in conditions):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the CRDs were not established after 30 s: {conditions}")
        time.sleep(0.1)


@contextlib.contextmanager
def _etcd(binary: Path, folder: Path) -> Iterator[str]:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = [
        binary, "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--listen-peer-urls", peer,
        "--listen-client-urls", client, "--advertise-client-urls", client,
    ]  # fmt: skip
    with serving("etcd", command, folder / "etcd.log") as process:
        process.wait_until(lambda: answers(f"{client}/readyz"))
        yield client


@contextlib.contextmanager
def _api_server(binary: Path, etcd: str, folder: Path) -> Iterator[str]:
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    key = folder / "service-account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    aggregating = _aggregating(folder)
    (folder / "audit-policy.json").write_text(json.dumps(_AUDIT))
    tokens = "".join(f'{user}-token,{user},{user},"{group}"\n' for user, group in USERS.items())
    (folder / "tokens.csv").write_text(tokens)
    command = [
        binary, f"--etcd-servers={etcd}", f"--cert-dir={folder}", "--bind-address=127.0.0.1", f"--secure-port={port}",
        f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/24",
        f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        f"--audit-policy-file={folder / 'audit-policy.json'}", f"--audit-log-path={folder / 'audit.log'}", *aggregating,
    ]  # fmt: skip
    with serving("kube-apiserver", command, folder / "kube-apiserver.log") as process:
        process.wait_until(lambda: answers(f"{url}/readyz", tls=_unverified(), token="admin-token"))
        for user in USERS:
            _write_kubeconfig(folder, user, url)
        yield url


def _aggregating(folder: Path) -> list[str]:
    """How the server says for whom it asks an API server behind it: by a certificate that is its own authority."""
    key, certificate = folder / "front-proxy.key", folder / "front-proxy.crt"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=front-proxy", "-addext",
            "extendedKeyUsage=clientAuth", "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(made, check=True, capture_output=True)
    return [
        f"--proxy-client-cert-file={certificate}", f"--proxy-client-key-file={key}",
        f"--requestheader-client-ca-file={certificate}", "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]  # fmt: skip


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _write_kubeconfig(folder: Path, user: str, url: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": user,
        # The server's certificate is self-signed, so it is its own authority.
        "clusters": [
            {"name": "test", "cluster": {"server": url, "certificate-authority": str(folder / "apiserver.crt")}}
        ],
        "users": [{"name": user, "user": {"token": f"{user}-token"}}],
        "contexts": [{"name": user, "context": {"cluster": "test", "user": user}}],
    }
    (folder / f"{user}.kubeconfig").write_text(json.dumps(config))
