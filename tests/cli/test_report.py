"""`capgen report` for every period: what was, against what was before; no empty section; the same bytes."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from cli.command import Ran, run
from planning.shapes import HOUR, START, WEEK, csv, weekly
from playwright.sync_api import Browser

from capgen.planning.period import KINDS, Kind, period_of

SPEC = """
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop}
sources:
  app: {exporter: http, targets: ["localhost:8080"]}
signals:
  app.backlog: {title: Backlog, source: app, expr: "sum(x{$selector})", unit: short, ladder: utilisation,
    levels: {warning: 80, critical: 300}}
workloads:
  shop:
    kind: Deployment
    namespace: shop
    containers: {shop: {requests: {cpu: 500m}}}
    horizontal: {replicas: {min: 2, max: 10}, targets: {cpu: 70%}}
planning:
  cost: {currency: EUR, months: 6, compute: {instances: 3, each: 100}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "specs").mkdir()
    (folder / "specs" / "shop.yaml").write_text(SPEC)
    kubernetes = "kubernetes: {namespace: monitoring}\ndeliver: {prometheus: operator}\n"
    (folder / "specs" / "live.yaml").write_text(
        f"apiVersion: capgen/v1\nkind: Environment\nmetadata: {{name: live}}\n{kubernetes}"
    )
    history = folder / "history" / "shop"
    history.mkdir(parents=True)
    load = weekly(30, seed=9, spread=0.02)
    load[-WEEK:] *= 1.5
    (history / "app.backlog.csv").write_text(csv(load))
    (history / "app.throughput.csv").write_text(csv(np.full(len(load), 50.0)))
    replicas = np.full(len(load), 2.0)
    replicas[-100:-50] = 10.0
    (history / "shop-hpa.replicas.csv").write_text(csv(replicas))
    latency = np.full(len(load), 0.2)
    latency[-110:-100] = 0.8
    (history / "app.latency.csv").write_text(csv(latency))
    return folder


def reported(folder: Path, kind: str, *more: str) -> Ran:
    return run("report", kind, "--env", "live", "--history", "history", *more, cwd=folder)


