"""`capgen simulate`: what an autoscaler would have done with a history of demand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from capgen.cli.output import colored, show_findings, width
from capgen.errors import UsageError


@click.command("simulate")
@click.option(
    "--hpa", type=click.Path(path_type=Path), required=True, metavar="FILE", help="A HorizontalPodAutoscaler."
)
@click.option(
    "--demand",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="CSV: t in seconds, and what all pods together need: cpu in cores, memory in bytes, other metrics by name.",
)
@click.option("--request", "requests", multiple=True, metavar="cpu=500m,memory=512Mi", help="What a pod requests.")
@click.option("--limit", "limits", multiple=True, metavar="cpu=1,memory=1Gi", help="What a pod may use.")
@click.option(
    "--initial", type=click.IntRange(0, 100_000), help="Pods at the start; the autoscaler's minimum if left out."
)
@click.option(
    "--ready-after", default="30s", show_default=True, metavar="DURATION", help="From a pod's start to ready."
)
@click.option("--sync", default="15s", show_default=True, metavar="DURATION", help="The controller's period.")
@click.option("--metric-window", default="30s", show_default=True, metavar="DURATION", help="What a CPU sample covers.")
@click.option("--sample-after", default="0s", show_default=True, metavar="DURATION", help="From a pod's start to its first sample.")  # fmt: skip
@click.option("--pod-hour", metavar="PRICE", help="What a pod costs an hour.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    hpa: Path,
    demand: Path,
    requests: Sequence[str],
    limits: Sequence[str],
    initial: int | None,
    ready_after: str,
    sync: str,
    metric_window: str,
    sample_after: str,
    pod_hour: str | None,
    form: str,
) -> int:
    """Replay an HPA over a history of demand, by the controller's own algorithm, tick for tick."""
    from capgen.api import simulate as api
    from capgen.report import simulation as report

    done = api.simulate(
        hpa,
        demand,
        requests=api.amounts("--request", requests),
        limits=api.amounts("--limit", limits),
        initial=initial,
        ready_after=ready_after,
        sync=sync,
        metric_window=metric_window,
        sample_after=sample_after,
        pod_hour=_price(pod_hour),
    )
    show_findings(done.diagnostics, "text", err=True)
    text = report.as_json(done) if form == "json" else report.as_text(done, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 0


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or not 0 <= price < 10**9:
        raise UsageError(f"--pod-hour {text!r} is no price; write a number like 0.042")
    return price
