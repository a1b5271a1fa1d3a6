"""The whole way on real programs: a spec, `capgen build`, a Prometheus with exactly what came out, and real load.

Prometheus scrapes a node_exporter, a service with a client library and PostgreSQL's exporter. Every recorded
series has to appear, no rule may fail, and an alert that real failures drive over its level fires and resolves.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from catalog import databases
from catalog.servers import APPS
from cli.command import run
from harness.binaries import program
from harness.processes import answers, free_port, serving
from harness.prometheus import Running, Start

SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {{name: apm, title: APM, owner: platform}}
prometheus: {{scrape_interval: 1s, evaluation_interval: 1s}}
sources:
  app: {{exporter: http, job: apm-application, targets: ["{app}"]}}
  host: {{exporter: node, job: node-exporter, targets: ["{host}"]}}
  database: {{exporter: postgres, version: "{version}", targets: ["{database}"]}}
signals:
  app.errors:
    window: 8s
    for: 2s
    keep_firing_for: 0s
    levels: {{good: 0.1%, acceptable: 0.5%, poor: 1%, unacceptable: 20%}}
  app.latency: {{quantile: 0.95, levels: {{good: 200ms, acceptable: 500ms, poor: 1s, unacceptable: 2s}}}}
  host.network: {{capacity: 1Gbps}}
  answers.of_any_kind:          # a signal of one's own
    source: app
    expr: sum by (code) (rate(http_requests_total{{$selector}}[$window]))
    unit: per_second
    levels: {{warning: 5k}}
"""
HOST = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: host}
directory: {root: ./deploy}
"""
ALERT = "ApmAppErrorsUnacceptable"


class Load:
    """Requests that do not stop; `failing` decides whether most of them fail. Ends with its `with` block."""

    def __init__(self, url: str) -> None:
        self.url, self.failing, self._ended = url, False, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        count = 0
        while not self._ended.wait(0.05):
            count += 1
            path = "/unavailable" if self.failing and count % 4 else "/nowhere" if count % 10 == 0 else "/"
            with contextlib.suppress(urllib.error.URLError):
                opener.open(self.url + path, timeout=10).close()


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[dict[str, str]]:
    """A node_exporter, a service and a PostgreSQL at work with its exporter: the address of each."""
    pg_exporter = databases.program("prometheus-postgres-exporter", "prometheus-postgres-exporter")
    host, app = (f"127.0.0.1:{free_port()}" for _ in range(2))
    node = [program("node_exporter"), f"--web.listen-address={host}"]
    service = [sys.executable, APPS / "client_app.py", app.rpartition(":")[2]]
    with ExitStack() as stack:
        for name, command, url in (("node", node, host), ("app", service, f"{app}/metrics")):
            server = stack.enter_context(serving(name, command, folder / f"{name}.log"))
            server.wait_until(partial(answers, f"http://{url}"))
        primary, _, home = stack.enter_context(databases.postgres())
        dsn = {"DATA_SOURCE_NAME": f"postgresql://postgres@127.0.0.1:{primary}/postgres?sslmode=disable"}
        (home / "work.sql").write_text("select count(*) from pg_attribute \\watch 0.05\n")
        work = databases.unprivileged(*databases.psql_client(primary, "shop"), "-f", home / "work.sql")
        stack.enter_context(serving("psql", work, folder / "psql.log"))
        metrics = stack.enter_context(databases.exporter([pg_exporter], home / "exporter.log", dsn))
        version = subprocess.run([pg_exporter, "--version"], capture_output=True, text=True, check=True)
        number = (version.stdout + version.stderr).split("version ")[1].split("+")[0].split(" ")[0]
        yield {"app": app, "host": host, "database": metrics.split("/")[2], "version": number}


def until(found: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float) -> Any:
    """What `found` gives as soon as it is as wanted, or what it gave last."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        if wanted(value) or time.monotonic() > deadline:
            return value
        time.sleep(0.5)


