"""Every query of every dashboard of the example specs, on a real Prometheus with their rules and with real exporters.

No query may fail, and no panel be empty whose source is there: node_exporter, PostgreSQL, Redis and two services at work
are real; Kubernetes and the JVM service are pages that move. All of it is asked again after a service was restarted and
its pods were replaced: a panel that is bound to one instance would be empty then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from catalog import databases
from catalog.facts import page
from catalog.servers import APPS, debian
from dashboards.generated import SPECS, Generated, of_environment, panels
from endtoend.moving_pages import Workload
from endtoend.moving_pages import serving as pages_at
from endtoend.test_real_scrape import Load, machine
from harness.processes import answers, free_port, serving
from harness.prometheus import Start

from capgen import api
from capgen.preview.content import content
from capgen.preview.live import Prometheus
from capgen.preview.variables import Window, interpolate, macros

WORKLOADS = (
    Workload("shop-web", "shop", containers=("web", "envoy")),
    Workload("ledger", "payments", containers=("ledger", "agent")),
    Workload("cache", "shop", stateful=True, containers=("redis", "exporter")),
    Workload("apm-service", "apm", containers=("apm-service", "agent")),
)
SECONDS = 60
LOOKBACK = 5
"""Seconds after which a series that is scraped no more is gone from instant queries (it is marked stale at once)."""


@dataclass
class World:
    """What is running, and what the test may change of it."""

    url: str
    dashboards: tuple[Generated, ...]
    shop: ExitStack
    restart: Any
    generation: int = 0


@contextmanager
def web(address: str, folder: Path) -> Iterator[None]:
    """The shop's web tier, under load."""
    command = [sys.executable, APPS / "otel_app.py", address.rpartition(":")[2]]
    with serving("otel_app", command, folder / f"otel-{time.monotonic_ns()}.log") as server:
        server.wait_until(lambda: answers(f"http://{address}/metrics"))
        with Load(f"http://{address}") as load:
            load.failing = True
            yield


def scraped(job: str, *targets: str, path: str = "/metrics") -> dict[str, Any]:
    return {
        "job_name": f"{job}{path}",
        "metrics_path": path,
        "static_configs": [{"targets": list(targets), "labels": {"job": job}}],
    }


