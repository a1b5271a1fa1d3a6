"""What an Environment's words cannot mean together, though each is well written."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.diagnostics import Diagnostic
from capgen.spec.documents import Environment
from capgen.units import duration
from capgen.yamlio import Node, Path

LEAST_REFRESH = 5.0
"""Grafana's own least (`min_refresh_interval`), unless its administrator changed it."""


def check_environment(environment: Environment, node: Node) -> Iterator[Diagnostic]:
    """The findings about an environment, each at its words."""
    grafana = environment.grafana
    if grafana.refresh < LEAST_REFRESH:
        yield _finding(
            "CG342", f"Grafana does not ask every {duration(grafana.refresh)}", node, "refresh",
            f"write {duration(LEAST_REFRESH)} or more",
        )  # fmt: skip
    if grafana.folder is not None and grafana.dashboards == "v2" and environment.deliver.grafana != "files":
        yield _finding(
            "CG343", "an object of Grafana's API cannot be put into a folder by its name", node, "folder",
            "remove `folder`, or choose `dashboards: classic`",
        )  # fmt: skip
    if grafana.path is not None and not grafana.path.startswith(("/", "$")):
        yield _finding(
            "CG344", f"Grafana would look for {grafana.path!r} below its own folder", node, "path",
            "write an absolute path, or `$NAME` of a variable of Grafana's environment",
        )  # fmt: skip


def _finding(code: str, message: str, node: Node, key: str, hint: str) -> Diagnostic:
    path: Path = ("grafana", key)
    at = node.at(path) or node
    return Diagnostic(code, message, at.span, hint, excerpt=at.source.line(at.span.line))