def series(server: Running, query: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    result: list[dict[str, Any]] = server.json("/api/v1/query", query=query)["data"]["result"]
    return result


def active(server: Running) -> dict[str, dict[str, Any]]:
    """The alerts that are pending or firing, by name and level, metric or source."""
    alerts = server.json("/api/v1/alerts")["data"]["alerts"]
    return {" ".join((a["labels"]["alertname"], a["labels"].get("metric", ""))).strip(): a for a in alerts}


def state(server: Running, alert: str) -> str:
    """`pending`, `firing`, or "" while the alert is at rest."""
    return str(active(server).get(alert, {}).get("state", ""))


def test_generated_rules_live_on_real_exporters_and_an_alert_fires_and_resolves(
    prometheus: Start, tmp_path: Path
) -> None:
    specs = tmp_path / "specs"
    (specs / "environments").mkdir(parents=True)
    (specs / "environments" / "host.yaml").write_text(HOST)
    with machine(tmp_path) as address, Load(f"http://{address['app']}") as load:
        (specs / "apm.yaml").write_text(SPEC.format(**address))
        built = run("build", cwd=tmp_path)
        assert built.code == 0, built.err
        generated = tmp_path / "generated" / "host"
        with prometheus(generated / "prometheus.yml") as server:
            every_recorded_expression_gives_series(server, generated)
            nothing_is_missing(server)
            an_alert_fires_and_resolves(server, load)


EXEMPT = {
    "capgen:node_cpu_peak:max1h": "looks at the hour in steps of five minutes, and the test is shorter",
    "capgen:node_cpu_sustained:min1h": "looks at the hour in steps of five minutes, and the test is shorter",
    "capgen:node_disk_full_in:forecast6h": "only for a disk that shrinks and has less than 40 % free",
    "capgen:node_network_drops:ratio": "a share of packets, and nothing has to cross a real device during the test",
    "capgen:node_network_errors:ratio": "a share of packets, and nothing has to cross a real device during the test",
    "capgen:node_swap:ratio": "a share of swap, and machines without swap are common",
    "capgen:postgres_lock_waits:count": "Debian's exporter is older than 0.17.0, which brought the metric's label",
    "capgen:postgres_replication_lag:max": "Debian's exporter is older than 0.13.0, which brought the metric",
}
"""Records that may have no series here, and why; all others must have."""


def every_recorded_expression_gives_series(server: Running, generated: Path) -> None:
    groups = yaml.safe_load((generated / "apm" / "rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    records = {rule["record"]: rule["labels"] for rule in rules if "record" in rule}
    assert {labels["source"] for labels in records.values()} == {"app", "host", "database"}

    def silent() -> list[str]:
        return sorted(name for name, labels in records.items() if not series(server, selector(name, labels)))

    assert EXEMPT.keys() <= records.keys(), "an exemption for a record that is not generated any more"
    left = until(silent, lambda names: set(names) <= EXEMPT.keys(), 45)
    assert set(left) <= EXEMPT.keys(), set(left) - EXEMPT.keys()


def selector(name: str, labels: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def nothing_is_missing(server: Running) -> None:
    targets = server.json("/api/v1/targets")["data"]["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in targets} == {
        "apm-application": "up",
        "node-exporter": "up",
        "apm-database": "up",
    }
    rules = [rule for group in server.json("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")] == []
    absent = [name for name, alert in active(server).items() if alert["labels"]["kind"] in ("absent", "down")]
    assert absent == []


def an_alert_fires_and_resolves(server: Running, load: Load) -> None:
    assert state(server, ALERT) == ""
    load.failing = True
    assert until(lambda: state(server, ALERT), lambda now: now == "firing", 40) == "firing"
    alert = active(server)[ALERT]
    assert alert["labels"] == {
        "alertname": ALERT,
        "kind": "level",
        "level": "unacceptable",
        "service": "apm",
        "severity": "critical",
        "signal": "app.errors",
        "source": "app",
        "team": "platform",
    }
    assert alert["annotations"]["summary"].endswith("% (unacceptable at or above 20%)")
    assert float(alert["value"]) >= 0.2
    load.failing = False
    assert until(lambda: state(server, ALERT), lambda now: now == "", 40) == ""
    assert series(server, 'capgen:http_errors:ratio{service="apm"} < 0.2'), "the signal is still measured"
