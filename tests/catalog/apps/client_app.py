"""A service that counts its requests with prometheus_client, under the names of its documentation: `python client_app.py PORT`."""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server

from prometheus_client import Counter, Gauge, Histogram, make_wsgi_app

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "code"])
SECONDS = Histogram("http_request_duration_seconds", "Time to answer.", ["method"])
BYTES = Histogram("http_response_size_bytes", "Size of responses.", buckets=[100, 1000])
UNDER_WAY = Gauge("http_requests_in_progress", "Requests under way.")
STATUS = {"/unavailable": "503 Service Unavailable", "/nowhere": "404 Not Found"}
metrics = make_wsgi_app()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == "/metrics":
        return metrics(environ, start_response)
    began = time.perf_counter()
    with UNDER_WAY.track_inprogress():
        status, body = STATUS.get(path, "200 OK"), b"hello\n"
        start_response(status, [("Content-Type", "text/plain")])
    REQUESTS.labels(method, status[:3]).inc()
    SECONDS.labels(method).observe(time.perf_counter() - began)
    BYTES.observe(len(body))
    return [body]


make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
