"""Pages as history in a real Prometheus, so that a signal's expression is judged by the value that it gives.

Each page's counters grow evenly over an hour to what the page shows; everything else stands still. The same
history is also written as a highly available pair of Prometheus servers would see it (and with a second
instance of what is run twice): an expression must not give another value for it.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import program
from harness.processes import answers, free_port, serving
from prometheus_client.parser import text_string_to_metric_families

from capgen import promql
from capgen.catalog.model import Exporter

STEP, SAMPLES, START = 60, 61, 1_760_000_400
END = START + STEP * (SAMPLES - 1)
ALONE, PAIR = "alone", "pair"

Values = dict[frozenset[tuple[str, str]], float]
"""A query's result: by the labels of each series, its value."""


@dataclass(frozen=True)
class Target:
    """What Prometheus scraped from one target: the page at the end of the hour, and maybe the one at its start."""

    exporter: Exporter
    """Only its metrics are kept."""
    page: str
    job: str = "test"
    instance: str = "i:1"
    before: str = ""
    twins: tuple[str, ...] = ()
    """Other instances that show the same page, where two are usual."""


@dataclass(frozen=True)
class Answer:
    """Asks the Prometheus that holds the history."""

    url: str

    def query(self, expr: str) -> Values:
        """The series of an expression at the end of the hour. Fails with Prometheus' words for what it cannot do."""
        address = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expr, "time": str(END)})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=30) as reply:
                series = json.load(reply)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}\n{error.read().decode()}") from error
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in series}

    def signal(self, exporter: Exporter, name: str, *, world: str = ALONE, variant: int | None = None) -> Values:
        """What a signal of the catalogue gives (or its variant of that number), filled in as the compiler does."""
        definition = exporter.signals[name]
        expr = definition.expr if variant is None else definition.variants[variant].expr
        return self.query(
            promql.fill(expr, lambda _: f'world="{world}"', {"window": "5m", "replicas": "prometheus_replica"})
        )


@contextmanager
def history(folder: Path, targets: Sequence[Target]) -> Iterator[Answer]:
    """A Prometheus that has scraped the targets for an hour."""
    lines = folder / "history.om"
    with lines.open("w", encoding="utf-8") as out:
        for target in targets:
            for text in _samples(target):
                out.write(text)
        out.write("# EOF\n")
    data = folder / "data"
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", lines, data]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (folder / "prometheus.yml").write_text("{}\n")
    address = f"127.0.0.1:{free_port()}"
    flags = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
    ]
    with serving(
        "prometheus", [program("prometheus"), *flags, f"--web.listen-address={address}"], folder / "prometheus.log"
    ) as server:
        server.wait_until(lambda: answers(f"http://{address}/-/ready"))
        yield Answer(f"http://{address}")


def _samples(target: Target) -> Iterator[str]:
    first = _series(target.before or "")
    for (name, labels), (value, grows) in _series(target.page).items():
        if math.isnan(value) or not {name, _whole(name)} & set(target.exporter.metrics):
            continue
        start = first.get((name, labels), (0.0 if grows else value, grows))[0]
        named = {key: text for key, text in labels if text}
        worlds = [{"world": ALONE, "instance": named.get("instance", target.instance)}]
        for instance in (target.instance, *target.twins):
            worlds += [
                {"world": PAIR, "instance": named.get("instance", instance), "prometheus_replica": replica}
                for replica in "ab"
            ]
        for world in worlds:
            for number in range(SAMPLES):
                at = value if number == SAMPLES - 1 else start + (value - start) * number / (SAMPLES - 1)
                yield f"{name}{{{_written({**named, 'job': target.job, **world})}}} {at!r} {START + STEP * number}\n"


def _series(page: str) -> Mapping[tuple[str, frozenset[tuple[str, str]]], tuple[float, bool]]:
    """The page's samples by name and labels: the value, and whether it is one that only grows."""
    found = {}
    types = dict(line.split()[2:4] for line in page.splitlines() if line.startswith("# TYPE "))
    for family in text_string_to_metric_families(
        "\n".join(line for line in page.splitlines() if not line.startswith("#")) + "\n"
    ):
        for sample in family.samples:
            whole = _whole(sample.name)
            grows = types.get(sample.name) == "counter" or (
                sample.name != whole and types.get(whole) in ("summary", "histogram")
            )
            found[sample.name, frozenset(sample.labels.items())] = sample.value, grows
    return found


def _whole(name: str) -> str:
    """The histogram or summary that a series may be a part of."""
    return re.sub("_(sum|count|bucket)$", "", name)


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={promql.string(value)}" for name, value in sorted(labels.items()))
