"""Handmade metrics pages that move: what cannot run here is scraped all the same, over HTTP, by a real Prometheus.

The pages are those of the catalogue's tests. Their counters stand at what one hour adds, so here they grow by that much
each minute; gauges stand still, but for the replicas that the autoscaler wants, which rise. Names of workloads are put
in, and pods are replaced when a test says so.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from catalog.facts import page

_POD = "web-7d4b9c6f5d"
_WANTED = "kube_horizontalpodautoscaler_status_desired_replicas"


@dataclass(frozen=True)
class Workload:
    """A workload as the cluster's pages show it."""

    name: str
    namespace: str
    stateful: bool = False
    containers: tuple[str, str] = ("app", "proxy")

    def page(self, generation: int) -> str:
        """kube-state-metrics, cAdvisor and the kubelet on it; pods of each generation have names of their own."""
        text = "\n".join(page(f"kubernetes_{job}") for job in ("state", "cadvisor", "kubelet"))
        if self.stateful:
            text = text.replace(f"{_POD}-bcd2x", f"{self.name}-0").replace(f"{_POD}-fgh4z", f"{self.name}-1")
        text = text.replace(_POD, f"{self.name}-{7 + generation}d4b9c6f5d")
        for old, new in (
            ('deployment="web"', f'deployment="{self.name}"'), ('"web-hpa"', f'"{self.name}-hpa"'),
            ('statefulset="db"', f'statefulset="{self.name}"'), ('"data-db-0"', f'"data-{self.name}-0"'),
            ('namespace="shop"', f'namespace="{self.namespace}"'),
            ('"app"', f'"{self.containers[0]}"'), ('"proxy"', f'"{self.containers[1]}"'),
        ):  # fmt: skip
            text = text.replace(old, new)
        return text + "\n" + self._more()

    def _more(self) -> str:
        """What dashboards read and no rule does, after kube-state-metrics' horizontalpodautoscaler.go."""
        hpa = f'namespace="{self.namespace}",horizontalpodautoscaler="{self.name}-hpa"'
        vpa = f'namespace="{self.namespace}",verticalpodautoscaler="{self.name}-vpa",container="{self.containers[0]}"'
        lines = [f"kube_horizontalpodautoscaler_status_current_replicas{{{hpa}}} 9"]
        lines += [
            f'kube_horizontalpodautoscaler_status_condition{{{hpa},condition="{condition}",status="{status}"}} {int(status == "true")}'
            for condition in ("AbleToScale", "ScalingActive")
            for status in ("true", "false")
        ]
        for metric, kind, target, seen in (
            ("cpu", "utilization", 70, 64), ("memory", "utilization", 80, 71), ("capgen_otel_http_throughput", "average", 40, 33),
        ):  # fmt: skip
            labels = f'{hpa},metric_name="{metric}",metric_target_type="{kind}"'
            lines.append(f"kube_horizontalpodautoscaler_spec_target_metric{{{labels}}} {target}")
            lines.append(f"kube_horizontalpodautoscaler_status_target_metric{{{labels}}} {seen}")
        recommended = "kube_customresource_verticalpodautoscaler_status_recommendation_containerrecommendations"
        for bound, cpu, memory in (("lowerbound", 0.2, 300), ("target", 0.4, 700), ("upperbound", 0.9, 900)):
            lines.append(f'{recommended}_{bound}{{{vpa},resource="cpu",unit="core"}} {cpu}')
            lines.append(f'{recommended}_{bound}{{{vpa},resource="memory",unit="byte"}} {memory}')
        return "\n".join(lines) + "\n"


def moved(text: str, minutes: float) -> str:
    """The page as it is after so many minutes."""
    types = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
    lines = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        name = series.partition("{")[0]
        family = name if name in types else name.rpartition("_")[0]
        if name == _WANTED and float(value) > 3:
            value = str(min(float(value), 4 + int(4 * minutes)))
        grows = types.get(name) == "counter" or (name != family and types.get(family) in ("summary", "histogram"))
        lines.append(f"{series} {float(value) * minutes}" if grows else f"{series} {value}")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def serving(pages: Mapping[str, Callable[[], str]]) -> Iterator[str]:
    """The address of a server that gives each page at its path, as it is at that moment."""
    begun = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = moved(pages[self.path](), 1 + (time.monotonic() - begun) / 60)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(timeout=10)
