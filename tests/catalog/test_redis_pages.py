"""Redis at work, through Debian's exporter: the catalogue's facts, and its signals by what the server did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from catalog import databases
from catalog.databases import redis_cli, scrape, session, until
from catalog.facts import exporter, only, version
from catalog.metrics_page import disagreements, unseen
from catalog.replay import PAIR, Answer, Target, Values, history


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Answer]]:
    """Pages by name, and a Prometheus that has them."""
    program = databases.program("prometheus-redis-exporter", "prometheus-redis-exporter")
    pages: dict[str, str] = {}
    with databases.redis() as (primary, replica, home), ExitStack() as stack:
        url = {
            name: stack.enter_context(
                databases.exporter(
                    [program, "--redis.addr", f"redis://127.0.0.1:{port}"], home / f"{name}-exporter.log"
                )
            )
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
        Target(exporter("redis"), text, instance=name, before=pages["before"] if name == "primary" else "")
        for name, text in pages.items()
        if name != "before"
    ]
    with history(tmp_path_factory.mktemp("redis"), targets) as answer:
        yield pages, answer


def test_the_catalogue_agrees_with_debians_redis_exporter(redis: tuple[dict[str, str], Answer]) -> None:
    pages, _ = redis
    found = re.search(r'redis_exporter_build_info{.*version="([^"]*)"', pages["primary"])
    assert found
    for name, also in (
        ("primary", ["redis_config_maxclients", "redis_connected_slave_lag_seconds", "redis_slowlog_last_id"]),
        ("replica", ["redis_master_link_up"]),
    ):
        assert disagreements(exporter("redis"), pages[name], version(found[1]), also=also) == []
    assert unseen(exporter("redis"), pages.values(), version(found[1])) == set()


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
    assert (
        only(values("replication_link"), instance="replica"),
        only(values("replication_link"), instance="cut off"),
    ) == (1, 0)


def test_memory_is_told_only_of_servers_that_have_a_limit_and_refuse_writes_at_it(
    redis: tuple[dict[str, str], Answer],
) -> None:
    _, answer = redis
    for world in ("alone", PAIR):
        memory = answer.signal(exporter("redis"), "memory", world=world)
        assert only(memory, instance="primary") == pytest.approx(
            only(answer.signal(exporter("redis"), "memory_used"), instance="primary") / (50 * 2**20)
        )
        assert {dict(series)["instance"] for series in memory} == {"primary"}, (
            "the cache evicts, the replica has no limit"
        )


@pytest.mark.parametrize("signal", sorted(exporter("redis").signals))
def test_a_highly_available_pair_changes_no_value(redis: tuple[dict[str, str], Answer], signal: str) -> None:
    answer = redis[1]
    assert answer.signal(exporter("redis"), signal, world=PAIR) == pytest.approx(
        answer.signal(exporter("redis"), signal)
    )
