"""`capgen apply`: delivers what the specs compile to, or a saved plan, to the environment's directory or cluster."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from capgen.cli.diff import NO_ENVIRONMENT, adopt_option, prune_option, replace_option, root_option, timeout_option
from capgen.cli.output import Number, colored, on_terminal, set_option, spec_paths, specs_argument, tell, width
from capgen.errors import Refused, UsageError

if TYPE_CHECKING:
    from capgen.api.reconcile import Delivery


@click.command("apply")
@specs_argument
@click.option("--env", "environment", metavar="NAME", help="The environment to deliver to; a saved plan names its own.")
@set_option
@root_option
@prune_option
@adopt_option
@replace_option
@timeout_option
@click.option("--deletions", type=click.IntRange(min=0), metavar="N", help="Delete exactly so many, however many.")
@click.option("--wait", type=Number(min=0), default=0, metavar="SECONDS", help="Wait so long for controllers.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def command(
    specs: Sequence[Path],
    environment: str | None,
    settings: Sequence[str],
    root: Path | None,
    prune: bool,
    adopt: Sequence[str],
    replace: Sequence[str],
    timeout: float,
    deletions: int | None,
    wait: float,
    yes: bool,
    form: str,
) -> int:
    """Bring the environment's target to what the specs say. What is right already is not written.

    SPECS is also the file of a plan that `capgen diff --save` wrote: then that plan is carried out, and nothing if
    anything in it is not as it was. A conflict with somebody else's field is never forced: it is shown, and nothing
    of that object is changed.
    """
    from capgen.api import reconcile as api
    from capgen.reconcile.saved import Request

    if len(specs) == 1 and specs[0].suffix == ".json":
        if environment or settings or root or adopt or replace or not prune:
            raise UsageError("a saved plan has its environment, folder and settings in it: name the plan alone")
        delivery = api.plan_again(specs[0], seconds=timeout)
    else:
        if environment is None:
            raise click.UsageError(NO_ENVIRONMENT)
        paths = tuple(map(str, spec_paths(specs)))
        request = Request(paths, tuple(settings), environment, str(root or ""), prune, tuple(adopt), tuple(replace))
        delivery = api.plan_delivery(request, seconds=timeout)
    return carry_out(delivery, deletions=deletions, yes=yes, form=form, wait=wait)


def carry_out(delivery: Delivery, *, deletions: int | None, yes: bool, form: str, wait: float = 0) -> int:
    """Shows the plan to whoever is there, asks, and does it; for every verb that writes."""
    from msgspec import structs

    from capgen.api import reconcile as api
    from capgen.reconcile.plan import Action
    from capgen.report import plan as report
    from capgen.report.visible import visible

    plan = delivery.plan
    clean = plan.is_clean and not plan.reload_due
    if clean and not wait and not (yes and plan.wide):
        click.echo(report.render(plan, form, color=colored(), width=width(), wrap=on_terminal()), nl=False, color=True)
        return 0
    if clean and not yes:
        delivery = structs.replace(delivery, plan=structs.replace(plan, wide=frozenset()))  # waiting asks for no yes
    elif not yes:
        if not sys.stdin.isatty():
            raise Refused("nobody is there to ask: look at `capgen diff`, then say --yes")
        click.echo(
            report.render(plan, "text", color=colored(err=True), width=width(), wrap=on_terminal(err=True)),
            nl=False,
            err=True,
            color=True,
        )
        if not click.confirm(f"Apply this to {plan.target}?", err=True):
            raise Refused("the answer was no: nothing was changed")
    for note in plan.notes:
        tell(f"note: {visible(note)}", "yellow")
    # Whoever is told to end, or whose terminal is closed, gives the lease back first.
    for told in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(told, _interrupted)
    counted = deletions if plan.of(Action.DELETE) or deletions else None
    outcome = api.apply_plan(delivery, deletions=counted)
    try:
        outcome = api.wait_for(delivery, outcome, wait)
    finally:  # whoever waits no longer is still told what was done
        click.echo(
            report.render_outcome(outcome, form, color=colored(), width=width(), wrap=on_terminal()),
            nl=False,
            color=True,
        )
    for note in outcome.notes:
        tell(f"note: {visible(note)}", "yellow")
    error = outcome.error()
    if error is not None:
        raise error
    return 0


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt
