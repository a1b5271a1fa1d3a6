"""`capgen diff`: what apply would change in an environment's target. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import colored, set_option, spec_paths, specs_argument, width

environment_option = click.option(
    "--env", "environment", required=True, metavar="NAME", help="The environment to deliver to."
)
root_option = click.option(
    "--root", type=click.Path(path_type=Path), help="Deliver to this folder instead of the environment's target."
)


@click.command("diff")
@specs_argument
@environment_option
@set_option
@root_option
@click.option("--exit-code", is_flag=True, help="Exit with 4 when there are changes.")
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def command(
    specs: Sequence[Path], environment: str, settings: Sequence[str], root: Path | None, exit_code: bool, form: str
) -> int:
    """Show what `capgen apply` would change, without writing anything."""
    from capgen import api
    from capgen.report import plan as report

    plan, _ = api.plan_delivery(spec_paths(specs), environment, settings=settings, root=root, rehearse=True)
    click.echo(report.render(plan, form, color=colored(), width=width()), nl=False, color=True)
    return 4 if exit_code and report.differs(plan) else 0
