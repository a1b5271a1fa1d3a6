"""A real Prometheus that scrapes, each second, what a test sets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from harness.prometheus import Running, Start
from jobs.running import Webhook, serving_webhook


@dataclass
class Measured:
    """The server, and the page that it scrapes."""

    running: Running
    page: Webhook

    @property
    def url(self) -> str:
        """The server's address."""
        return self.running.url

    def set(self, series: str, value: float | None) -> None:
        """Sets the only series, or takes it away, and waits until a query shows that."""
        self.page.pages["/metrics"] = (200, f"{series} {value}\n" if value is not None else "other 1\n")
        wanted = [] if value is None else [value]
        deadline = time.monotonic() + 30
        while self.values(series) != wanted:
            assert time.monotonic() < deadline, self.values(series)
            time.sleep(0.1)

    def values(self, query: str) -> list[float]:
        """What a query gives now."""
        return [float(one["value"][1]) for one in self.running.json("/api/v1/query", query=query)["data"]["result"]]


@contextlib.contextmanager
def measuring(folder: Path, prometheus: Start) -> Iterator[Measured]:
    """Starts both, for the length of the block."""
    with serving_webhook() as page:
        page.pages["/metrics"] = (200, "other 1\n")
        job = {"job_name": "x", "honor_labels": True, "scrape_interval": "1s", "scrape_timeout": "1s"}
        config = {"scrape_configs": [{**job, "static_configs": [{"targets": [page.url.split("/")[2]]}]}]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        with prometheus(folder / "prometheus.yml") as running:
            yield Measured(running, page)
