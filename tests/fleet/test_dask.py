"""Plans on a real Dask scheduler with two workers, each a process: the same bytes as one process, also when one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli.command import environment, line, run
from harness.processes import Server, free_port, serving
from harness.prometheus import backfilled, serving_history
from history.answering import recording
from planning.shapes import HOUR, START, WEEK, csv, weekly

SPEC = """
apiVersion: capgen/v1
kind: Capacity
metadata: {{name: shop-{number:02d}}}
sources:
  app: {{exporter: http, targets: ["localhost:8080"]}}
planning: {{forecast: {{history: 90d, horizon: 30d}}}}
"""
SERVICES = 12
TOKEN = "read-only"
QUEUE = """
apiVersion: capgen/v1
kind: Capacity
metadata: {{name: shop-{number:02d}}}
sources:
  app: {{exporter: http, job: shop-{number:02d}-app, targets: ["localhost:8080"]}}
signals:
  app.backlog:
    {{title: Backlog, source: app, expr: "max(queue_depth{{$selector}})", unit: short, ladder: utilisation, levels: {{warning: 900}}}}
planning: {{forecast: {{history: 21d, horizon: 7d}}}}
"""
LIVE = """
apiVersion: capgen/v1
kind: Environment
metadata: {{name: live}}
directory: {{root: ./deploy}}
prometheus: {{url: "{url}", auth: {{bearer: {{env: HISTORY_TOKEN}}}}}}
"""


@dataclass(frozen=True)
class Cluster:
    address: str
    scheduler: Server
    workers: tuple[subprocess.Popen[bytes], ...]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    start = [sys.executable, "-m"]
    flags = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = [*start, "distributed.cli.dask_scheduler", *flags, "--port", str(port)]
    variables = {**environment(), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3", "HISTORY_TOKEN": TOKEN}
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with serving("dask-scheduler", scheduler, tmp_path / "scheduler.log") as server:
            server.wait_until(lambda: "Scheduler at" in server.tail())
            workers = []
            for number in (1, 2):
                log = (tmp_path / f"worker{number}.log").open("wb")
                command = [
                    *start, "distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--no-dashboard", "--no-nanny",
                    "--nthreads", "1", "--local-directory", str(tmp_path),
                ]  # fmt: skip
                workers.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
            server.wait_until(lambda: server.tail(100).count("Register worker") >= 2)
            yield Cluster(address, server, tuple(workers))
            for worker in workers:
                worker.kill()
                worker.wait()
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "live.yaml").write_text(
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: live}\ndirectory: {root: d}\n"
    )
    for number in range(SERVICES):
        (tmp_path / "specs" / f"shop-{number:02d}.yaml").write_text(SPEC.format(number=number))
        history = tmp_path / "history" / f"shop-{number:02d}"
        history.mkdir(parents=True)
        (history / "app.throughput.csv").write_text(csv(weekly(13, seed=number)))
    return tmp_path


def test_the_cluster_gives_the_bytes_of_one_process(cluster: Cluster, folder: Path) -> None:
    arguments = ("plan", "--env", "live", "--history", "history", "--format", "json")
    alone = run(*arguments, cwd=folder)
    together = run(*arguments, "--engine", f"dask={cluster.address}", cwd=folder)
    assert (alone.code, together.code) == (0, 0), together.err
    assert together.out == alone.out
    assert len(json.loads(alone.out)["services"]) == SERVICES

    # A worker that dies in the middle costs time and nothing else.
    command = line(*arguments, "--engine", f"dask={cluster.address}")
    running = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    # The third time: before, it has had the specs compiled.
    cluster.scheduler.wait_until(lambda: cluster.scheduler.tail(500).count("Receive client connection") >= 4)
    time.sleep(0.2)
    cluster.workers[0].send_signal(signal.SIGKILL)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    assert out.decode() == alone.out

    # Defaults, overrides, settings and a service that goes elsewhere are the whole project's on a worker too.
    (folder / "specs" / "defaults.yaml").write_text(
        "apiVersion: capgen/v1\nkind: Defaults\nsignals: {app.throughput: {levels: {peak: 2000}}}\n"
    )
    with (folder / "specs" / "live.yaml").open("a") as file:
        file.write("overrides: {shop-03: {planning: {forecast: {horizon: 7d}}}}\n")
    other = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: lab}\ndirectory: {root: d}\n"
    (folder / "specs" / "lab.yaml").write_text(other)
    spec = folder / "specs" / "shop-05.yaml"
    spec.write_text(spec.read_text().replace("{name: shop-05}", "{name: shop-05, environments: [lab]}"))
    settings = ("--set", "shop-04:planning.forecast.horizon=14d", "--set", "signals.app.throughput.levels.high=900")
    arguments = ("plan", "--env", "live", "--history", "history", *settings)
    alone = run(*arguments, "--format", "html", cwd=folder)
    together = run(*arguments, "--format", "html", "--engine", f"dask={cluster.address}", cwd=folder)
    assert (alone.code, together.code) == (0, 0), together.err
    assert together.out == alone.out
    assert f"Capacity plan: {SERVICES - 1} services" in alone.out

    # A mistake is told as one process tells it, wherever it is: in a spec, between two, in what is set.
    wrong = {
        "shop-07": "planning: {forecast: {horizon: soon}}",
        "shop-08": "sources: {app: {exporter: http, job: shop-09-app}}",
    }
    for name, line_ in wrong.items():
        spec = folder / "specs" / f"{name}.yaml"
        before = spec.read_text()
        spec.write_text(before.partition("sources")[0] + line_ + "\n")
        alone, together = (run(*arguments, *more, cwd=folder) for more in ((), ("--engine", f"dask={cluster.address}")))
        assert (together.code, together.out, together.err) == (alone.code, "", alone.err)
        assert alone.code == 3
        spec.write_text(before)
    unknown = run(
        *arguments, "--set", "shop-99:planning.forecast.horizon=7d", "--engine", f"dask={cluster.address}", cwd=folder
    )
    assert (unknown.code, "CG302" in unknown.err) == (3, True)


def test_the_workers_read_history_from_a_prometheus(cluster: Cluster, tmp_path: Path) -> None:
    """Each asks for the series of its own services with the token of its own environment; the bytes are one process's."""
    folder = tmp_path / "live"
    (folder / "specs").mkdir(parents=True)
    hours = [START + HOUR * hour for hour in range(3 * WEEK)]
    lines = ["# TYPE queue_depth gauge"]
    for number in range(6):
        (folder / "specs" / f"shop-{number:02d}.yaml").write_text(QUEUE.format(number=number))
        load = weekly(3, seed=number)
        lines += [
            f'queue_depth{{job="shop-{number:02d}-app"}} {value:.6f} {at:.0f}'
            for at, value in zip(hours, load, strict=True)
        ]
    backfilled(folder, lines)
    with serving_history(folder) as real, recording(real) as (url, asked):
        (folder / "specs" / "live.yaml").write_text(LIVE.format(url=url))
        now = f"--now={hours[-1]:.0f}"
        arguments = ("plan", "--env", "live", "--prometheus", now, "--no-cache", "--format", "json")
        secret = {"HISTORY_TOKEN": TOKEN}
        alone = run(*arguments, cwd=folder, env=secret)
        queries = len(asked)
        # The client has no token: who asks is a worker.
        together = run(*arguments, "--engine", f"dask={cluster.address}", cwd=folder)
    assert (alone.code, together.code) == (0, 0), alone.err + together.err
    assert together.out == alone.out
    assert len(asked) == 2 * queries
    assert {head["Authorization"] for _, head in asked} == {f"Bearer {TOKEN}"}
    for service in json.loads(alone.out)["services"]:
        backlog = next(signal for signal in service["signals"] if signal["signal"] == "app.backlog")
        assert backlog["backtest"]["origins"] >= 3


def test_an_engine_that_is_none_is_said(folder: Path) -> None:
    wrong = run("plan", "--env", "live", "--engine", "spark", cwd=folder)
    assert (wrong.code, "write dask=tcp://HOST:PORT" in wrong.err) == (2, True)
