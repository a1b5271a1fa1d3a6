"""Logging in: whoever kubectl is with a kubeconfig, capgen is, over the same way, and where kubectl refuses, so does it."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from harness.controlplane import ControlPlane

from capgen.errors import TargetError
from capgen.targets import kubeconfig, kubernetes

WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


def written(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (folder / "config").write_text(json.dumps(config))
    return folder / "config"


def plugin(folder: Path, status: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A credential plugin that answers with this, and with what it was told in a file beside it."""
    answer = {"apiVersion": EXEC["apiVersion"], "kind": "ExecCredential", "status": status}
    (folder / "answer").write_text(json.dumps(answer))
    program = folder / "login"
    program.write_text(
        f'#!/bin/sh\nprintf "%s" "$KUBERNETES_EXEC_INFO" > {folder}/told\necho x >> {folder}/runs\ncat {folder}/answer\n'
    )
    program.chmod(0o755)
    return {"exec": {**EXEC, "command": "./login", **more}}


# --- who one is


@pytest.mark.parametrize(
    "user",
    [
        {"token": "admin-token", "as": "bob"},
        {"token": "admin-token", "as": "bob", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"Reason": ["x", "y"]}},
        {"token": "reader-token", "tokenFile": "token"},
        {"token": "reader-token", "tokenFile": "gone"},
        {"tokenFile": "token", "exec": {**EXEC, "command": "./login"}},
        {"exec": {**EXEC, "command": "./login"}},
        {"exec": {**EXEC, "command": "./login"}, "as": "bob"},
        {"auth-provider": {"name": "oidc", "config": {"id-token": "reader-token"}}},
    ],
    ids=lambda user: " ".join(user),
)  # fmt: skip
def test_it_is_whom_kubectl_is(control_plane: ControlPlane, tmp_path: Path, user: dict[str, Any]) -> None:
    (tmp_path / "token").write_text("admin-token\n")
    plugin(tmp_path, {"token": "controllers-token"})
    cluster = json.loads(control_plane.kubeconfig().read_text())["clusters"][0]["cluster"]
    path = written(tmp_path, cluster, user)
    wire = kubernetes.connect(kubeconfig.load([path])).wire
    ours = wire.request("POST", WHOAMI, {}, json.dumps(REVIEW).encode(), "application/json")
    assert ours.status == 201, ours.message
    if "auth-provider" in user:  # kubectl takes nothing but what looks like a token of an issuer
        assert ours.document["status"]["userInfo"]["username"] == "reader"
        return
    command = [str(control_plane.kubectl_path), f"--kubeconfig={path}", "auth", "whoami", "-o", "json"]
    theirs = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert ours.document["status"] == theirs["status"]


# --- over which way


@dataclass
class Server:
    """A TLS server, for `api.example.org`, that says what it sees; `proxied` has what its proxy was asked for."""

    folder: Path
    port: int = 0
    proxy: int = 0
    proxied: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def text(self, name: str) -> str:
        return base64.b64encode((self.folder / name).read_bytes()).decode()


