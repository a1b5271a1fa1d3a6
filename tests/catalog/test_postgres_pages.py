"""PostgreSQL at work, through Debian's exporter and a page of the current one: facts and values of the catalogue.

Debian's exporter is an old one, so it holds the lower ends of the version gates, and a page of our own, written
after the current sources, the upper ends. The server is made to do what the signals are about (a session waits
for a lock, a deadlock is broken, a standby follows), and what a signal gives is compared with what the server
itself says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from catalog import databases
from catalog.databases import psql, scrape, session, until
from catalog.facts import exporter, numbers, only, page, version_of
from catalog.metrics_page import disagreements, unseen
from catalog.replay import PAIR, Answer, Target, history


@dataclass(frozen=True)
class Seen:
    """The exporter's version, its pages by name, what the server said itself, and a Prometheus that has the pages."""

    version: str
    pages: dict[str, str]
    truth: dict[str, float]
    answer: Answer


@pytest.fixture(scope="module")
def postgres(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Seen]:
    program = databases.program("prometheus-postgres-exporter", "prometheus-postgres-exporter")
    pages: dict[str, str] = {}
    with databases.postgres() as (primary, standby, home), ExitStack() as stack:
        url = {
            name: stack.enter_context(
                databases.exporter(
                    [program],
                    home / f"{name}-exporter.log",
                    {"DATA_SOURCE_NAME": f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"},
                )
            )
            for name, port in (("primary", primary), ("standby", standby))
        }
        psql(
            primary,
            "create table t (id int primary key, n int)",
            "insert into t select g, 0 from generate_series(1, 1000) g",
            database="shop",
        )
        pages["before"] = scrape(url["primary"])
        holder, waiter, left, right = (
            stack.enter_context(session(*databases.psql_client(primary, "shop"))) for _ in range(4)
        )
        holder("begin; update t set n = 1 where id = 1;")
        until(lambda: psql(primary, "select count(*) from pg_stat_activity where state = 'idle in transaction'") == "1")
        waiter("update t set n = 2 where id = 1;")
        left("begin; update t set n = 3 where id = 2;")
        right("begin; update t set n = 4 where id = 3;")
        until(lambda: psql(primary, "select count(*) from pg_stat_activity where state = 'idle in transaction'") == "3")
        left("update t set n = 3 where id = 3;")
        right("update t set n = 4 where id = 2;")
        until(lambda: psql(primary, "select deadlocks from pg_stat_database where datname = 'shop'") == "1")
        psql(
            primary,
            "begin",
            "delete from t where id > 500",
            "rollback",
            "set work_mem = '64kB'",
            "select count(*) from (select g from generate_series(1, 200000) g order by g desc) s",
            database="shop",
        )
        until(
            lambda: (
                psql(
                    primary,
                    "select count(*) from pg_stat_replication where state = 'streaming' and replay_lsn = pg_current_wal_lsn()",
                )
                == "1"
            )
        )
        pages["primary"], pages["standby"] = scrape(url["primary"]), scrape(url["standby"])
        truth = {
            "sessions": float(
                psql(
                    primary,
                    "select count(*) from pg_stat_activity where datname is not null and pid <> pg_backend_pid()",
                )
            ),
            "size": float(psql(primary, "select pg_database_size('shop')")),
        }
    targets = [
        Target(exporter("postgres"), pages["primary"], instance="primary:1", before=pages["before"]),
        Target(exporter("postgres"), pages["standby"], instance="standby:1"),
        Target(exporter("postgres"), page("postgres_0.20"), instance="new:1"),
    ]
    with history(tmp_path_factory.mktemp("postgres"), targets) as answer:
        yield Seen(version_of(program), pages, truth, answer)


def test_the_catalogue_agrees_with_debians_postgres_exporter(
    postgres: Seen,
) -> None:
    at, pages = postgres.version, postgres.pages
    replication = [
        "pg_stat_replication_pg_wal_lsn_diff",
        "pg_replication_slots_active",
        "pg_replication_slots_pg_wal_lsn_diff",
    ]
    # Before 0.20 most series carry `server` as well, and sessions are told apart by more labels with every version.
    without_server = {name: re.sub(r',?server="[^"]*"', "", text) for name, text in pages.items()}
    younger_labels = (
        {f"pg_stat_activity_{name}" for name in ("count", "max_tx_duration")} if numbers(at) < (0, 17) else set()
    )
    for name, also in (("primary", replication), ("standby", [])):
        found = disagreements(exporter("postgres"), without_server[name], at, also=also)
        assert {line.partition(" ")[0] for line in found} == younger_labels
        assert all("has a series with ['datname', 'state'], without " in line for line in found)
    assert unseen(exporter("postgres"), pages.values(), at) == set()


def test_the_catalogue_agrees_with_the_current_postgres_exporters_page() -> None:
    postgres = exporter("postgres")
    assert (
        disagreements(
            postgres,
            page("postgres_0.20"),
            postgres.newest,
            flags=["--collector.stat_statements"],
            also=postgres.metrics,
        )
        == []
    )
    early = disagreements(postgres, page("postgres_0.20"), "0.11.1", flags=["--collector.stat_statements"])
    assert len(early) == 4
    assert all("since 0.13.0" in line for line in early)


def test_postgres_signals_say_what_the_server_says(
    postgres: Seen,
) -> None:
    truth, answer = postgres.truth, postgres.answer
    shop = {"instance": "primary:1", "datname": "shop"}

    def signal(name: str, **labels: str) -> float:
        return only(answer.signal(exporter("postgres"), name), **labels)

    assert signal("reachable", instance="primary:1") == 1
    assert signal("connections", instance="primary:1") == pytest.approx(truth["sessions"] / 17)
    assert signal("deadlocks", **shop) == pytest.approx(1)
    assert signal("database_size", **shop) == pytest.approx(truth["size"], rel=0.05)
    assert 0 < signal("rollbacks", **shop) < 1
    assert signal("transactions", **shop) > 0
    assert signal("rows_written", **shop) > 0
    assert signal("temporary_files", **shop) > 100
    assert 0.5 < signal("cache_hit", **shop) <= 1
    assert 0 < signal("idle_in_transaction", **shop) <= signal("longest_transaction", **shop) < 120
    assert signal("idle_in_transaction", instance="primary:1", datname="postgres") == 0
    assert signal("replication_state", instance="primary:1") == 1
    assert signal("replication_state", instance="standby:1") == 0
    assert signal("replication_slots", instance="primary:1") == 0
    assert signal("replication_lag_bytes", instance="primary:1", application_name="walreceiver") >= 0
    assert signal("replication_slot_retained", instance="primary:1", slot_name="standby") >= 0


def test_an_exporter_that_does_not_know_of_lock_waits_gives_no_zero(
    postgres: Seen,
) -> None:
    at, answer = postgres.version, postgres.answer
    old = {
        series
        for series in answer.signal(exporter("postgres"), "lock_waits", variant=0)
        if ("instance", "primary:1") in series
    }
    assert bool(old) == (numbers(at) >= (0, 17)), "a session is waiting for a lock all the while"


@pytest.mark.parametrize("world", ["alone", PAIR])
def test_postgres_signals_give_what_the_current_page_means(postgres: Seen, world: str) -> None:
    answer, new = postgres.answer, {"instance": "new:1"}
    wanted = {
        "reachable": 1, "connections": 0.2, "replication_lag": 7, "replication_lag_bytes": 512, "replication_state": 1,
        "replication_slots": 1,
    }  # fmt: skip
    by_database = {
        "query_time": 0.2, "transactions": 2, "rollbacks": 0.25, "rows_written": 4, "temporary_files": 10, "cache_hit": 0.95,
        "lock_waits": 11, "deadlocks": 2, "idle_in_transaction": 30, "longest_transaction": 40, "database_size": 1e9,
    }  # fmt: skip
    assert {*wanted, *by_database, "replication_slot_retained"} == set(exporter("postgres").signals)
    for name, value in wanted.items():
        assert only(answer.signal(exporter("postgres"), name, world=world), **new) == pytest.approx(value), name
    for name, value in by_database.items():
        assert only(answer.signal(exporter("postgres"), name, world=world), **new, datname="shop") == pytest.approx(
            value
        ), name
    retained = answer.signal(exporter("postgres"), "replication_slot_retained", world=world)
    assert (only(retained, **new, slot_name="b"), only(retained, **new, slot_name="forgotten")) == (512, 4096)
    assert only(answer.signal(exporter("postgres"), "lock_waits", world=world), **new, datname="postgres") == 0


@pytest.mark.parametrize("signal", sorted(exporter("postgres").signals))
def test_a_highly_available_pair_changes_no_value(postgres: Seen, signal: str) -> None:
    answer = postgres.answer
    assert answer.signal(exporter("postgres"), signal, world=PAIR) == pytest.approx(
        answer.signal(exporter("postgres"), signal)
    )
