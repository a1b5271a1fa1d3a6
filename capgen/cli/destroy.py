"""`capgen destroy`: deletes everything that was delivered for a service, counted first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.apply import carry_out
from capgen.cli.diff import environment_option, root_option, timeout_option
from capgen.cli.output import colored, on_terminal, width
from capgen.errors import PartlyDone, Refused


@click.command("destroy")
@click.argument("services", nargs=-1, required=True, metavar="SERVICE...")
@environment_option
@click.option(
    "--specs", type=click.Path(path_type=Path), default=Path("specs"), show_default=True,
    help="Where the environment is declared.",
)  # fmt: skip
@root_option
@timeout_option
@click.option("--deletions", type=click.IntRange(min=0), metavar="N", help="How many are deleted; has to be exact.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def command(
    services: Sequence[str],
    environment: str,
    specs: Path,
    root: Path | None,
    timeout: float,
    deletions: int | None,
    yes: bool,
    form: str,
) -> int:
    """Delete what capgen delivered for services, whose specs may be gone already; "" is what belongs to all of them.

    Only what the service's inventory holds and capgen wrote is deleted. The number has to be said: without
    --deletions, or with another number, the list is shown and nothing is deleted.
    """
    from capgen.api import reconcile as api
    from capgen.reconcile import prune as pruning
    from capgen.reconcile.plan import Action
    from capgen.report import plan as report

    delivery = api.plan_destruction([specs], environment, services, root, seconds=timeout)
    count = len(delivery.plan.of(Action.DELETE))
    if deletions != count and (deletions or count):
        click.echo(
            report.render(delivery.plan, form, color=colored(), width=width(), wrap=on_terminal()), nl=False, color=True
        )
        raise Refused(f"nothing was deleted: say --deletions {count} if these {count} are meant")
    code = carry_out(delivery, deletions=deletions, yes=yes, form=form)
    if waiting := pruning.pending(delivery.plan):
        listed = "\n  ".join(f"{change.key}: pending: {change.reason}" for change in waiting)
        raise PartlyDone(f"{delivery.target.name} is only partly as wanted:\n  {listed}")
    return code
