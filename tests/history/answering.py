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
