"""Kubernetes, the connection pools and OpenCost: their facts against pages of our own, their signals by value.

None of these can be run here. Their pages are written after the sources that each one names, with numbers
chosen so that every trap has a row: roll-ups that would be counted twice, missing limits, pools without a
limit, autoscalers that are idle. The expected values were worked out by hand from the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from catalog.facts import PAGES, exporter, page
from catalog.metrics_page import disagreements
from catalog.replay import PAIR, Answer, Target, history

BUSY, CALM = "web-7d4b9c6f5d-bcd2x", "web-7d4b9c6f5d-fgh4z"


@pytest.mark.parametrize("name", sorted(path.stem for path in PAGES.glob("*.prom") if "own making" in path.read_text()))
def test_a_page_of_our_own_says_so_and_names_the_source_it_was_written_after(name: str) -> None:
    first, second = page(name).splitlines()[:2]
    assert first.startswith("# A page of our own making, after ")
    assert any(file in first + second for file in (".go", ".java"))


@pytest.mark.parametrize("name", ["hikaricp", "go_sql", "opencost"])
def test_the_catalogue_agrees_with_the_page(name: str) -> None:
    every = exporter(name).metrics
    assert disagreements(exporter(name), page(name), exporter(name).newest, also=every) == []


@pytest.mark.parametrize("job", ["cadvisor", "kubelet", "state"])
def test_each_of_kubernetes_jobs_gives_the_metrics_that_the_catalogue_says_it_gives(job: str) -> None:
    kubernetes = exporter("kubernetes")
    flags = {metric.flag for metric in kubernetes.metrics.values()}
    every = [name for name, metric in kubernetes.metrics.items() if metric.job == job]
    assert every
    assert (
        disagreements(kubernetes, page(f"kubernetes_{job}"), kubernetes.newest, job=job, flags=flags, also=every) == []
    )


@pytest.mark.parametrize(("version", "name"), [("0.10.2", "pgbouncer_0.10"), ("0.11.0", "pgbouncer_0.11")])
def test_pgbouncers_counters_changed_their_names_with_0_11(version: str, name: str) -> None:
    pgbouncer = exporter("pgbouncer")
    assert disagreements(pgbouncer, page(name), version) == []
    other = {"pgbouncer_0.10": "pgbouncer_0.11", "pgbouncer_0.11": "pgbouncer_0.10"}[name]
    assert len(disagreements(pgbouncer, page(other), version)) == 3


# --- what the signals give ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    renamed = "\n".join(line for line in page("pgbouncer_0.10").splitlines() if "pgbouncer_stats_" in line)
    kubernetes = exporter("kubernetes")
    targets = [
        Target(kubernetes, page("kubernetes_cadvisor"), "cadvisor", "n1:10250", twins=("n1:4194",)),
        Target(kubernetes, page("kubernetes_kubelet"), "kubelet", "n1:10250", twins=("n2:10250",)),
        Target(kubernetes, page("kubernetes_state"), "state", "ksm:1", twins=("ksm:2",)),
        Target(exporter("pgbouncer"), page("pgbouncer_0.11"), "pgbouncer"),
        Target(exporter("pgbouncer"), renamed, "pgbouncer_0.10"),
        *(Target(exporter(name), page(name), name) for name in ("hikaricp", "go_sql", "opencost")),
    ]
    with history(tmp_path_factory.mktemp("history"), targets) as running:
        yield running


def container(pod: str, name: str) -> dict[str, str]:
    return {"namespace": "shop", "pod": pod, "container": name}


def at(**labels: str) -> dict[str, str]:
    return {"instance": "i:1", **labels}


SHOP = {"namespace": "shop"}
DISK = {**SHOP, "persistentvolumeclaim": "data-db-0"}

Expected = list[tuple[Mapping[str, str], float]]

VALUES: dict[str, dict[str, Expected]] = {
    "kubernetes": {
        "cpu": [(container(BUSY, "app"), 0.8), (container(CALM, "app"), 0.2)],
        "cpu_of_request": [(container(BUSY, "app"), 1.6)],
        "throttling": [(container(BUSY, "app"), 0.6), (container(CALM, "app"), 0.0)],
        "cpu_pressure": [(container(BUSY, "app"), 0.25)],
        "memory": [(container(BUSY, "app"), 0.75), (container(CALM, "app"), 0.25)],
        "memory_used": [(container(BUSY, "app"), 750), (container(BUSY, "proxy"), 50), (container(CALM, "app"), 250)],
        "memory_of_request": [(container(BUSY, "app"), 1.5)],
        "oom_kills": [(container(BUSY, "app"), 0.0), (container(CALM, "app"), 1.0)],
        "restarts": [(container(BUSY, "app"), 0.0), (container(CALM, "app"), 4.0)],
        "network_in": [({**SHOP, "pod": BUSY}, 1500.0)],
        "network_out": [({**SHOP, "pod": BUSY}, 2000.0)],
        "volume_space": [(DISK, 0.9)],
        "volume_inodes": [(DISK, 0.75)],
        "hpa_at_max": [
            ({**SHOP, "horizontalpodautoscaler": "web-hpa"}, 1.0),
            ({**SHOP, "horizontalpodautoscaler": "idle-hpa"}, 0.2),
        ],
        "hpa_limited": [
            ({**SHOP, "horizontalpodautoscaler": "web-hpa"}, 1.0),
            ({**SHOP, "horizontalpodautoscaler": "idle-hpa"}, 0.0),
        ],
        "replicas_unavailable": [({**SHOP, "deployment": "web"}, 0.3)],
        "statefulset_replicas_unavailable": [({**SHOP, "statefulset": "db"}, 0.5)],
    },
    "pgbouncer": {
        "reachable": [(at(), 1.0)],
        "active": [(at(database="shop", user="web"), 0.75), (at(database="shop", user="worker"), 0.25)],
        "clients": [(at(), 0.3)],
        "queue": [(at(database="shop"), 4.0)],
        "longest_wait": [(at(database="shop"), 2.0)],
        "wait_time": [(at(database="shop"), 0.005)],
        "query_time": [(at(database="shop"), 0.02)],
    },
    "hikaricp": {
        "active": [(at(pool="HikariPool-1"), 0.6)],
        "queue": [(at(pool="HikariPool-1"), 4.0)],
        "timeouts": [(at(pool="HikariPool-1"), 2.0)],
        "acquire_time": [(at(pool="HikariPool-1"), 0.01)],
        "usage_time": [(at(pool="HikariPool-1"), 0.1)],
    },
    "go_sql": {
        "active": [(at(db_name="shop"), 0.8)],
        "open": [(at(db_name="shop"), 9.0), (at(db_name="unlimited"), 12.0)],
        "queue": [(at(db_name="shop"), 2.0), (at(db_name="unlimited"), 0.0)],
        "waits": [(at(db_name="shop"), 1.0), (at(db_name="unlimited"), 0.0)],
        "wait_time": [(at(db_name="shop"), 2.0)],
    },
    "opencost": {
        "cpu_cost": [(SHOP, 0.1), ({"namespace": "mail"}, 0.01)],
        "memory_cost": [(SHOP, 0.03), ({"namespace": "mail"}, 0.001)],
        "cpu_price": [(SHOP, 0.1 / 6), ({"namespace": "mail"}, 0.01)],
        "memory_price": [(SHOP, 0.002), ({"namespace": "mail"}, 0.001)],
        "volume_cost": [(SHOP, 0.01)],
        "total_cost": [(SHOP, 0.14), ({"namespace": "mail"}, 0.011)],
        "node_cost": [({}, 0.14)],
    },
}
SIGNALS = [(name, signal) for name, signals in VALUES.items() for signal in signals]


def test_every_signal_has_an_expected_value() -> None:
    for name, signals in VALUES.items():
        assert sorted(signals) == sorted(exporter(name).signals), name


@pytest.mark.parametrize(("name", "signal"), SIGNALS)
def test_a_signal_gives_the_value_that_the_page_means(answer: Answer, name: str, signal: str) -> None:
    wanted = {frozenset(labels.items()): value for labels, value in VALUES[name][signal]}
    assert answer.signal(exporter(name), signal) == pytest.approx(wanted)


@pytest.mark.parametrize(("name", "signal"), SIGNALS)
def test_a_highly_available_pair_changes_no_value(answer: Answer, name: str, signal: str) -> None:
    wanted = {frozenset(labels.items()): value for labels, value in VALUES[name][signal]}
    assert answer.signal(exporter(name), signal, world=PAIR) == pytest.approx(wanted)


@pytest.mark.parametrize("signal", ["wait_time", "query_time"])
def test_pgbouncers_signals_are_the_same_before_the_renaming(answer: Answer, signal: str) -> None:
    pgbouncer = exporter("pgbouncer")
    assert answer.signal(pgbouncer, signal, variant=0) == pytest.approx(answer.signal(pgbouncer, signal))
