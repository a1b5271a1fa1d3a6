"""A server of one's own, for what a healthy Prometheus never does or never tells."""

from __future__ import annotations

import contextlib
import http.server
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

Answer = Callable[[dict[str, str], dict[str, str]], tuple[int, dict[str, str], bytes]]


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server of one's own, for what a healthy Prometheus never does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, head, content = answer(dict(urllib.parse.parse_qsl(body)), dict(self.headers))
            self.send_response(status)
            for name, value in {**head, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def recording(live: str) -> Iterator[tuple[str, list[tuple[dict[str, str], dict[str, str]]]]]:
    """A proxy before the real server that notes what was asked, and with which headers."""
    asked: list[tuple[dict[str, str], dict[str, str]]] = []

    def answer(form: dict[str, str], head: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.append((form, head))
        with urllib.request.urlopen(f"{live}/api/v1/query_range", urllib.parse.urlencode(form).encode()) as real:
            return 200, {}, real.read()

    with answering(answer) as url:
        yield url, asked


@contextlib.contextmanager
def of_tenant(live: str, tenant: str) -> Iterator[str]:
    """A Mimir's front before the real server: whoever names no tenant, or another one, is turned away."""

    class Front(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass(None)

        def do_POST(self) -> None:
            self._pass(self.rfile.read(int(self.headers["Content-Length"])))

        def _pass(self, body: bytes | None) -> None:
            status, content = 401, b"no org id"
            if self.headers.get("X-Scope-OrgID") == tenant:
                with urllib.request.urlopen(live + self.path, body) as real:
                    status, content = 200, real.read()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
