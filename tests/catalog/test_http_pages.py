"""The dialects of HTTP metrics: facts against services at work, signals by value from what those services counted.

Where a service can run here it is asked for ten real requests and its own page becomes an hour of history.
Spring and ingress-nginx cannot; their pages are written after their sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from catalog.metrics_page import disagreements, families, unseen
from catalog.replay import ALONE, PAIR, STEP, Answer, Target, Values, history
from catalog.servers import Fetch, app, blackbox_exporter, nginx, nginx_exporter

from capgen import promql, units
from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter

PAGES = Path(__file__).parent / "pages"
HOUR = 3600.0
LATELY = HOUR - STEP * (300 // STEP - 1) / 2
"""The mean over the last window of what grew to 3600 within the hour."""
WRITTEN = {
    name.partition("_buckets")[0]: (PAGES / f"{name}.prom").read_text(encoding="utf-8")
    for name in ("micrometer_buckets", "ingress_nginx", "nginx", "blackbox")
}
"""What an hour left on the pages of what cannot run here, or shows nothing when it is idle."""
OTEL = ["opentelemetry.exporter.prometheus", "opentelemetry.instrumentation.wsgi", "prometheus_client"]
FASTAPI = ["fastapi", "uvicorn", "prometheus_fastapi_instrumentator"]


def exporter(name: str) -> Exporter:
    return Catalog().entry(name).exporter


def page(name: str) -> str:
    return (PAGES / f"{name}.prom").read_text(encoding="utf-8")


def ten_requests(fetch: Fetch) -> str:
    """Six that succeed, three that fail and one to nowhere; then the page."""
    for path in ["/orders/1"] * 6 + ["/unavailable", "/unavailable", "/broken", "/nowhere"]:
        fetch(path)
    return fetch("/metrics")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("services")
    with app("client_app", ["prometheus_client"], folder) as fetch:
        client = ten_requests(fetch)
    with app("fastapi_app", FASTAPI, folder, "inprogress") as fetch:
        fastapi = ten_requests(fetch)
    with app("otel_app", OTEL, folder) as fetch:
        otel = ten_requests(fetch)
    return {"http": client, "fastapi": fastapi, "otel_http": otel}


# --- facts --------------------------------------------------------------------------------------------------


def test_the_catalogue_agrees_with_a_service_that_uses_prometheus_client(pages: dict[str, str]) -> None:
    http = exporter("http")
    flags = [metric.flag for metric in http.metrics.values() if metric.flag]
    assert disagreements(http, pages["http"], flags=flags, also=http.metrics) == []


def test_the_catalogue_agrees_with_the_fastapi_instrumentator(pages: dict[str, str], tmp_path: Path) -> None:
    fastapi = exporter("fastapi")
    flag = "should_instrument_requests_inprogress=True"
    assert disagreements(fastapi, pages["fastapi"], fastapi.newest, flags=[flag], also=fastapi.metrics) == []
    with app("fastapi_app", FASTAPI, tmp_path) as fetch:
        assert disagreements(fastapi, ten_requests(fetch), fastapi.newest) == []


def test_the_catalogue_agrees_with_opentelemetrys_python_sdk(pages: dict[str, str]) -> None:
    otel = exporter("otel_http")
    assert disagreements(otel, pages["otel_http"], also=["http_server_active_requests"]) == []
    assert unseen(otel, [pages["otel_http"]], None) == set()


@pytest.mark.parametrize(
    ("name", "metric"),
    [("fastapi", "http_request_duration_highr_seconds"), ("otel_http", "http_server_request_duration_seconds")],
)
def test_the_buckets_are_the_librarys_own(pages: dict[str, str], name: str, metric: str) -> None:
    lines = [line for line in pages[name].splitlines() if line.startswith(f"{metric}_bucket")]
    bounds = {float(line.partition('le="')[2].partition('"')[0]) for line in lines} - {float("inf")}
    assert bounds == set(exporter(name).metrics[metric].buckets)


def test_the_catalogue_agrees_with_micrometer_without_buckets_and_with_them() -> None:
    micrometer = exporter("micrometer")
    flags = [metric.flag for metric in micrometer.metrics.values() if metric.flag]
    assert disagreements(micrometer, page("micrometer")) == []
    # With buckets the timer's type changes; count and sum, which are what is read, do not.
    assert disagreements(micrometer, page("micrometer_buckets"), flags=flags, also=micrometer.metrics) == [
        "http_server_requests_seconds is a histogram, not a summary"
    ]


def test_the_catalogue_agrees_with_ingress_nginx() -> None:
    ingress = exporter("ingress_nginx")
    assert disagreements(ingress, page("ingress_nginx"), also=ingress.metrics) == []


def test_the_catalogue_agrees_with_nginxs_exporter_and_with_what_is_left_when_nginx_is_gone(tmp_path: Path) -> None:
    owner = exporter("nginx")
    with ExitStack() as running:
        site = running.enter_context(nginx(tmp_path))
        with nginx_exporter(site, tmp_path) as fetch:
            assert disagreements(owner, fetch("/metrics"), "0.11.0", also=owner.metrics) == []
            running.close()
            left = fetch("/metrics")
    assert "nginx_up 0\n" in left
    assert families(left).keys() & owner.metrics.keys() == {"nginx_up"}


@pytest.mark.parametrize("probe", ["module=http&target={site}/", "module=tcp&target=127.0.0.1:1"])
def test_the_catalogue_agrees_with_blackbox_exporter_whether_a_probe_succeeds_or_not(
    tmp_path: Path, probe: str
) -> None:
    owner = exporter("blackbox")
    with nginx(tmp_path) as site, blackbox_exporter(tmp_path) as fetch:
        text = fetch("/probe?" + probe.format(site=site))
    assert disagreements(owner, text, "0.23.0", also=owner.metrics) == []
    assert ("probe_success 1" in text) == ("http" in probe)


# --- what the signals give ----------------------------------------------------------------------------------


def hour(folder: Path, texts: Mapping[str, str], before: str = "") -> AbstractContextManager[Answer]:
    """History of each exporter's page, in jobs of their own, for the names are partly the same."""
    return history(folder, [Target(exporter(name), text, job=name, before=before) for name, text in texts.items()])


