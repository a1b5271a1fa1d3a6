"""A server that plays a service and everybody who is told of it: a metrics page that a test sets, and what arrives.

Alertmanager posts to it as to a plain webhook, to Slack and to PagerDuty.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Everybody:
    """`page` is the text of /metrics; `posted` has the JSON bodies by path, in the order in which they came."""

    port: int
    page: str = ""
    down: bool = False
    """Whether it answers a scrape with an error."""
    posted: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def at(self, path: str) -> list[Any]:
        """What was posted to a path so far."""
        return list(self.posted.get(path, ()))


@contextmanager
def everybody() -> Iterator[Everybody]:
    """The server, listening for the length of the block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(503 if told.down else 200, "text/plain; version=0.0.4", told.page)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.posted.setdefault(self.path, []).append({**body, "authorization": self.headers["Authorization"]})
            status = 202 if self.path.startswith("/pagerduty") else 200
            self.answer(status, "text/plain", "ok")

        def answer(self, status: int, kind: str, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told = Everybody(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