def configuration(folder: Path, rules: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> Path:
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": rules}))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    return folder / "prometheus.yml"


def built() -> tuple[tuple[Generated, ...], list[dict[str, Any]]]:
    """The dashboards of the production environment, and its rule groups with times that a test can wait for."""
    ((environment, artifacts),) = api.build([SPECS], environments=["production"]).artifacts
    rules = [yaml.safe_load(one.text)["spec"]["groups"] for one in artifacts if one.kind == "PrometheusRule"]
    groups = [{**group, "interval": "2s"} for found in rules for group in found]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        rule["for"] = "2s"
    dashboards = tuple(of_environment(environment, artifacts))
    for panel in (panel for one in dashboards for panel in panels(one.board)):
        panel["interval"] = "2s"
    return dashboards, groups


@pytest.fixture
def world(prometheus: Start, tmp_path: Path) -> Iterator[World]:
    exporter = debian("prometheus-redis-exporter", "prometheus-redis-exporter")
    state = World("", (), ExitStack(), None)
    extra = {"/backlog": lambda: 'checkout_queue_depth{queue="orders"} 12\n'}
    # Debian's exporter is older than some of what the runbook's database signals read.
    extra["/postgres"] = lambda: page("postgres_0.20")
    jvm = {"/ledger": lambda: "\n".join(page(name) for name in ("micrometer_buckets", "hikaricp"))}
    cluster = {"/cluster": lambda: "\n".join(one.page(state.generation) for one in WORKLOADS)}
    with ExitStack() as stack:
        address = stack.enter_context(machine(tmp_path))
        stack.enter_context(Load(f"http://{address['app']}"))
        primary, replica, home = stack.enter_context(databases.redis())
        redis = [
            stack.enter_context(
                databases.exporter([exporter, "--redis.addr", f"redis://127.0.0.1:{port}"], home / f"{port}.log")
            )
            for port in (primary, replica)
        ]
        stack.enter_context(
            databases.session(debian("redis-cli", "redis-tools"), "-p", primary, "-r", "-1", "-i", "0.05", "get", "a")
        )
        served = stack.enter_context(pages_at({**extra, **jvm, **cluster}))
        shop = f"127.0.0.1:{free_port()}"
        stack.enter_context(state.shop)
        state.shop.enter_context(web(shop, tmp_path))
        state.restart = lambda: (state.shop.close(), state.shop.enter_context(web(shop, tmp_path)))
        state.dashboards, rules = built()
        jobs = [
            scraped("apm-application", address["app"]), scraped("apm-application", served, path="/backlog"),
            scraped("node-exporter", address["host"]), scraped("postgres-exporter", address["database"]),
            scraped("postgres-exporter", served, path="/postgres"),
            scraped("cache-redis", *(url.split("/")[2] for url in redis)), scraped("shop-web", shop),
            scraped("ledger", served, path="/ledger"),
            scraped("kube-state-metrics", served, path="/cluster"), scraped("kubelet", served, path="/cluster"),
        ]  # fmt: skip
        with prometheus(configuration(tmp_path, rules, jobs)) as server:
            state.url = server.url
            yield state


EXEMPT: Mapping[tuple[str, str], str] = {
    ("production/apm", "Time until the disk is full"): "only for a disk that shrinks and has less than 40 % free",
    ("production/apm", "Packets dropped"): "a share of packets, and nothing has to cross a real device during the test",
    (
        "production/apm",
        "Packets with errors",
    ): "a share of packets, and nothing has to cross a real device during the test",
    ("production/apm", "Swap utilisation"): "machines without swap are common",
    ("production/apm", "Peak CPU utilisation"): "looks at an hour in steps of five minutes, and the test is shorter",
    (
        "production/apm",
        "Sustained CPU utilisation",
    ): "looks at an hour in steps of five minutes, and the test is shorter",
    ("production/cache", "Full in"): "compares two whole weeks; tests/prove/test_ahead.py has them",
    ("production/shop", "Full in"): "compares two whole weeks; tests/prove/test_ahead.py has them",
}
"""Panels that may be empty here, by dashboard and title, and why; all others must have data."""


def test_no_query_fails_and_no_panel_is_empty_also_after_a_restart(world: World) -> None:
    assert len(world.dashboards) == 6
    nothing_is_empty(world, SECONDS)
    every_annotation_can_be_asked(world)
    world.restart()
    world.generation += 1
    nothing_is_empty(world, SECONDS, since=time.time() + LOOKBACK)


def nothing_is_empty(world: World, seconds: float, since: float = 0.0) -> None:
    deadline = time.monotonic() + seconds
    while (left := empty(world, since)) and time.monotonic() < deadline:
        time.sleep(2)
    assert left == [], "\n".join(f"{path}: {title}" for path, title in left)
    assert EXEMPT.keys() <= {
        (one.path, item["panel"]["title"]) for one in world.dashboards for item in asked(world, one)
    }


def empty(world: World, since: float) -> list[tuple[str, str]]:
    """The panels without a value. Fails at once when a query is refused."""
    found = []
    for one in world.dashboards:
        for item in asked(world, one):
            title = item["panel"]["title"]
            assert item["problems"] == [], (one.path, title, item["problems"])
            if item["panel"]["type"] in ("row", "text", "alertlist") or (one.path, title) in EXEMPT:
                continue
            if not any(value is not None for frame in item["frames"] for value in values_since(frame, since)):
                found.append((one.path, title))
    return found


def values_since(frame: dict[str, Any], since: float) -> Iterator[float | None]:
    """The frame's numbers from a moment on: those before it may be of pods and processes that are gone."""
    times = frame["fields"][0]["values"]
    for field in frame["fields"][1:]:
        if field["type"] == "number":
            yield from (value for at, value in zip(times, field["values"], strict=True) if at >= since * 1000)


def asked(world: World, one: Generated) -> list[dict[str, Any]]:
    now = time.time()
    shown = {**one.board, "time": {"from": "now-5m", "to": "now"}}
    items: list[dict[str, Any]] = content(shown, Prometheus(world.url, now), now=now, theme="light")["items"]
    return items


def every_annotation_can_be_asked(world: World) -> None:
    now = time.time()
    window = Window(now - 300, now)
    source = Prometheus(world.url, now)
    for one in world.dashboards:
        for mark in one.board["annotations"]["list"]:
            if "expr" in mark:
                expr = interpolate(mark["expr"], (), macros(window, interval=15, minimum=15))
                source._get("/api/v1/query", {"query": expr})
