"""A WSGI service instrumented with OpenTelemetry's stable HTTP conventions: `python otel_app.py PORT`."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import make_wsgi_app

STATUS = {"/unavailable": "503 Service Unavailable", "/nowhere": "404 Not Found"}
metrics.set_meter_provider(MeterProvider(metric_readers=[PrometheusMetricReader()]))
page = make_wsgi_app()


def service(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("an error that nobody caught")
    start_response(STATUS.get(environ["PATH_INFO"], "200 OK"), [("Content-Type", "text/plain")])
    return [b"hello\n"]


instrumented = OpenTelemetryMiddleware(service)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return (page if environ["PATH_INFO"] == "/metrics" else instrumented)(environ, start_response)


make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
