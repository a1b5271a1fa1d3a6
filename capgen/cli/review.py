"""`capgen review`: what a change of the specs does, compared with a commit of git."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.backtest import from_option, incidents_option, over, prometheus_url_option, to_option
from capgen.cli.output import spec_paths, specs_argument
from capgen.cli.plan import history_option, no_cache_option
from capgen.cli.simulate import price, recorded, step_option


@click.command("review")
@specs_argument
@click.option("--base", required=True, metavar="REF", help="The commit to compare with, like origin/main.")
@click.option("--env", "environment", metavar="NAME", help="Only this environment; needed for replays.")
@click.option(
    "--demand",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Demand to replay autoscalers over: a file, or a folder of <service>/<workload>.csv; what --prometheus recorded if left out.",
)
@click.option("--initial", type=click.IntRange(0, 100_000), help="Pods at the start of a replay.")
@click.option(
    "--ready-after", metavar="DURATION", help="From a pod's start to ready; as the spec says, or 30s, if left out."
)
@click.option("--pod-hour", metavar="PRICE", help="What a pod costs an hour; by the spec's costs if left out.")
@prometheus_url_option
@history_option
@from_option
@to_option
@step_option
@no_cache_option
@incidents_option
@click.option("--live", is_flag=True, help="Ask the environment's target what applying would change; reads only.")
@click.option(
    "--format", "form", type=click.Choice(("markdown", "json", "html")), default="markdown", show_default=True
)
def command(
    specs: Sequence[Path],
    base: str,
    environment: str | None,
    demand: Path | None,
    initial: int | None,
    ready_after: str | None,
    pod_hour: str | None,
    prometheus: str | None,
    history: Path | None,
    begin: str | None,
    end: str | None,
    step: str | None,
    no_cache: bool,
    incidents: Path | None,
    live: bool,
    form: str,
) -> int:
    """Write one document about what a change of the specs does: in words, risk first; with replays where demand is given
    or a Prometheus has it, pages before and after where a history is, and the difference to what is delivered with --live.

    Exit code 3 when a bound that a spec declares is not kept.
    """
    from capgen.api import review as api
    from capgen.api.simulate import Circumstances
    from capgen.report import review as report

    around = Circumstances({}, {}, initial=initial, ready_after=ready_after, pod_hour=price(pod_hour))
    asked = None if history is not None else recorded(prometheus, begin, end, step, no_cache=no_cache)
    found = api.review(
        spec_paths(specs), base, environment=environment, demand=demand or asked, around=around,
        over=over(prometheus, history, begin, end), incidents=incidents, live=live,
    )  # fmt: skip
    text = {"markdown": report.as_markdown, "json": report.as_json, "html": report.as_html}[form](found)
    click.echo(text, nl=False)
    return 3 if found.bounds else 0
