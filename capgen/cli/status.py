"""`capgen status`: what is delivered, whether it is as the specs say, and how it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.diff import environment_option, root_option
from capgen.cli.output import colored, on_terminal, set_option, spec_paths, specs_argument, width
from capgen.errors import TargetError


@click.command("status")
@specs_argument
@environment_option
@set_option
@root_option
@click.option(
    "--rules/--no-rules",
    default=None,
    help="Ask the environment's Prometheus for its rules; if left out, if it has a URL.",
)
@click.option(
    "--dashboards/--no-dashboards",
    default=None,
    help="Ask its Grafana for the dashboards; if left out, if it has a URL.",
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    root: Path | None,
    rules: bool | None,
    dashboards: bool | None,
    form: str,
) -> int:
    """Show each delivered object: drift, and who caused it; what autoscalers and jobs say of themselves.

    Where the environment says prometheus.url, also how the rule groups are that its Prometheus evaluates, and which it has
    not taken; where it says grafana.url, which dashboards its Grafana has. A server that cannot be asked is told, and is
    an error for whoever gave --rules or --dashboards.
    """
    from capgen.api import reconcile as api
    from capgen.report import status as report

    paths = tuple(map(str, spec_paths(specs)))
    found = api.status(paths, environment, tuple(settings), root, rules=rules, dashboards=dashboards)
    click.echo(
        report.render(
            found,
            form,
            color=colored(),
            width=width(),
            wrap=on_terminal(),
        ),
        nl=False,
        color=True,
    )
    if found.failed:
        raise TargetError("; ".join(found.unasked))
    return 0
