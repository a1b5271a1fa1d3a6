"""`capgen plan` on the runbook's spec and on history from files: every form, exit codes, the same bytes, a browser."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from cli.command import SOURCE, Ran, run
from planning.shapes import csv, weekly
from playwright.sync_api import Browser, Page

SPECS = (str(SOURCE / "specs" / "apm.yaml"), "--env", "host")
HOSTILE = '<img src=x onerror=alert(1)> "quoted" {{ 7*7 }} $(id) | `code` \u202e'
OWN = f"""
apiVersion: capgen/v1
kind: Capacity
metadata: {{name: shop, title: {json.dumps(HOSTILE)}}}
sources:
  app: {{exporter: http, targets: ["localhost:8080"]}}
signals:
  app.backlog: {{title: {json.dumps(HOSTILE)}, source: app, expr: "sum(x{{$selector}})", unit: short, ladder: utilisation, levels: {{critical: 138}}}}
workloads:
  web:
    kind: Deployment
    namespace: shop
    containers: {{app: {{requests: {{cpu: 1, memory: 1Gi}}}}}}
    horizontal: {{replicas: {{min: 2, max: 40}}, targets: {{cpu: 60%}}}}
planning:
  lead_time: {{app.backlog: 14d}}
  forecast: {{history: 90d, horizon: 30d}}
  compute: {{nodes: 3, node: {{cpu: 4, memory: 16Gi}}, used: {{cpu: 60%, memory: 70%}}, growth: {{cpu: {{points: 1}}, memory: {{points: 1}}}}, keep_below: 80%, months: 3}}
  storage: {{data: {{size: 10Gi, growth: 50%, volume: 20Gi, step: 20Gi}}}}
  roadmap: [{{quarter: Q4, themes: {{{json.dumps(HOSTILE)}: [{{title: Shards, owner: db, moves: app.backlog}}]}}}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "specs").mkdir()
    (folder / "specs" / "shop.yaml").write_text(OWN)
    (folder / "specs" / "live.yaml").write_text(
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: live}\ndirectory: {root: d}\n"
    )
    (folder / "history").mkdir()
    for name, share in (("cpu", 0.005), ("cpu.total", 0.05), ("memory", 4e6), ("memory.total", 4e7)):
        (folder / "history" / f"web.app.{name}.csv").write_text(csv(weekly(10, seed=6, trend=0.02) * share))
    (folder / "history" / "app.backlog.csv").write_text(csv(weekly(10, seed=5, swing=0.1, spread=0.03, trend=0.02)))
    return folder


def planned(folder: Path, *more: str) -> Ran:
    return run("plan", "--env", "live", "--history", "history", *more, cwd=folder)


def test_the_runbook_in_every_form(folder: Path) -> None:
    text = run("plan", *SPECS, cwd=folder)
    assert (text.code, text.err) == (0, "")
    assert re.search(r"month 2 +80% +86% +4 +memory", text.out)
    assert "CG916 error" in text.out
    document = json.loads(run("plan", *SPECS, "--format", "json", cwd=folder).out)
    plan = document["services"][0]
    assert document["schema_version"] == 1
    assert [month["nodes"] for month in plan["compute"]] == [3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7]
    assert plan["cost"]["months"][3] == {
        "month": 3, "compute": "984.39", "storage": "302.40", "network": "125.00", "monitoring": "150.00",
        "total": "1561.79", "total_p10": "1561.79", "total_p90": "1561.79",
    }  # fmt: skip
    markdown = run("plan", *SPECS, "--format", "markdown", cwd=folder).out
    assert markdown.startswith("<!-- capgen -->\n")
    assert len(markdown) < 65_536


def test_fail_on_is_for_ci(folder: Path) -> None:
    assert run("plan", *SPECS, "--fail-on", "error", cwd=folder).code == 3
    fine = ("--set", "apm:planning.storage=null", "--set", "apm:planning.cost=null")
    assert run("plan", *SPECS, *fine, "--fail-on", "error", cwd=folder).code == 0


def test_history_dates_levels_and_the_roadmap_is_held_against_them(folder: Path) -> None:
    done = planned(folder, "--format", "json")
    plan = json.loads(done.out)["services"][0]
    backlog = next(signal for signal in plan["signals"] if signal["signal"] == "app.backlog")
    assert backlog["backtest"]["origins"] > 5
    assert plan["now"] == "2026-03-15T23:00:00Z"
    assert plan["roadmap"][0]["due"] == "2027-01-01T00:00:00Z"
    (level, *_) = backlog["levels"]
    assert level["lead_seconds"] == 14 * 86400
    (scaled,), (sized,) = plan["autoscaled"], plan["right_sizing"]
    assert [month["month"] for month in scaled["replicas"]] == [0, 1, 2, 3]
    assert sized["joint"]["together"]["most"] <= 40 and sized["containers"][0]["vpa"]
    assert [finding["code"] for finding in plan["findings"]] == ["CG915", "CG917"]
    full = planned(folder, "--format", "json", "--set", "signals.app.backlog.levels.critical=60")
    late = json.loads(full.out)["services"][0]["findings"][1]
    assert (late["code"], "app.backlog is full already" in late["message"]) == ("CG917", True)
    # 10 GiB × 1.5² is 22.5: over 20 in the second of three months.
    assert [resize["month"] for resize in plan["storage"][0]["resizes"]] == [2]


def test_the_same_input_gives_the_same_bytes(folder: Path) -> None:
    for form in ("json", "html", "markdown", "text"):
        seeds = [
            run(
                "plan",
                "--env",
                "live",
                "--history",
                "history",
                "--format",
                form,
                cwd=folder,
                env={"PYTHONHASHSEED": seed},
            ).out
            for seed in ("1", "2")
        ]
        assert seeds[0] == seeds[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--history", "nowhere"], 2, "there is no folder nowhere"),
        (["--prometheus"], 2, "the environment 'live' has no prometheus.url to ask"),
        (["--now", "soon"], 2, "'soon' is no time"),
        (["--set", "shop:planning.storage.data.growth=null"], 3, "CG371"),
    ],
)
def test_mistakes(folder: Path, arguments: list[str], code: int, said: str) -> None:
    done = run("plan", "--env", "live", *arguments, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


@pytest.fixture(scope="module")
def page(folder: Path, browser: Browser) -> Iterator[Page]:
    """The HTML in a real browser that has no network."""
    (folder / "plan.html").write_text(planned(folder, "--format", "html").out)
    with contextlib.closing(browser.new_context(offline=True)) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((folder / "plan.html").as_uri())
        yield page
        assert said == []


def test_a_browser_finds_nothing_to_complain_about(page: Page) -> None:
    """Accessible by axe's rules in light and dark, at three widths; nothing wider than its screen; nothing foreign runs."""
    for scheme in ("light", "dark"):
        for width in (360, 800, 1280):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()
    assert page.locator("img").count() == 0
    assert HOSTILE.replace("\u202e", "\ufffd") in page.locator("main").inner_text()


def test_charts_are_read_by_pointer_and_by_keyboard(page: Page) -> None:
    chart = page.locator(".chart").first
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    read = page.locator(".read").first
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC: measured \d", read.inner_text())
    chart.focus()
    page.keyboard.press("End")
    assert "expected" in read.inner_text()
