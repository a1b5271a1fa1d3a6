"""Dashboards in a real browser: Grafana's components as capgen bundles them, drawn by Debian's Chromium.

The bundle is installed and built once, in the cache folder that `capgen preview` itself uses. What a page writes to its
console as an error fails the test that looked at it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from capgen.cli.output import cache_folder
from capgen.preview.bundle import bundle
from capgen.preview.page import Bundle, page
from harness.binaries import unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., AbstractContextManager["Page"]]
"""Opens a dashboard's content in the browser, for the length of a `with` block."""


@pytest.fixture(scope="session")
def preview_bundle() -> Bundle:
    """Grafana's components, bundled."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            unavailable(f"{name} is not here: install Node.js 18 or newer with npm")
    return bundle(cache_folder("preview"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    found = shutil.which("chromium")
    if found is None:
        unavailable("chromium is not here: apt-get install --no-install-recommends chromium")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all tests of a session."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def drawn(browser: Browser, preview_bundle: Bundle, tmp_path: Path) -> Open:
    """Draws a dashboard's content at a width."""

    @contextlib.contextmanager
    def opened(content: dict[str, Any], width: int = 1400) -> Iterator[Page]:
        file = tmp_path / "dashboard.html"
        file.write_text(page(content, preview_bundle), encoding="utf-8")
        # Tall, since Chromium leaves out the text of panels that are not in sight. Nothing may be fetched: a page that needs a network shows less where there is none.
        context = browser.new_context(viewport={"width": width, "height": 6000}, offline=True)
        said: list[str] = []
        asked: list[str] = []
        with contextlib.closing(context):
            tab = context.new_page()
            tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            tab.on("pageerror", lambda error: said.append(str(error)))
            tab.on("request", lambda request: asked.append(request.url))
            tab.goto(file.as_uri())
            tab.wait_for_selector("[data-page]")
            tab.wait_for_function("!document.querySelector('[data-word=waiting]')")
            tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            yield tab
        assert said == []
        assert [url for url in asked if not url.startswith(("data:", "blob:")) and url != file.as_uri()] == []

    return opened
