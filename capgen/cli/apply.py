"""`capgen apply`: delivers what the specs compile to, to the environment's directory or cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.diff import environment_option, root_option
from capgen.cli.output import colored, set_option, spec_paths, specs_argument, width
from capgen.errors import Refused


@click.command("apply")
@specs_argument
@environment_option
@set_option
@root_option
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def command(
    specs: Sequence[Path], environment: str, settings: Sequence[str], root: Path | None, yes: bool, form: str
) -> int:
    """Bring the environment's target to what the specs say. What is right already is not written.

    A conflict with somebody else's field is never forced: it is shown, and nothing of that object is changed.
    """
    from capgen import api
    from capgen.reconcile.plan import Action
    from capgen.report import plan as report

    plan, target = api.plan_delivery(spec_paths(specs), environment, settings=settings, root=root)
    if not plan.of(Action.CREATE, Action.UPDATE, Action.CONFLICT, Action.BLOCKED):
        click.echo(report.render(plan, form, color=colored(), width=width()), nl=False, color=True)
        return 0
    if not yes:
        if not sys.stdin.isatty():
            raise Refused("nobody is there to ask: look at `capgen diff`, then say --yes")
        click.echo(report.render(plan, "text", color=colored(err=True), width=width()), nl=False, err=True, color=True)
        if not click.confirm(f"Apply this to {plan.target}?", err=True):
            raise Refused("the answer was no: nothing was changed")
    outcome = target.apply(plan)
    click.echo(report.render_outcome(outcome, form, color=colored(), width=width()), nl=False, color=True)
    error = outcome.error()
    if error is not None:
        raise error
    return 0
