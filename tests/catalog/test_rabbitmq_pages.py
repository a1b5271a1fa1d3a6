"""RabbitMQ at work, through its own plugin: the catalogue's facts, and its signals by what the node did."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from catalog import databases
from catalog.databases import scrape, until
from catalog.facts import exporter, only, version
from catalog.metrics_page import disagreements, unseen
from catalog.replay import PAIR, Answer, Target, history
from harness.processes import free_port

ROOT = Path(__file__).parents[2]
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@contextmanager
def rabbitmq() -> Iterator[tuple[str, str]]:
    """A node of one's own, with its port mapper: where its metrics are, and where it is managed."""
    databases.program("rabbitmq-server", "rabbitmq-server")
    mapper, node, amqp, metrics, management = (free_port() for _ in range(5))
    with databases.folder() as home:
        (home / "enabled").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{amqp}\nprometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {metrics}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\nmanagement_agent.disable_metrics_collector = false\n"
        )
        env = {
            "HOME": str(home), "RABBITMQ_NODENAME": f"capgen{node}@localhost", "RABBITMQ_DIST_PORT": str(node),
            "RABBITMQ_MNESIA_BASE": f"{home}/data", "RABBITMQ_LOG_BASE": f"{home}/log", "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled", "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated", "RABBITMQ_FEATURE_FLAGS_FILE": f"{home}/flags",
            "ERL_EPMD_PORT": str(mapper), "ERL_EPMD_ADDRESS": "127.0.0.1",
        }  # fmt: skip
        names = ["epmd", "-port", mapper, "-address", "127.0.0.1"]
        asked = ["epmd", "-port", mapper, "-names"]
        with (
            databases.running(names, home / "epmd.log", lambda: databases.run(*asked)),
            databases.running(
                [SERVER], home / "server.log", lambda: scrape(f"http://127.0.0.1:{metrics}/metrics"), env
            ),
        ):
            yield f"http://127.0.0.1:{metrics}/metrics", f"http://127.0.0.1:{management}/api"


def manage(api: str, method: str, path: str, body: Any) -> Any:
    """One call of the management interface, as the guest that every node has."""
    headers = {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()}
    request = urllib.request.Request(api + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def publish(api: str, key: str) -> None:
    message = {"properties": {}, "routing_key": key, "payload": "x", "payload_encoding": "string"}
    manage(api, "POST", "/exchanges/%2F/amq.default/publish", message)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Answer]]:
    """The page of a node that was given 25 messages, 5 of them for nobody, and gave 4, one of them again."""
    with rabbitmq() as (metrics, api):
        manage(api, "PUT", "/queues/%2F/orders", {"durable": True})
        for number in range(25):
            publish(api, "nobody" if number < 5 else "orders")
        take = {"count": 1, "encoding": "auto"}
        manage(api, "POST", "/queues/%2F/orders/get", {**take, "ackmode": "ack_requeue_true"})
        for _ in range(3):
            manage(api, "POST", "/queues/%2F/orders/get", {**take, "ackmode": "ack_requeue_false"})
        until(lambda: "\nrabbitmq_queue_messages_ready 17\n" in scrape(metrics))
        page = scrape(metrics)
    with history(tmp_path_factory.mktemp("rabbitmq"), [Target(exporter("rabbitmq"), page)]) as answer:
        yield page, answer


def test_the_catalogue_agrees_with_debians_rabbitmq(node: tuple[str, Answer]) -> None:
    page, _ = node
    running = version(page.split("rabbitmq_version=")[1])
    assert running == exporter("rabbitmq").oldest
    assert disagreements(exporter("rabbitmq"), page, running) == []
    assert unseen(exporter("rabbitmq"), [page], running) == set()


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        ("backlog", 17), ("unacknowledged", 0), ("consumers", 0), ("memory_alarm", 0), ("disk_alarm", 0),
        ("published", 25 / 3600), ("delivered", 4 / 3600), ("unroutable", 5 / 25), ("redelivered", 1 / 4),
        ("drain_time", 17 / (4 / 3600)),
    ],
)  # fmt: skip
def test_a_signal_says_what_the_node_did(signal: str, value: float, node: tuple[str, Answer]) -> None:
    _, answer = node
    assert only(answer.signal(exporter("rabbitmq"), signal), instance="i:1") == pytest.approx(value, rel=0.01)
    assert only(answer.signal(exporter("rabbitmq"), signal, world=PAIR), instance="i:1") == pytest.approx(
        value, rel=0.01
    )


def test_shares_of_limits_lie_between_nothing_and_all(node: tuple[str, Answer]) -> None:
    _, answer = node
    for signal in ("memory", "file_descriptors"):
        assert 0 < only(answer.signal(exporter("rabbitmq"), signal)) < 1
    assert only(answer.signal(exporter("rabbitmq"), "disk_headroom")) > 1


def test_it_is_one_file_of_the_catalogue_and_nothing_else_knows_it() -> None:
    """Adding an exporter is one YAML file and its case: RabbitMQ was added so, and no code speaks of it."""
    program = [path for path in (ROOT / "capgen").rglob("*") if path.suffix in (".py", ".yaml", ".md")]
    knowing = [path for path in (*program, *(ROOT / "templates").rglob("*.j2")) if "rabbit" in path.read_text().lower()]
    assert [path.relative_to(ROOT).as_posix() for path in knowing] == ["capgen/catalog/exporters/rabbitmq.yaml"]
