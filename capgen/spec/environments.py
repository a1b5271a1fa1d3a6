"""What an Environment's words cannot mean together, though each is well written."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.diagnostics import Diagnostic
from capgen.spec.documents import Environment, PrometheusSpec
from capgen.units import duration
from capgen.yamlio import Node, Path

LEAST_REFRESH = 5.0
"""Grafana's own least (`min_refresh_interval`), unless its administrator changed it."""
SHORTEST_INTERVAL, LOOK_BACK = 1.0, 300.0
LONGEST_INTERVAL = 120.0
"""Beyond it a single missed scrape leaves Prometheus' five minutes of look-back with too little."""
SCRAPE_HINT = "choose 1s to 2m: rates need four samples, and Prometheus looks back five minutes"


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

    if environment.prometheus is not None:
        for key, message, hint in unworkable(environment.prometheus):
            yield _finding("CG314", message, node, key, hint, section="prometheus")


def unworkable(words: PrometheusSpec) -> Iterator[tuple[str, str, str]]:
    """Intervals that leave gaps in what Prometheus knows: the key, what is wrong, what to do."""
    scrape, evaluation = words.scrape_interval, words.evaluation_interval
    if scrape is not None and not SHORTEST_INTERVAL <= scrape <= LONGEST_INTERVAL:
        yield "scrape_interval", f"a scrape interval of {duration(scrape)} does not work", SCRAPE_HINT
    if evaluation is not None and not SHORTEST_INTERVAL <= evaluation <= LOOK_BACK:
        hint = "choose 1s to 5m: Prometheus looks back five minutes, and what is older is gone"
        yield "evaluation_interval", f"an evaluation interval of {duration(evaluation)} does not work", hint


def _finding(code: str, message: str, node: Node, key: str, hint: str, *, section: str = "grafana") -> Diagnostic:
    path: Path = (section, key)
    at = node.at(path) or node
    return Diagnostic(code, message, at.span, hint, excerpt=at.source.line(at.span.line))
