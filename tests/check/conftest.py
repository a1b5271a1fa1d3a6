"""The packaged catalogue with two exporters of a project beside it, and rules checked against it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from capgen.catalog.load import Catalog
from capgen.check.rules import check_rule_file
from capgen.diagnostics import Diagnostic
from capgen.yamlio import Source

HERE = Path(__file__).parent
EXPORTERS = ("node", "postgres", "redis", "nginx", "kubernetes", "http", "otel_http", "shop")

Check = Callable[..., tuple[Diagnostic, ...]]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    files = sorted((HERE / "catalog").glob("*.yaml"))
    return Catalog({file.name: Source(f"catalog/{file.name}", file.read_text(encoding="utf-8")) for file in files})


@pytest.fixture(scope="session")
def check(catalog: Catalog) -> Check:
    """Checks the text of a rule file; keyword arguments go to `check_rule_file`."""

    def run(text: str, **settings: object) -> tuple[Diagnostic, ...]:
        return check_rule_file(Source("rules.yml", text), catalog, **({"exporters": EXPORTERS} | settings))

    return run


@pytest.fixture(scope="session")
def expected() -> Callable[[str], list[tuple[int, str]]]:
    """The (line, code) pairs that the `# expect CG5xx` comments of a file announce."""

    def read(text: str) -> list[tuple[int, str]]:
        return sorted(
            (number, code)
            for number, line in enumerate(text.splitlines(), start=1)
            for comment in re.findall(r"#\s*expect((?:\s+CG\d{3})+)", line)
            for code in comment.split()
        )

    return read


@pytest.fixture(scope="session")
def pairs() -> Callable[[tuple[Diagnostic, ...]], list[tuple[int, str]]]:
    """The (line, code) pairs of findings."""
    return lambda found: sorted((d.span.line, d.code) for d in found if d.span)