@pytest.fixture(scope="module")
def answer(pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    # Probes took longer and longer, and fewer and fewer succeeded.
    before = "probe_duration_seconds 0\nprobe_success 1\n"
    gauges = "http_requests_in_progress|http_requests_inprogress|http_server_active_requests"
    busy = {name: re.sub(rf"(?m)^((?:{gauges})\b.*) \S+$", r"\1 3", text) for name, text in pages.items()}
    with hour(tmp_path_factory.mktemp("history"), busy | WRITTEN, before) as running:
        yield running


def values(answer: Answer, name: str, signal: str, world: str = ALONE, *, traffic: bool = False) -> Values:
    owner = exporter(name)
    what = owner.signals[signal]
    numbers = {
        key: units.number(units.parse(p.default, p.unit)) for key, p in what.params.items() if p.default is not None
    }
    filling = {**owner.params, **numbers, "window": "5m", "replicas": "prometheus_replica"}
    template = what.traffic if traffic else what.expr
    assert template is not None
    return answer.query(promql.fill(template, lambda _: f'job="{name}",world="{world}"', filling))


def service(value: float) -> Values:
    return {frozenset(): value}


def target(value: float) -> Values:
    return {frozenset({("instance", "i:1")}): value}


def classes(**shares: float) -> Values:
    return {frozenset({("class", name.strip("_"))}): share for name, share in shares.items()}


SHOP = {
    "throughput": service(1.0),
    "errors": service(0.2),
    "errors_by_type": classes(_4xx=0.05, _5xx=0.2),
}
VALUES: dict[str, dict[str, Values]] = {
    "http": {
        "throughput": service(10 / HOUR),
        "errors": service(0.2),  # this app has nothing that breaks
        "errors_by_type": classes(_4xx=0.1, _5xx=0.2),
        "concurrency": service(3.0),
        "data_throughput": service(60 / HOUR),
    },
    "fastapi": {
        "throughput": service(10 / HOUR),
        "errors": service(0.3),
        "errors_by_type": classes(_4xx=0.1, _5xx=0.3),
        "concurrency": service(3.0),
    },
    "otel_http": {
        "throughput": service(10 / HOUR),
        "errors": service(0.3),
        "errors_by_type": classes(_4xx=0.1, _5xx=0.2, none=0.1),
        "concurrency": service(3.0),
    },
    "micrometer": {
        **SHOP,
        "latency": service(0.5 + 0.5 * (0.95 - 0.8) / 0.2),
        "latency_p99": service(0.5 + 0.5 * (0.99 - 0.8) / 0.2),
        "latency_mean": service(0.2),
        "concurrency": service(0.2),
        "threads": {frozenset({("instance", "i:1"), ("name", "http-nio-8080")}): 0.75},
    },
    "ingress_nginx": {
        **SHOP,
        "latency": service(0.5 + 0.5 * (0.95 - 0.8) / 0.2),
        "latency_p99": service(0.5 + 0.5 * (0.99 - 0.8) / 0.2),
        "latency_mean": service(0.2),
        "concurrency": service(0.2),
        "data_throughput": service(1000.0),
    },
    "nginx": {
        "up": target(1.0),
        "throughput": service(10.0),
        "concurrency": service(30.0),
        "connections": target(50.0),
        "connections_dropped": service(1.0),
    },
    "blackbox": {"up": target(1 - LATELY / HOUR), "latency": target(LATELY)},
}
DIALECTS = [name for name, signals in VALUES.items() if "errors" in signals]
CASES = [(name, signal) for name, signals in VALUES.items() for signal in signals]


@pytest.mark.parametrize("world", [ALONE, PAIR])
@pytest.mark.parametrize(("name", "signal"), CASES)
def test_a_signal_gives_what_the_service_did(answer: Answer, name: str, signal: str, world: str) -> None:
    assert values(answer, name, signal, world) == pytest.approx(VALUES[name][signal], rel=1e-4)


@pytest.mark.parametrize("name", ["http", "fastapi", "otel_http"])
def test_response_times_of_real_requests_are_real(answer: Answer, name: str) -> None:
    for signal in ("latency", "latency_p99", "latency_mean"):
        (value,) = values(answer, name, signal).values()
        assert 0 < value < 1, signal
        assert values(answer, name, signal, PAIR) == pytest.approx(service(value))


@pytest.mark.parametrize("name", ["http", "fastapi", "otel_http"])
def test_without_a_gauge_concurrency_is_requests_times_their_duration(answer: Answer, name: str) -> None:
    owner = exporter(name)
    gauge = next(metric for metric, fact in owner.metrics.items() if fact.type == "gauge")
    template = owner.signals["concurrency"].expr.replace(gauge, "no_such_gauge")
    filling = {"window": "5m", "replicas": "prometheus_replica"}
    for world in (ALONE, PAIR):
        value = answer.query(promql.fill(template, lambda _: f'job="{name}",world="{world}"', filling))  # noqa: B023
        seconds = values(answer, name, "latency_mean")[frozenset()]
        assert value == pytest.approx(service(10 / HOUR * seconds), rel=1e-3)


@pytest.mark.parametrize("name", DIALECTS)
def test_traffic_is_not_doubled_by_a_pair_of_prometheus_servers(answer: Answer, name: str) -> None:
    for signal, what in exporter(name).signals.items():
        if what.traffic and signal in {*VALUES[name], "latency"}:
            flow = values(answer, name, signal, traffic=True)
            assert flow.keys() == values(answer, name, signal).keys(), signal
            assert values(answer, name, signal, PAIR, traffic=True) == pytest.approx(flow), signal


def test_a_service_without_requests_has_no_error_ratio_and_no_response_time(
    tmp_path: Path, pages: dict[str, str]
) -> None:
    still = {name: without(text, ["_created"]) for name, text in (pages | WRITTEN).items() if name in DIALECTS}
    # A counter that starts the hour where it ends it has not counted anything.
    with history(tmp_path, [Target(exporter(n), text, job=n, before=text) for n, text in still.items()]) as answer:
        for name in DIALECTS:
            assert values(answer, name, "throughput") == service(0.0)
            for signal in ("latency", "latency_p99", "latency_mean", "errors", "errors_by_type"):
                assert values(answer, name, signal) == {}, f"{name}.{signal}"


def test_before_the_first_failure_the_error_ratio_is_zero(tmp_path: Path, pages: dict[str, str]) -> None:
    failed = ['="503"', '="500"', '="5xx"', 'error_type="RuntimeError"']
    fine = {name: without(text, failed) for name, text in (pages | WRITTEN).items() if name in DIALECTS}
    with hour(tmp_path, fine) as answer:
        for name in DIALECTS:
            assert values(answer, name, "errors") == service(0.0), name


def without(text: str, marks: list[str]) -> str:
    """The page less the lines that have one of the marks."""
    return "".join(line for line in text.splitlines(keepends=True) if not any(mark in line for mark in marks))
