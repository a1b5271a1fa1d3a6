"""`capgen status`: what is delivered, whether it is as the specs say, and how it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.diff import environment_option, root_option
from capgen.cli.output import colored, on_terminal, set_option, spec_paths, specs_argument, width


@click.command("status")
@specs_argument
@environment_option
@set_option
@root_option
@click.option("--rules/--no-rules", default=False, help="Ask the environment's Prometheus for its rules as well.")
@click.option(
    "--dashboards/--no-dashboards", default=False, help="Ask the environment's Grafana for the dashboards as well."
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    root: Path | None,
    rules: bool,
    dashboards: bool,
    form: str,
) -> int:
    """Show each delivered object: drift, and who caused it; what autoscalers and jobs say of themselves.

    With --rules also how the rule groups are that the environment's Prometheus evaluates, and which it has not taken;
    with --dashboards which dashboards its Grafana has.
    """
    from capgen.api import reconcile as api
    from capgen.report import status as report

    paths = tuple(map(str, spec_paths(specs)))
    found = api.status(paths, environment, tuple(settings), root, rules=rules, dashboards=dashboards)
    click.echo(
        report.render(
            found.plan,
            found.healths,
            found.groups,
            found.dashboards,
            form,
            color=colored(),
            width=width(),
            wrap=on_terminal(),
        ),
        nl=False,
        color=True,
    )
    return 0
