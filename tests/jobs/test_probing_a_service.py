"""A job that asks a service from outside: is it well, is it quick, which share of requests fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs.machine import Machine
from jobs.running import SHELLS, Script, Webhook, built, capacity, host_script, serving_webhook

PAGE = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{{method="GET",code="200",path="/a}} 5"}} {good}
http_requests_total{{code="500",path="say \\"code=\\\\\\"200\\\\\\"\\""}} {bad} 1700000000000
http_requests_total_other{{code="500"}} 777777
http_requests_totals 888888
"""


@pytest.fixture
def server() -> Iterator[Webhook]:
    with serving_webhook() as webhook:
        yield webhook


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "proc")


@pytest.fixture(params=SHELLS)
def ask(request: pytest.FixtureRequest, tmp_path: Path, server: Webhook, machine: Machine) -> Script:
    address = server.url.split("/")[2]
    runbook = "metadata: {name: shop, title: Shop, runbook: https://runbooks.example.com/shop}"
    spec = capacity(f"""
sources: {{app: {{exporter: http, targets: ["{address}"], path: /metrics}}}}
signals: {{app.errors: {{levels: {{poor: 1%, unacceptable: 5%}}, for: 0s, keep_firing_for: 0s}}}}
jobs:
  ask:
    schedule: "* * * * *"
    probe: {{url: "http://{address}", health: /health, metrics: /metrics, slower_than: 200ms}}
""").replace("metadata: {name: shop, title: Shop}", runbook)
    script = host_script(tmp_path, built(tmp_path, spec), "ask", server, PROC_ROOT=str(machine.root))
    server.pages["/health"] = (200, "ok")
    show(server, 1000, 0)
    return Script(script.path, script.variables, request.param)


def show(server: Webhook, good: float, bad: float) -> None:
    server.pages["/metrics"] = (200, PAGE.format(good=good, bad=bad))


def test_rates_come_from_two_samples_and_errors_from_the_status_label(
    ask: Script, server: Webhook, machine: Machine
) -> None:
    first = ask.run()
    assert (first.code, server.heard()) == (0, []), first.text
    assert first.of("requests")[0]["message"] == "the next run knows a rate"
    machine.advance(60)
    show(server, 1000 + 60 * 94, 60 * 6)
    run = ask.run()
    assert [(line["per_second"], line["failed_per_second"], line["failed_share"]) for line in run.of("requests")] == [
        ("100", "6", "0.06")
    ]
    (text,) = server.heard()
    assert text.startswith("[critical] Shop: Error ratio: 6%, unacceptable from 5%.")
    machine.advance(60)
    show(server, 1.0e5, 60 * 6)
    ask.run()
    assert [text[:10] for text in server.heard()] == ["[resolved]"]
    # The service was started anew: no rate, and no alarm.
    machine.advance(60)
    show(server, 50, 40)
    run = ask.run()
    assert (run.code, server.heard()) == (0, [])


def test_a_sick_service_is_told_of_once_and_again_when_it_is_well(ask: Script, server: Webhook) -> None:
    ask.run()
    server.pages["/health"] = (503, "no")
    for expected in (["[critical] Shop: Health of"], []):
        run = ask.run()
        assert run.code == 0, "the job did what it is for"
        assert [line["status"] for line in run.of("health")] == ["503"]
        heard = server.heard()
        assert [text[:26] for text in heard] == expected
        assert all(text.endswith("what it waits for. https://runbooks.example.com/shop") for text in heard), (
            "what to do, and where to read on"
        )
    server.pages["/health"] = (204, "")
    ask.run()
    assert [text[:26] for text in server.heard()] == ["[resolved] Shop: Health of"]


def test_a_slow_answer_and_missing_metrics(ask: Script, server: Webhook) -> None:
    server.slow = 0.3
    del server.pages["/metrics"]
    run = ask.run()
    assert run.code == 0, run.text
    heard = server.heard()
    assert len(heard) == 2
    assert "Response time of" in heard[0]
    assert "slow from 200ms" in heard[0]
    assert "Metrics at" in heard[1]


def test_a_service_that_is_not_there(ask: Script, server: Webhook) -> None:
    address = server.url.split("/")[2]
    ask.path.write_text(ask.path.read_text().replace(f"url=http://{address}", "url=http://127.0.0.1:1"))
    run = ask.run()
    assert run.code == 0
    assert [line["status"] for line in run.of("health")] == ["000"]
    assert [text[:10] for text in server.heard()] == ["[critical]", "[warning] "]
