"""What the page tests look up: files of the catalogue, pages of our own, versions, single values."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter

PAGES = Path(__file__).parent / "pages"


def exporter(name: str) -> Exporter:
    """The catalogue's file of that name."""
    return Catalog().entry(name).exporter


def page(name: str) -> str:
    """A page of our own making."""
    return (PAGES / f"{name}.prom").read_text(encoding="utf-8")


def version(text: str) -> str:
    """The first version in a text."""
    found = re.search(r"\d+\.\d+\.\d+", text)
    assert found, text
    return found[0]


def version_of(program: str) -> str:
    """What a program says to `--version`."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return version(done.stdout + done.stderr)


def numbers(text: str) -> tuple[int, ...]:
    """A version that can be compared."""
    return tuple(int(part) for part in text.split("."))


def only(values: dict[frozenset[tuple[str, str]], float], **labels: str) -> float:
    """The value of the one series that has these labels."""
    found = [value for series, value in values.items() if set(labels.items()) <= series]
    assert len(found) == 1, values
    return found[0]
