"""PostgreSQL, MariaDB and Redis at work, through the exporters that Debian ships: facts and values of the catalogue.

The exporters are old ones, so they hold the lower ends of the version gates; pages of our own, written after
the current sources, hold the upper ends. Servers are made to do what the signals are about (a session waits
for a lock, a deadlock is broken, a query is slow, a replica follows and then does not), and what a signal
gives is compared with what the server itself says.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter

from catalog import databases
from catalog.databases import mysql, psql, redis_cli, scrape, session, until
from catalog.metrics_page import disagreements
from catalog.replay import PAIR, Answer, Target, Values, history

PAGES = Path(__file__).parent / "pages"
DIGESTS = "--collect.perf_schema.eventsstatements"
SLAVE = "mysql_slave_status_"


def exporter(name: str) -> Exporter:
    return Catalog().entry(name).exporter


def page(name: str) -> str:
    return (PAGES / f"{name}.prom").read_text(encoding="utf-8")


def version(text: str) -> str:
    found = re.search(r"\d+\.\d+\.\d+", text)
    assert found, text
    return found[0]


def said(argv: list[str]) -> str:
    done = subprocess.run([*argv, "--version"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def only(values: Values, **labels: str) -> float:
    """The value of the one series that has these labels."""
    found = [value for series, value in values.items() if set(labels.items()) <= series]
    assert len(found) == 1, values
    return found[0]


# --- PostgreSQL -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str], dict[str, float], Answer]]:
    """The exporter's version, pages by name, what the server said itself, and a Prometheus that has the pages."""
    program = databases.program("prometheus-postgres-exporter", "prometheus-postgres-exporter")
    pages: dict[str, str] = {}
    with databases.postgres() as (primary, standby, home), ExitStack() as stack:
        url = {
            name: stack.enter_context(
                databases.exporter([program], home / f"{name}-exporter.log", {"DATA_SOURCE_NAME": f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"})
            )
            for name, port in (("primary", primary), ("standby", standby))
        }
        psql(primary, "create table t (id int primary key, n int)", "insert into t select g, 0 from generate_series(1, 1000) g", database="shop")
        pages["before"] = scrape(url["primary"])
        holder, waiter, left, right = (stack.enter_context(session(*databases.psql_client(primary, "shop"))) for _ in range(4))
        holder("begin; update t set n = 1 where id = 1;")
        until(lambda: psql(primary, "select count(*) from pg_stat_activity where state = 'idle in transaction'") == "1")
        waiter("update t set n = 2 where id = 1;")
        left("begin; update t set n = 3 where id = 2;")
        right("begin; update t set n = 4 where id = 3;")
        until(lambda: psql(primary, "select count(*) from pg_stat_activity where state = 'idle in transaction'") == "3")
        left("update t set n = 3 where id = 3;")
        right("update t set n = 4 where id = 2;")
        until(lambda: psql(primary, "select deadlocks from pg_stat_database where datname = 'shop'") == "1")
        psql(primary, "begin", "delete from t where id > 500", "rollback", "set work_mem = '64kB'", "select count(*) from (select g from generate_series(1, 200000) g order by g desc) s", database="shop")
        until(lambda: psql(primary, "select count(*) from pg_stat_replication where state = 'streaming' and replay_lsn = pg_current_wal_lsn()") == "1")
        pages["primary"], pages["standby"] = scrape(url["primary"]), scrape(url["standby"])
        truth = {
            "sessions": float(psql(primary, "select count(*) from pg_stat_activity where datname is not null and pid <> pg_backend_pid()")),
            "size": float(psql(primary, "select pg_database_size('shop')")),
        }
    targets = [
        Target(exporter("postgres"), pages["primary"], instance="primary:1", before=pages["before"]),
        Target(exporter("postgres"), pages["standby"], instance="standby:1"),
        Target(exporter("postgres"), page("postgres_0.20"), instance="new:1"),
    ]
    with history(tmp_path_factory.mktemp("postgres"), targets) as answer:
        yield version(said([program])), pages, truth, answer


def test_the_catalogue_agrees_with_debians_postgres_exporter(postgres: tuple[str, dict[str, str], dict[str, float], Answer]) -> None:
    at, pages, _, _ = postgres
    replication = ["pg_stat_replication_pg_wal_lsn_diff", "pg_replication_slots_active", "pg_replication_slots_pg_wal_lsn_diff"]
    # Before 0.20 most series carry `server` as well, and sessions are told apart by more labels with every version.
    without_server = {name: re.sub(r',?server="[^"]*"', "", text) for name, text in pages.items()}
    younger_labels = {f"pg_stat_activity_{name}" for name in ("count", "max_tx_duration")} if numbers(at) < (0, 17) else set()
    for name, also in (("primary", replication), ("standby", [])):
        found = disagreements(exporter("postgres"), without_server[name], at, also=also)
        assert {line.partition(" ")[0] for line in found} == younger_labels
        assert all("has a series with ['datname', 'state'], without " in line for line in found)


def test_the_catalogue_agrees_with_the_current_postgres_exporters_page() -> None:
    postgres = exporter("postgres")
    assert disagreements(postgres, page("postgres_0.20"), postgres.newest, flags=["--collector.stat_statements"], also=postgres.metrics) == []
    early = disagreements(postgres, page("postgres_0.20"), "0.11.1", flags=["--collector.stat_statements"])
    assert len(early) == 4
    assert all("since 0.13.0" in line for line in early)


def test_postgres_signals_say_what_the_server_says(postgres: tuple[str, dict[str, str], dict[str, float], Answer]) -> None:
    _, _, truth, answer = postgres
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


def test_an_exporter_that_does_not_know_of_lock_waits_gives_no_zero(postgres: tuple[str, dict[str, str], dict[str, float], Answer]) -> None:
    at, _, _, answer = postgres
    old = {series for series in answer.signal(exporter("postgres"), "lock_waits", variant=0) if ("instance", "primary:1") in series}
    assert bool(old) == (numbers(at) >= (0, 17)), "a session is waiting for a lock all the while"


@pytest.mark.parametrize("world", ["alone", PAIR])
def test_postgres_signals_give_what_the_current_page_means(postgres: tuple[str, dict[str, str], dict[str, float], Answer], world: str) -> None:
    answer, new = postgres[3], {"instance": "new:1"}
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
        assert only(answer.signal(exporter("postgres"), name, world=world), **new, datname="shop") == pytest.approx(value), name
    retained = answer.signal(exporter("postgres"), "replication_slot_retained", world=world)
    assert (only(retained, **new, slot_name="b"), only(retained, **new, slot_name="forgotten")) == (512, 4096)
    assert only(answer.signal(exporter("postgres"), "lock_waits", world=world), **new, datname="postgres") == 0


# --- MySQL ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str], dict[str, float], Answer]]:
    """The exporter's version, pages by name, what the server said itself, and a Prometheus that has the pages."""
    program = databases.program("prometheus-mysqld-exporter", "prometheus-mysqld-exporter")
    pages: dict[str, str] = {}
    with databases.mariadb() as (primary, replica, home), ExitStack() as stack:
        url = {
            name: stack.enter_context(databases.exporter([program, DIGESTS], home / f"{name}-exporter.log", {"DATA_SOURCE_NAME": f"exporter@unix({socket})/"}))
            for name, socket in (("primary", primary), ("replica", replica))
        }
        mysql(primary, "create database shop; use shop; create table t (id int primary key, n int); insert into t values (1, 0), (2, 0), (3, 0); select * from t")
        pages["before"] = scrape(url["primary"])
        waits = "show global status like 'Innodb_row_lock_waits'"
        holder, waiter, left, right = (stack.enter_context(session(*databases.mysql_client(primary))) for _ in range(4))
        holder("use shop; begin; update t set n = 1 where id = 1;")
        left("use shop; begin; update t set n = 3 where id = 2;")
        right("use shop; begin; update t set n = 4 where id = 3;")
        until(lambda: mysql(primary, "select count(*) from information_schema.innodb_trx where trx_rows_modified > 0") == "3")
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
        yield version(said([program])), pages, truth, answer


def test_the_catalogue_agrees_with_debians_mysqld_exporter(mariadb: tuple[str, dict[str, str], dict[str, float], Answer]) -> None:
    at, pages, _, _ = mariadb
    counted = ["mysql_global_status_innodb_deadlocks", "mysql_perf_schema_events_statements_total", "mysql_perf_schema_events_statements_seconds_total"]
    following = [f"{SLAVE}{name}" for name in ("seconds_behind_master", "slave_io_running", "slave_sql_running")]
    assert disagreements(exporter("mysql"), pages["primary"], at, flags=[DIGESTS], also=counted) == []
    assert disagreements(exporter("mysql"), pages["replica"], at, flags=[DIGESTS], also=following) == []
    assert f"{SLAVE}seconds_behind_master" not in pages["stopped"], "a stopped replica tells no lag"


def test_the_catalogue_agrees_with_the_page_of_a_replica_of_mysql_8_4() -> None:
    names = [name for name in exporter("mysql").metrics if name.startswith(SLAVE) and exporter("mysql").metrics[name].since]
    found = disagreements(exporter("mysql"), page("mysql_8.4"), exporter("mysql").newest, also=names)
    assert [line for line in found if line.startswith(SLAVE)] == []
    assert len([line for line in disagreements(exporter("mysql"), page("mysql_8.4"), "0.14.0") if "since 0.16.0" in line]) == 3


def test_mysql_signals_say_what_the_server_says(mariadb: tuple[str, dict[str, str], dict[str, float], Answer]) -> None:
    _, _, truth, answer = mariadb

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
def test_replication_of_mariadb_has_a_lag_and_runs_until_it_is_stopped(mariadb: tuple[str, dict[str, str], dict[str, float], Answer], variant: int | None) -> None:
    answer = mariadb[3]
    lag = answer.signal(exporter("mysql"), "replication_lag", variant=variant)
    runs = answer.signal(exporter("mysql"), "replication_running", variant=variant)
    assert only(lag, instance="replica:1") == 0
    assert (only(runs, instance="replica:1"), only(runs, instance="stopped:1")) == (1, 0)
    assert not [series for series in {*lag, *runs} if ("instance", "primary:1") in series]


@pytest.mark.parametrize("world", ["alone", PAIR])
def test_replication_of_mysql_8_4_is_judged_by_its_worst_channel(mariadb: tuple[str, dict[str, str], dict[str, float], Answer], world: str) -> None:
    answer = mariadb[3]
    assert only(answer.signal(exporter("mysql"), "replication_lag", world=world), instance="new:1") == 45
    assert only(answer.signal(exporter("mysql"), "replication_running", world=world), instance="new:1") == 0


# --- Redis ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Answer]]:
    """Pages by name, and a Prometheus that has them."""
    program = databases.program("prometheus-redis-exporter", "prometheus-redis-exporter")
    pages: dict[str, str] = {}
    with databases.redis() as (primary, replica, home), ExitStack() as stack:
        url = {
            name: stack.enter_context(databases.exporter([program, "--redis.addr", f"redis://127.0.0.1:{port}"], home / f"{name}-exporter.log"))
            for name, port in (("primary", primary), ("replica", replica))
        }
        redis_cli(primary, "set", "a", "x" * 1000)
        until(lambda: len(redis_cli(replica, "get", "a")) == 1000)
        pages["before"] = scrape(url["primary"])
        for key in ("a", "a", "a", "missing"):
            redis_cli(primary, "get", key)
        stack.enter_context(session("redis-cli", "-p", primary, "blpop", "queue", "0"))
        until(lambda: "blocked_clients:1" in redis_cli(primary, "info", "clients"))
        pages["primary"], pages["replica"] = scrape(url["primary"]), scrape(url["replica"])
        redis_cli(primary, "config", "set", "maxmemory-policy", "allkeys-lru")
        pages["cache"] = scrape(url["primary"])
        redis_cli(primary, "config", "set", "maxmemory-policy", "noeviction")
        redis_cli(replica, "replicaof", "127.0.0.1", "1")
        until(lambda: "master_link_status:down" in redis_cli(replica, "info", "replication"))
        pages["cut off"] = scrape(url["replica"])
    targets = [
        Target(exporter("redis"), text, instance=name, before=pages["before"] if name == "primary" else None)
        for name, text in pages.items()
        if name != "before"
    ]
    with history(tmp_path_factory.mktemp("redis"), targets) as answer:
        yield pages, answer


def test_the_catalogue_agrees_with_debians_redis_exporter(redis: tuple[dict[str, str], Answer]) -> None:
    pages, _ = redis
    found = re.search(r'redis_exporter_build_info{.*version="([^"]*)"', pages["primary"])
    assert found
    for name, also in (("primary", ["redis_config_maxclients", "redis_connected_slave_lag_seconds", "redis_slowlog_last_id"]), ("replica", ["redis_master_link_up"])):
        assert disagreements(exporter("redis"), pages[name], version(found[1]), also=also) == []


@pytest.mark.parametrize("world", ["alone", PAIR])
def test_redis_signals_say_what_the_server_did(redis: tuple[dict[str, str], Answer], world: str) -> None:
    _, answer = redis

    def values(name: str) -> Values:
        return answer.signal(exporter("redis"), name, world=world)

    at = {"instance": "primary"}
    assert only(values("reachable"), **at) == 1
    assert only(values("hit_ratio"), **at) == pytest.approx(0.75)
    assert only(values("blocked_clients"), **at) == 1
    assert only(values("evictions"), **at) == 0
    assert only(values("rejected_connections"), **at) == 0
    assert 0 < only(values("clients"), **at) < 0.1
    assert only(values("commands"), **at) * 3600 >= 5
    assert 0 < only(values("command_time"), **at) < 0.1
    assert only(values("slowlog"), **at) > 0
    assert only(values("memory_used"), **at) > 100_000
    assert only(values("replication_lag"), **at, slave_ip="127.0.0.1") < 30
    assert (only(values("replication_link"), instance="replica"), only(values("replication_link"), instance="cut off")) == (1, 0)


def test_memory_is_told_only_of_servers_that_have_a_limit_and_refuse_writes_at_it(redis: tuple[dict[str, str], Answer]) -> None:
    _, answer = redis
    for world in ("alone", PAIR):
        memory = answer.signal(exporter("redis"), "memory", world=world)
        assert only(memory, instance="primary") == pytest.approx(only(answer.signal(exporter("redis"), "memory_used"), instance="primary") / (50 * 2**20))
        assert {dict(series)["instance"] for series in memory} == {"primary"}, "the cache evicts, the replica has no limit"