def signed(folder: Path, name: str, subject: str, *more: str) -> None:
    key = [
        "openssl",
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        f"/CN={subject}",
    ]
    out = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"), "-x509", "-days", "1", *more]
    subprocess.run([*key, *out], check=True, capture_output=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("login"))
    signed(found.folder, "ca", "ca")
    issued = ["-CA", str(found.folder / "ca.crt"), "-CAkey", str(found.folder / "ca.key")]
    signed(found.folder, "server", "server", *issued, "-addext", "subjectAltName=DNS:api.example.org")
    signed(found.folder, "other", "server", *issued, "-addext", "subjectAltName=DNS:other.example.org")
    for one in ("one", "two"):
        signed(found.folder, one, one, *issued)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found.folder / "server.crt", found.folder / "server.key")
    context.load_verify_locations(found.folder / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen = self.connection.getpeercert()
            names = [value for part in (seen or {}).get("subject", ()) for _, value in part]
            body = json.dumps({"certificate": names, "token": self.headers.get("Authorization")}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    class Tunnel(Handler):
        def do_CONNECT(self) -> None:
            found.proxied.append(self.path)
            host, _, port = self.path.partition(":")
            with socket.create_connection((host, int(port))) as there:
                self.send_response(200)
                self.end_headers()
                pair = {self.connection: there, there: self.connection}
                while True:
                    for ready in select.select(list(pair), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        pair[ready].sendall(data)

    with contextlib.ExitStack() as stack:
        for name, handler in (("port", Handler), ("proxy", Tunnel)):
            serving = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            serving.daemon_threads = True
            serving.handle_error = lambda *_: None  # type: ignore[method-assign] # a certificate that is refused
            if name == "port":
                serving.socket = context.wrap_socket(serving.socket, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(serving.shutdown)
            setattr(found, name, serving.server_port)
        yield found


CLUSTERS: dict[str, dict[str, Any]] = {
    "": {},
    "a name of its own": {"tls-server-name": "api.example.org"},
    "another name": {"tls-server-name": "other.example.org"},
    "another authority": {"tls-server-name": "api.example.org", "certificate-authority": "one.crt"},
    "an authority as data": {"tls-server-name": "api.example.org", "certificate-authority": "", "certificate-authority-data": "ca.crt"},
    "two authorities": {"tls-server-name": "api.example.org", "certificate-authority-data": "ca.crt"},
    "an authority that is gone": {"tls-server-name": "api.example.org", "certificate-authority": "gone.crt"},
    "an authority that is none": {"tls-server-name": "api.example.org", "certificate-authority": "ca.key"},
    "not looked at": {"insecure-skip-tls-verify": True, "certificate-authority": ""},
    "an authority and not looked at": {"insecure-skip-tls-verify": True},
    "over a proxy": {"tls-server-name": "api.example.org", "proxy-url": "http://127.0.0.1:%d"},
    "over a proxy that is not there": {"tls-server-name": "api.example.org", "proxy-url": "http://127.0.0.1:1"},
    "over something else": {"tls-server-name": "api.example.org", "proxy-url": "ftp://127.0.0.1:1"},
}  # fmt: skip
USERS: dict[str, dict[str, Any]] = {
    "a certificate": {"client-certificate": "one.crt", "client-key": "one.key"},
    "a certificate as data": {"client-certificate-data": "one.crt", "client-key-data": "one.key"},
    "a certificate without a key": {"client-certificate": "one.crt"},
    "a certificate with another key": {"client-certificate": "one.crt", "client-key": "two.key"},
    "a certificate that is gone": {"client-certificate": "gone.crt", "client-key": "one.key"},
    "a certificate and a token": {"client-certificate": "one.crt", "client-key": "one.key", "token": "t"},
    "a certificate and a plugin": {"client-certificate": "one.crt", "client-key": "one.key", "exec": ("two", "p")},
    "a plugin's certificate": {"exec": ("two", "")},
    "a plugin's certificate and token": {"exec": ("two", "p")},
    "a password": {"username": "me", "password": "p:w"},
}
ROWS = [
    *((way, "a certificate as data") for way in CLUSTERS),
    *(("a name of its own", user) for user in USERS),
    ("an authority as data", "a plugin's certificate and token"),
]


@pytest.mark.parametrize(("way", "who"), ROWS, ids=lambda word: word or "its address only")
def test_it_goes_where_kubectl_goes(
    control_plane: ControlPlane,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
    way: str,
    who: str,
) -> None:
    """The server is asked as kubectl asks it, or not at all."""
    folder = str(server.folder)
    cluster = {"server": server.url, "certificate-authority": "ca.crt", **CLUSTERS[way]}
    user = dict(USERS[who])
    for body in (cluster, user):
        for key, value in body.items():
            if key in ("certificate-authority", "client-certificate", "client-key") and value:
                body[key] = os.path.relpath(f"{folder}/{value}", tmp_path)
            elif key.endswith("-data"):
                body[key] = server.text(value)
    if "proxy-url" in cluster:
        cluster["proxy-url"] = cluster["proxy-url"].replace("%d", str(server.proxy))
    if "exec" in user:
        name, token = user["exec"]
        status = {"token": token} if token else {}
        status["clientCertificateData"] = (server.folder / f"{name}.crt").read_text()
        status["clientKeyData"] = (server.folder / f"{name}.key").read_text()
        user |= plugin(tmp_path, status, provideClusterInfo=True)
    path = written(tmp_path, cluster, user)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.proxied.clear()
    command = [
        str(control_plane.kubectl_path),
        f"--kubeconfig={path}",
        "get",
        "--raw",
        "/whoami",
        "--request-timeout=5s",
    ]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    theirs = json.loads(asked.stdout) if asked.returncode == 0 else asked.stderr
    told, proxied = path.with_name("told"), list(server.proxied)
    theirs_told = json.loads(told.read_text()) if told.exists() else None
    told.unlink(missing_ok=True)
    server.proxied.clear()
    try:
        ours: Any = kubernetes.connect(kubeconfig.load([path])).wire.request("GET", "/whoami", {}).document
    except TargetError as error:
        assert isinstance(theirs, str), (str(error), theirs)
        return
    assert (ours, server.proxied) == (theirs, proxied)
    assert not recwarn.list
    if theirs_told is not None:
        ours_told = json.loads(told.read_text())
        assert ours_told["spec"] == theirs_told["spec"]
    else:
        assert not told.exists(), "kubectl does not run it either"
