"""The real promtool."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.binaries import program


@pytest.fixture(scope="session")
def promtool() -> Path:
    return program("promtool")
