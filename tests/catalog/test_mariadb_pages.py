"""MariaDB at work, through Debian's mysqld_exporter, and a page of a replica of MySQL 8.4: facts and values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from catalog import databases
from catalog.databases import mysql, scrape, session, until
from catalog.facts import exporter, only, page, version_of
from catalog.metrics_page import disagreements, unseen
from catalog.replay import PAIR, Answer, Target, history

DIGESTS = "--collect.perf_schema.eventsstatements"
SLAVE = "mysql_slave_status_"


@dataclass(frozen=True)
class Seen:
    """The exporter's version, its pages by name, what the server said itself, and a Prometheus that has the pages."""

    version: str
    pages: dict[str, str]
    truth: dict[str, float]
    answer: Answer


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    program = databases.program("prometheus-mysqld-exporter", "prometheus-mysqld-exporter")
    pages: dict[str, str] = {}
    with databases.mariadb() as (primary, replica, home), ExitStack() as stack:
        url = {
            name: stack.enter_context(
                databases.exporter(
                    [program, DIGESTS], home / f"{name}-exporter.log", {"DATA_SOURCE_NAME": f"exporter@unix({socket})/"}
                )
            )
            for name, socket in (("primary", primary), ("replica", replica))
        }
        mysql(
            primary,
            "create database shop; use shop; create table t (id int primary key, n int); insert into t values (1, 0), (2, 0), (3, 0); select * from t",
        )
        pages["before"] = scrape(url["primary"])
        waits = "show global status like 'Innodb_row_lock_waits'"
        holder, waiter, left, right = (stack.enter_context(session(*databases.mysql_client(primary))) for _ in range(4))
        holder("use shop; begin; update t set n = 1 where id = 1;")
        left("use shop; begin; update t set n = 3 where id = 2;")
        right("use shop; begin; update t set n = 4 where id = 3;")
        until(
            lambda: (
                mysql(primary, "select count(*) from information_schema.innodb_trx where trx_rows_modified > 0") == "3"
            )
        )
        waiter("use shop; update t set n = 2 where id = 1;")
        left("update t set n = 3 where id = 3;")
        until(lambda: mysql(primary, waits).endswith("\t2"))
        right("update t set n = 4 where id = 2;")
        until(lambda: mysql(primary, "show global status like 'Innodb_deadlocks'").endswith("\t1"))
        mysql(primary, "select sleep(0.2); use shop; insert into t values (4, 0)")
        until(lambda: mysql(replica, "select count(*) from shop.t") == "4")
        pages["primary"], pages["replica"] = scrape(url["primary"]), scrape(url["replica"])
        # The client that asks stands where the exporter's own connection stood.
        truth = {"connected": float(mysql(primary, "show global status like 'Threads_connected'").rpartition("\t")[2])}
        truth["waits"] = float(mysql(primary, waits).rpartition("\t")[2])
        mysql(replica, "stop slave sql_thread")
        pages["stopped"] = scrape(url["replica"])
    targets = [
        Target(exporter("mysql"), pages["primary"], instance="primary:1", before=pages["before"]),
        Target(exporter("mysql"), pages["replica"], instance="replica:1"),
        Target(exporter("mysql"), pages["stopped"], instance="stopped:1"),
        Target(exporter("mysql"), page("mysql_8.4"), instance="new:1"),
    ]
    with history(tmp_path_factory.mktemp("mysql"), targets) as answer:
        yield Seen(version_of(program), pages, truth, answer)


def test_the_catalogue_agrees_with_debians_mysqld_exporter(
    mariadb: Seen,
) -> None:
    at, pages = mariadb.version, mariadb.pages
    counted = [
        "mysql_global_status_innodb_deadlocks",
        "mysql_perf_schema_events_statements_total",
        "mysql_perf_schema_events_statements_seconds_total",
    ]
    following = [f"{SLAVE}{name}" for name in ("seconds_behind_master", "slave_io_running", "slave_sql_running")]
    assert disagreements(exporter("mysql"), pages["primary"], at, flags=[DIGESTS], also=counted) == []
    assert disagreements(exporter("mysql"), pages["replica"], at, flags=[DIGESTS], also=following) == []
    assert unseen(exporter("mysql"), pages.values(), at, flags=[DIGESTS]) == set()
    assert f"{SLAVE}seconds_behind_master" not in pages["stopped"], "a stopped replica tells no lag"


def test_the_catalogue_agrees_with_the_page_of_a_replica_of_mysql_8_4() -> None:
    names = [
        name for name in exporter("mysql").metrics if name.startswith(SLAVE) and exporter("mysql").metrics[name].since
    ]
    found = disagreements(exporter("mysql"), page("mysql_8.4"), exporter("mysql").newest, also=names)
    assert [line for line in found if line.startswith(SLAVE)] == []
    assert (
        len([line for line in disagreements(exporter("mysql"), page("mysql_8.4"), "0.14.0") if "since 0.16.0" in line])
        == 3
    )


def test_mysql_signals_say_what_the_server_says(mariadb: Seen) -> None:
    truth, answer = mariadb.truth, mariadb.answer

    def signal(name: str, world: str = "alone", **labels: str) -> float:
        return only(answer.signal(exporter("mysql"), name, world=world), **labels)

    for world in ("alone", PAIR):
        at = {"world": world, "instance": "primary:1"}
        assert signal("reachable", **at) == 1
        assert signal("connections", **at) == pytest.approx(truth["connected"] / 30)
        assert signal("deadlocks", **at) == pytest.approx(1)
        assert signal("row_lock_waits", **at) * 3600 == pytest.approx(truth["waits"])
        assert signal("row_lock_time", **at) > 0
        assert 0 < signal("slow_queries", **at) < 1
        assert signal("queries", **at) > 0
        assert signal("threads_running", **at) >= 1
        assert 0.5 < signal("buffer_pool_hit", **at) <= 1
        assert signal("query_time", **at, schema="shop") > 0


@pytest.mark.parametrize("variant", [None, 0])
def test_replication_of_mariadb_has_a_lag_and_runs_until_it_is_stopped(mariadb: Seen, variant: int | None) -> None:
    answer = mariadb.answer
    lag = answer.signal(exporter("mysql"), "replication_lag", variant=variant)
    runs = answer.signal(exporter("mysql"), "replication_running", variant=variant)
    assert only(lag, instance="replica:1") == 0
    assert (only(runs, instance="replica:1"), only(runs, instance="stopped:1")) == (1, 0)
    assert not [series for series in {*lag, *runs} if ("instance", "primary:1") in series]


@pytest.mark.parametrize("world", ["alone", PAIR])
def test_replication_of_mysql_8_4_is_judged_by_its_worst_channel(mariadb: Seen, world: str) -> None:
    answer = mariadb.answer
    assert only(answer.signal(exporter("mysql"), "replication_lag", world=world), instance="new:1") == 45
    assert only(answer.signal(exporter("mysql"), "replication_running", world=world), instance="new:1") == 0


@pytest.mark.parametrize("signal", sorted(exporter("mysql").signals))
def test_a_highly_available_pair_changes_no_value(mariadb: Seen, signal: str) -> None:
    answer = mariadb.answer
    assert answer.signal(exporter("mysql"), signal, world=PAIR) == pytest.approx(
        answer.signal(exporter("mysql"), signal)
    )
