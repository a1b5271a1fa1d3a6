"""The estimate of what rules cost, held against a real Prometheus that has evaluated them over real pages.

The pages of a node_exporter, a service and a PostgreSQL exporter at work become six hours of history, so that every
window is full. Then Prometheus itself says how many series it recorded, and how many samples each rule read.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.command import run
from endtoend.test_real_scrape import HOST, Load, machine, series, until
from harness.binaries import program
from harness.processes import answers, free_port, serving
from harness.prometheus import Running
from prometheus_client.parser import text_string_to_metric_families

from capgen.catalog.load import Catalog

SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {{name: apm, owner: platform}}
prometheus: {{scrape_interval: 15s, evaluation_interval: 5s}}
sources:
  app: {{exporter: http, job: app, targets: ["{app}"]{sizes[app]}}}
  host: {{exporter: node, job: host, targets: ["{host}"]{sizes[host]}}}
  database: {{exporter: postgres, job: database, version: "{version}", targets: ["{database}"]{sizes[database]}}}
signals:
  host.network: {{capacity: 1Gbps}}
"""
STEP, HOURS = 15, 6.2
NAMES = ("app", "host", "database")
KEPT = {metric for name in ("http", "node", "postgres") for metric in Catalog().entry(name).exporter.metrics}
PART = re.compile(r"_(bucket|sum|count)$")


def fetched(address: str) -> str:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}/metrics") as answer:
        text: str = answer.read().decode()
    return text


def samples(page: str) -> list[tuple[str, dict[str, str], float]]:
    """What the signals may read of a page."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if {sample.name, PART.sub("", sample.name)} & KEPT
    ]


def sizes(page: str) -> dict[str, int]:
    """How many values each label has; of one that is several things (the device of a disk, of a network), the fewest."""
    by_metric: dict[tuple[str, str], set[str]] = {}
    for name, labels, _ in samples(page):
        for label, value in labels.items():
            by_metric.setdefault((name, label), set()).add(value)
    found: dict[str, int] = {}
    for (_, label), values in by_metric.items():
        found[label] = min(found.get(label, len(values)), len(values))
    return {label: size for label, size in found.items() if label != "le"}


def history(folder: Path, pages: Mapping[str, str], address: Mapping[str, str], end: int) -> None:
    """Blocks in which everything grows slowly."""
    lines = folder / "history.om"
    with lines.open("w") as out:
        for name, page in pages.items():
            for metric, labels, value in samples(page):
                told = ",".join(
                    f"{k}={json.dumps(v)}" for k, v in {**labels, "job": name, "instance": address[name]}.items()
                )
                for number in reversed(range(int(HOURS * 3600 / STEP))):
                    at = end - number * STEP
                    out.write(f"{metric}{{{told}}} {value * (1 - number / 10000)!r} {at}\n")
        out.write("# EOF\n")
    made = subprocess.run(
        [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", lines, folder / "data"], capture_output=True, text=True
    )  # fmt: skip
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the estimates say, with typical sizes and with those of the pages, and what Prometheus says."""
    folder = tmp_path_factory.mktemp("cost")
    (folder / "specs").mkdir()
    (folder / "specs/host.yaml").write_text(HOST)
    with machine(folder) as address, Load(f"http://{address['app']}"):
        time.sleep(2)
        pages = {name: fetched(address[name]) for name in NAMES}
    estimates = {}
    for key in ("typical", "declared"):
        own = {name: f", sizes: {json.dumps(sizes(pages[name]))}" if key == "declared" else "" for name in NAMES}
        (folder / "specs/apm.yaml").write_text(SPEC.format(**address, sizes=own))
        (estimates[key],) = json.loads(run("estimate", "--format", "json", cwd=folder).out)["environments"]
    assert run("build", cwd=folder).code == 0
    end = int(time.time())  # what is recorded has to be younger than the history
    history(folder, pages, address, end)
    config, listen = folder / "generated/host/prometheus.yml", f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=10y"]
    command = [program("prometheus"), *flags, f"--web.listen-address={listen}"]
    with serving("prometheus", command, folder / "prometheus.log") as process:
        process.wait_until(lambda: answers(f"http://{listen}/-/ready"))
        server = Running(f"http://{listen}", process)
        groups = yaml.safe_load((folder / "generated/host/apm/rules.yml").read_text())["groups"]
        wanted = len([rule for group in groups for rule in group["rules"] if "record" in rule])
        until(lambda: len(recorded(server)), lambda count: count >= 0.8 * wanted, 20)
        time.sleep(6)  # every group once more
        found = recorded(server)
        read, wrote = {}, {}
        for group in groups:
            subject = group["name"].removeprefix("capgen/apm/")
            read[subject] = sum(samples_of(server, rule["expr"]) for rule in group["rules"])
            records = [
                (rule["record"], rule["labels"].get("signal", "")) for rule in group["rules"] if "record" in rule
            ]
            wrote[subject] = sum(found.get(record, 0.0) for record in records)
        return {**estimates, "read": read, "wrote": wrote}


def recorded(server: Running) -> dict[tuple[str, str], float]:
    """How many series each record has, by its name and, for one that all signals have, the signal."""
    found = series(server, 'count by (__name__, signal) ({__name__=~"capgen:.+"})')
    return {(one["metric"]["__name__"], one["metric"].get("signal", "")): float(one["value"][1]) for one in found}


def samples_of(server: Running, expr: str) -> int:
    """The samples that Prometheus counts when it evaluates an expression."""
    stats = server.json("/api/v1/query", query=expr, stats="all")["data"]["stats"]
    return int(stats["samples"]["totalQueryableSamples"])


def test_with_its_sizes_declared_the_estimate_is_close(measured: dict[str, Any]) -> None:
    """Of the signals whose metrics this machine has: of the others nobody can say so before."""
    (service,) = measured["declared"]["services"]
    rows, sums = [], [0.0, 0.0, 0.0, 0.0]
    for group in service["groups"]:
        subject = group["subject"]
        wrote, read = measured["wrote"].get(subject, 0), measured["read"][subject]
        if wrote:
            told = (group["series"], wrote, group["samples_per_second"] * 5, read)
            rows.append(f"{subject}: {told[0]} series estimated, {wrote} recorded; {told[2]:.0f} samples, {read} read")
            sums = [one + more for one, more in zip(sums, told, strict=True)]
    shown = "\n".join(rows)
    assert len(rows) > 30, shown
    assert sums[0] == pytest.approx(sums[1], rel=0.3), shown
    assert sums[2] == pytest.approx(sums[3], rel=0.2), shown


def test_with_typical_sizes_it_is_of_the_right_order(measured: dict[str, Any]) -> None:
    estimate = measured["typical"]
    wrote, read = sum(measured["wrote"].values()), sum(measured["read"].values())
    assert wrote / 2 < estimate["series"] < 4 * wrote
    assert read / 2 < estimate["samples_per_second"] * 5 < 6 * read
