"""node_exporter: its facts against two real versions at work, its signals by value against a page with every trap."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog.metrics_page import disagreements, families, unseen
from catalog.replay import ALONE, PAIR, Answer, Target, Values, history
from catalog.servers import debian, node_exporter
from harness.binaries import program

from capgen import promql
from capgen.catalog.load import Catalog

PAGES = Path(__file__).parent / "pages"
NODE = Catalog().entry("node").exporter
GIGA = 10.0**9
OF_THE_MACHINE = {
    "node_pressure_cpu_waiting_seconds_total": "kernels without pressure stall information",
    "node_network_speed_bytes": "machines whose links have no speed",
    "node_nf_conntrack_entries": "machines that track no connections",
    "node_nf_conntrack_entries_limit": "machines that track no connections",
    "node_vmstat_oom_kill": "kernels before 4.13",
}
"""Metrics that the machine of the tests may not give, and which those are."""


def page(name: str) -> str:
    return (PAGES / f"{name}.prom").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with node_exporter(program("node_exporter"), tmp_path_factory.mktemp("newest")) as text:
        yield text


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = debian("prometheus-node-exporter", "prometheus-node-exporter")
    with node_exporter(binary, tmp_path_factory.mktemp("oldest")) as text:
        yield text


def test_the_catalogue_agrees_with_node_exporter_1_12(newest: str) -> None:
    assert disagreements(NODE, newest, NODE.newest) == []
    assert unseen(NODE, [newest], NODE.newest) <= set(OF_THE_MACHINE)


def test_the_catalogue_agrees_with_node_exporter_1_5(oldest: str) -> None:
    assert disagreements(NODE, oldest, NODE.oldest) == []
    assert unseen(NODE, [oldest], NODE.oldest) <= set(OF_THE_MACHINE)


def test_what_is_not_required_is_of_the_machine_and_not_of_the_exporter() -> None:
    assert {name for name, metric in NODE.metrics.items() if not metric.required} == set(OF_THE_MACHINE)


def test_our_own_page_has_every_metric_as_the_real_one_shows_it(newest: str) -> None:
    own, real = families(page("node")), families(newest)
    assert disagreements(NODE, page("node"), NODE.newest, also=NODE.metrics) == []
    assert {name: own[name].type for name in own if name in real} == {
        name: real[name].type for name in own if name in real
    }


def test_enabling_detailed_network_metrics_renames_what_the_catalogue_says_it_renames(tmp_path: Path) -> None:
    with node_exporter(program("node_exporter"), tmp_path, "--collector.netdev.enable-detailed-metrics") as text:
        gone = {message.partition(" ")[0] for message in disagreements(NODE, text, NODE.newest)}
    assert gone == {name for name, metric in NODE.metrics.items() if "enable-detailed-metrics" in metric.absent}


# --- what the signals give ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    # Nothing says of untyped series that they grow.
    zeroes = "".join(f"{name} 0\n" for name, metric in NODE.metrics.items() if metric.type == "untyped")
    host = Target(NODE, page("node"), before=zeroes)
    disks = Target(NODE, page("node_disks"), instance="i:2", before=page("node_disks_before"))
    with history(tmp_path_factory.mktemp("history"), [host, disks]) as running:
        yield running


def host(value: float) -> Values:
    return {frozenset({("instance", "i:1")}): value}


def device(values: dict[str, float], instance: str = "i:1", **more: str) -> Values:
    return {
        frozenset({("instance", instance), ("device", name), *more.items()}): value for name, value in values.items()
    }


EXPECTED: dict[str, Values] = {
    "cpu": host(0.3),  # 0.3 and 0.1 idle less iowait and steal, over two CPUs
    "cpu_peak": host(0.3),
    "cpu_sustained": host(0.3),
    "cpu_pressure": host(0.1),
    "load": host(2.0),
    "memory": host(0.75),
    "memory_available": host(25 * GIGA),
    "memory_cached": host(30 * GIGA),
    "swap": host(0.9),
    "swap_activity": host(3.0),
    "oom_kills": host(2.0),
    "disk_io": device({"sda": 0.8}),
    "disk_queue": device({"sda": 2.0}),
    "disk_read_latency": device({"sda": 0.01}),
    "disk_write_latency": device({"sda": 0.1}),
    "disk_iops": device({"sda": 12.0}),
    "disk_throughput": device({"sda": 30_000.0}),
    # The mount with a quota is the fullest of its device; images, memory and other machines' disks are not there.
    "disk_space": device({"/dev/sda1": 0.9, "/dev/sdb1": 0.2})
    | device({"/dev/filling": 0.8, "/dev/roomy": 0.2, "/dev/emptying": 0.88}, "i:2"),
    "inodes": device({"/dev/sda1": 0.75}),
    # 20 left, 4 go an hour; the one with room loses as much, and the fullest one gets emptier.
    "disk_full_in": device({"/dev/filling": 5 * 3600.0}, "i:2"),
    "network": device({"eth0": 0.5}, direction="receive") | device({"eth0": 0.8}, direction="transmit"),
    "network_drops": device({"eth0": 0.01}),
    "network_errors": device({"eth0": 0.005}),
    "tcp_retransmits": host(0.01),
    "conntrack": host(0.75),
    "file_descriptors": host(0.5),
}


def test_every_signal_has_an_expected_value() -> None:
    assert sorted(EXPECTED) == sorted(NODE.signals)


@pytest.mark.parametrize("world", [ALONE, PAIR])
@pytest.mark.parametrize("signal", EXPECTED)
def test_a_signal_gives_the_value_that_the_page_means(answer: Answer, signal: str, world: str) -> None:
    assert answer.signal(NODE, signal, world=world) == pytest.approx(EXPECTED[signal], rel=1e-4)


def test_a_declared_capacity_stands_in_for_a_link_speed_that_no_device_knows(answer: Answer) -> None:
    expr = NODE.signals["network"].variants[0].expr
    given = answer.query(promql.fill(expr, lambda _: 'world="alone"', {"window": "5m", "capacity": "125000000"}))
    wanted = device({"eth0": 0.5, "eth1": 0.1}, direction="receive") | device(
        {"eth0": 0.8, "eth1": 0.2}, direction="transmit"
    )
    assert given == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("signal", [name for name, what in NODE.signals.items() if what.traffic])
def test_traffic_is_told_apart_as_its_signal_is_and_not_doubled_by_a_pair(answer: Answer, signal: str) -> None:
    traffic = NODE.signals[signal].traffic
    assert traffic is not None
    flow = {
        world: answer.query(promql.fill(traffic, lambda _, world=world: f'world="{world}"', {"window": "5m"}))
        for world in (ALONE, PAIR)
    }
    assert set(EXPECTED[signal]) <= set(flow[ALONE])
    assert flow[PAIR] == pytest.approx(flow[ALONE])


@pytest.mark.parametrize(("signal", "wanted"), [("cpu", 0.0), ("cpu_peak", 1.0), ("cpu_sustained", 0.0)])
def test_a_busy_stretch_is_in_the_peak_but_not_sustained(tmp_path: Path, signal: str, wanted: float) -> None:
    expr = promql.fill(NODE.signals[signal].expr, lambda _: 'job="x"', {"window": "5m"})
    series = 'node_cpu_seconds_total{job="x",instance="i:1",cpu="0",mode="idle"}'
    test = {
        "interval": "1m",
        # Idle for half an hour, busy for ten minutes, idle again.
        "input_series": [{"series": series, "values": "0+60x30 1800+0x9 1860+60x39"}],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "75m", "exp_samples": [{"labels": '{instance="i:1"}', "value": wanted}]}
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps({"fuzzy_compare": True, "tests": [test]}))
    done = subprocess.run(
        [program("promtool"), "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
