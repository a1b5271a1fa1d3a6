"""Every dashboard that the example specs compile to, as it is delivered, with the `.lint` file beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from capgen import api

SPECS = Path(__file__).parents[2] / "specs"


@dataclass(frozen=True)
class Generated:
    """A dashboard by the path of its folder below `generated/`."""

    path: str
    board: dict[str, Any]
    lint: str


@cache
def dashboards() -> tuple[Generated, ...]:
    """All of them, in every environment."""
    return tuple(
        one for environment, artifacts in api.build([SPECS]).artifacts for one in of_environment(environment, artifacts)
    )


def of_environment(environment: str, artifacts: Any) -> Iterator[Generated]:
    """Those among an environment's artifacts."""
    lints = {artifact.path: artifact.text for artifact in artifacts if artifact.kind == "dashboard-lint"}
    for artifact in artifacts:
        folder = artifact.path.rpartition("/")[0]
        if artifact.kind == "dashboard":
            text = artifact.text
        elif artifact.kind == "ConfigMap" and f"{folder}/.lint" in lints:
            (text,) = yaml.safe_load(artifact.text)["data"].values()
        else:
            continue
        yield Generated(f"{environment}/{folder}", json.loads(text), lints[f"{folder}/.lint"])


def panels(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels, also those of collapsed rows; no rows."""
    for panel in holder["panels"]:
        if panel["type"] == "row":
            yield from panels(panel)
        else:
            yield panel
