"""A proxy before the real API server that counts requests, delays them, and breaks what it is told to break.

It speaks plain HTTP on its own side, so a kubeconfig of its own leads to it; behind it every request is the real
server's to answer unless a fault answers first.
"""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.controlplane import ControlPlane

_HOP = frozenset(("connection", "transfer-encoding", "content-length", "keep-alive"))
_WRITES = frozenset(("PATCH", "POST", "PUT", "DELETE"))


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether it was meant to change something; reviews of one's own rights are asked by POST."""
        dry = "dryRun=" in self.path or "selfsubject" in self.path
        return self.method in _WRITES and not dry


@dataclass(frozen=True)
class Fault:
    """What goes wrong: an answer of somebody else's, a reset before or after the server did it, a cut or late answer."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: str = ""
    """`before` the server is asked, or `after` it has answered."""
    cut: int = 0
    """Only so many bytes of the answer arrive, under the length of the whole one."""
    seconds: float = 0
    then: Callable[[], object] = lambda: None
    """What happens before the connection is reset."""


def status(code: int, message: str, *, reason: str = "", headers: Mapping[str, str] | None = None) -> Fault:
    """An answer as Kubernetes gives it."""
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "message": message,
        "reason": reason,
    }
    return Fault(code, {"Content-Type": "application/json", **(headers or {})}, json.dumps(said).encode())


@dataclass
class Proxy:
    """`rule` decides about each request; `seen` has them all."""

    url: str
    folder: Path
    rule: Callable[[Seen], Fault | None] = lambda _: None
    seen: list[Seen] = field(default_factory=list)
    delay: float = 0
    token: str = ""
    """For clients that send no credentials over plain HTTP, as kubectl does not."""

    def kubeconfig(self, user: str = "admin") -> Path:
        """A kubeconfig that leads through the proxy."""
        path = self.folder / f"{user}.kubeconfig"
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": user,
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": user, "user": {"token": f"{user}-token"}}],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user}}],
        }  # fmt: skip
        path.write_text(json.dumps(config))
        return path

    def fails(self, fault: Fault, *, times: int = 1, method: str = "", path: str = "") -> None:
        """Answers the next matching requests with a fault, and the others as they come."""
        left, lock = [times], threading.Lock()

        def rule(seen: Seen) -> Fault | None:
            if (method and seen.method != method) or path not in seen.path:
                return None
            with lock:
                left[0] -= 1
                return fault if left[0] >= 0 else None

        self.rule = rule


@pytest.fixture
def proxy(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before the control plane, without faults yet."""
    with serving(control_plane, tmp_path) as found:
        yield found


class serving:  # noqa: N801 - reads as the context manager it is
    """Runs a proxy for the length of the block."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.proxy = Proxy("", folder)
        handler = _handler(self.proxy, plane.url.partition("://")[2])
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # a killed client is what it is for
        self.proxy.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Proxy:
        self.thread.start()
        return self.proxy

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def _handler(proxy: Proxy, upstream: str) -> type[http.server.BaseHTTPRequestHandler]:
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or every answer waits 40 ms for an acknowledgement
        behind: http.client.HTTPSConnection | None = None

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = Seen(self.command, self.path, body)
            proxy.seen.append(seen)
            time.sleep(proxy.delay)
            fault = proxy.rule(seen)
            if fault is not None:
                time.sleep(fault.seconds)
                if fault.status:
                    self.send(fault.status, fault.headers, fault.body)
                    return
            if fault is None or fault.reset != "before":
                code, headers, content = self.forward(body)
                if fault is None or not fault.reset:
                    self.send(code, headers, content, cut=fault.cut if fault else 0)
                    return
            fault.then()
            self.reset()

        do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names are http.server's

        def forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            if self.behind is None:
                self.behind = http.client.HTTPSConnection(upstream, context=tls, timeout=60)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in (*_HOP, "host", "accept-encoding")}
            if proxy.token:
                headers.setdefault("Authorization", f"Bearer {proxy.token}")
            self.behind.request(self.command, self.path, body=body or None, headers=headers)
            answer = self.behind.getresponse()
            content = answer.read()
            return answer.status, {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}, content

        def send(self, code: int, headers: Mapping[str, str], content: bytes, cut: int = 0) -> None:
            self.send_response_only(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:cut] if cut else content)
            if cut:
                self.reset()

        def reset(self) -> None:
            """Ends the connection as a crashed peer does."""
            self.close_connection = True
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    return Handler