def test_a_week_against_the_week_before(folder: Path) -> None:
    done = reported(folder, "weekly", "--format", "json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    end = START + HOUR * 30 * WEEK
    assert document["period"]["to"] == datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    service = document["services"][0]
    backlog = next(signal for signal in service["signals"] if signal["signal"] == "app.backlog")
    assert backlog["now"]["peak"] / backlog["before"]["peak"] == pytest.approx(1.5, rel=0.05)
    assert backlog["degraded"] == ["warning"]
    assert backlog["headroom"]["level"] == "critical"
    assert backlog["now"]["measured"] == 1.0
    scaling = service["scaling"][0]
    assert (scaling["ups"], scaling["downs"], scaling["most"]) == (1, 1, 10)
    assert scaling["at_max"] == pytest.approx(50 / 168, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_no_empty_section_and_no_placeholder(folder: Path, kind: str) -> None:
    first, second = (reported(folder, kind) for _ in range(2))
    assert (first.code, first.err) == (0, "")
    assert first.out == second.out
    sections = first.out.split("\n### ")[1:]
    assert len(sections) == (11 if kind in ("monthly", "quarterly") else 7)
    for section in sections:
        title, _, body = section.partition("\n")
        assert len(body.strip()) > 20, title
        assert not re.search(r"\[|TODO|N/A|\bnan\b|\bNone\b(?! of)", body), title


def test_a_month_divides_its_costs_by_what_was_served(folder: Path) -> None:
    # 300 a month over 50 × 2,629,800 requests.
    assert "| app.throughput | 50/s | 2.28 EUR |" in reported(folder, "monthly").out


def test_what_added_replicas_did_is_measured_around_the_moment(folder: Path) -> None:
    scaling = json.loads(reported(folder, "weekly", "--format", "json").out)["services"][0]["scaling"][0]
    assert {"signal": "app.latency", "events": 1, "before": 0.8, "after": 0.2} in scaling["effects"]
    text = reported(folder, "weekly").out
    assert "**Around the moments that shop-hpa added replicas (medians)**\n" in text, "numbers that say what they are"
    assert "| app.latency | 800ms | 200ms | −75% | 1 |" in text


def test_recommendations_are_held_against_the_last_report(folder: Path, tmp_path: Path) -> None:
    last = json.loads(reported(folder, "monthly", "--format", "json").out)
    now = last["services"][0]["plan"]["recommendations"]
    last["services"][0]["plan"]["recommendations"] = [{"about": "nodes", "what": "a fourth node"}]
    (tmp_path / "last.json").write_text(json.dumps(last))
    service = json.loads(reported(folder, "monthly", "--format", "json", "--since", str(tmp_path / "last.json")).out)[
        "services"
    ][0]
    assert service["recommendations_gone"] == ["a fourth node"]
    assert service["recommendations_new"] == [one["what"] for one in now]
    (tmp_path / "no.json").write_text("[]")
    wrong = reported(folder, "monthly", "--since", str(tmp_path / "no.json"))
    assert (wrong.code, wrong.out) == (2, "")
    assert "it is not what `capgen report --format json` prints" in wrong.err


def test_a_browser_finds_nothing_to_complain_about(folder: Path, browser: Browser, tmp_path: Path) -> None:
    """By axe's rules at three widths, in light and dark, without a network; nothing is wider than its screen or paper."""
    (tmp_path / "report.html").write_text(reported(folder, "monthly", "--format", "html").out)
    with contextlib.closing(browser.new_context(offline=True)) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((tmp_path / "report.html").as_uri())
        assert said == []
        for scheme, width in (("light", 360), ("dark", 360), ("dark", 768), ("light", 1280)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        # The dash of a level's name in the key has the colour of its line.
        lines, marks = (
            page.locator(where).evaluate_all(f"(all) => all.map((one) => getComputedStyle(one{rest})")
            for where, rest in (("line.level", ").stroke"), (".key .mark", ", '::before').borderTopColor"))
        )
        assert lines == marks != []
        assert len(set(lines)) > 1
        page.set_viewport_size({"width": 360, "height": 800})
        tall = page.evaluate("Math.max(...[...document.querySelectorAll('td')].map((cell) => cell.offsetHeight))")
        assert tall < 200
        assert page.locator(".wide").evaluate_all("(all) => all.every((box) => box.scrollWidth <= box.clientWidth)")
        page.emulate_media(media="print", color_scheme="light")
        page.set_viewport_size({"width": 794, "height": 1123})
        assert page.locator("nav").is_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= 794


def test_without_history_it_says_so(folder: Path) -> None:
    done = run("report", "weekly", "--env", "live", "--now", "2026-06-01", cwd=folder)
    assert done.code == 0
    assert "No signal has history in this period" in done.out
    assert "no history of its replicas" in done.out
    assert run("report", "weekly", "--env", "live", cwd=folder).code == 2


@pytest.mark.parametrize(
    ("kind", "before", "begin", "end"),
    [
        ("daily", "2026-03-14", "2026-03-15", "2026-03-16"),
        ("weekly", "2026-03-02", "2026-03-09", "2026-03-16"),
        ("monthly", "2026-01-01", "2026-02-01", "2026-03-01"),
        ("quarterly", "2025-07-01", "2025-10-01", "2026-01-01"),
    ],
)
def test_periods_are_whole(kind: Kind, before: str, begin: str, end: str) -> None:
    period = period_of(kind, datetime(2026, 3, 16, 7, 30, tzinfo=UTC).timestamp())
    days = [datetime.fromtimestamp(at, UTC).date().isoformat() for at in (period.before, period.begin, period.end)]
    assert days == [before, begin, end]
