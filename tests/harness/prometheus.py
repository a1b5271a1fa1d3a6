"""A real Prometheus and a real Alertmanager, started on a folder that a test has filled."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness.binaries import program
from harness.processes import Server, answers, free_port, serving


@dataclass(frozen=True)
class Running:
    """A server with an HTTP API."""

    url: str
    server: Server

    def json(self, path: str, **query: str) -> Any:
        """GETs a path of its API."""
        full = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(full, timeout=10) as answer:
            return json.load(answer)


@contextlib.contextmanager
def serving_history(folder: Path) -> Iterator[str]:
    """The URL of a Prometheus on the blocks in `folder / "data"`, however old they are; it scrapes nothing."""
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 15s}\n")
    flags = ["--storage.tsdb.retention.time=10y", f"--storage.tsdb.path={folder / 'data'}"]
    with _serving("prometheus", program("prometheus"), folder / "prometheus.yml", folder, flags, "") as running:
        yield running.url


def backfilled(folder: Path, lines: Iterable[str]) -> None:
    """Writes OpenMetrics lines into the blocks of `folder / "data"`, of weeks each: by hours there would be a thousand."""
    (folder / "load.om").write_text("\n".join((*lines, "# EOF")) + "\n")
    command = ["tsdb", "create-blocks-from", "--max-block-duration=60d", "openmetrics", "load.om", "data"]
    subprocess.run([program("promtool"), *command], cwd=folder, check=True, capture_output=True)


class Start(Protocol):
    """Starts a server on a configuration file, for the length of a `with` block."""

    def __call__(self, config: Path, address: str = "") -> AbstractContextManager[Running]:
        """`address` is host:port, where others are told where it is; a free port if left out."""


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The path of promtool."""
    return program("promtool")


@pytest.fixture(scope="session")
def amtool() -> Path:
    """The path of amtool."""
    return program("amtool")


@pytest.fixture
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts Prometheus on a prometheus.yml, with the reload endpoint on."""
    binary, folder = program("prometheus"), tmp_path_factory.mktemp("prometheus")
    flags = ["--web.enable-lifecycle", f"--storage.tsdb.path={folder / 'data'}"]
    return lambda config, address="": _serving("prometheus", binary, config, folder, flags, address)


@pytest.fixture
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts Alertmanager on an alertmanager.yml, alone (no cluster of Alertmanagers)."""
    binary, folder = program("alertmanager"), tmp_path_factory.mktemp("alertmanager")
    flags = [f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    return lambda config, address="": _serving("alertmanager", binary, config, folder, flags, address)


@contextlib.contextmanager
def _serving(name: str, binary: Path, config: Path, folder: Path, flags: list[str], address: str) -> Iterator[Running]:
    address = address or f"127.0.0.1:{free_port()}"
    command = [binary, f"--config.file={config}", f"--web.listen-address={address}", *flags]
    with serving(name, command, folder / f"{name}.log") as server:
        server.wait_until(lambda: answers(f"http://{address}/-/ready"))
        yield Running(f"http://{address}", server)
