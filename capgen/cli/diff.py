"""`capgen diff`: what apply would change in an environment's target. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import Number, colored, on_terminal, set_option, spec_paths, specs_argument, width
from capgen.errors import UsageError

NO_ENVIRONMENT = "which environment? name it with --env NAME; `capgen validate` says which there are"


def _named(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is None and not context.resilient_parsing:
        raise click.UsageError(NO_ENVIRONMENT, context)
    return value


environment_option = click.option(
    "--env", "environment", callback=_named, metavar="NAME", help="The environment that is meant.  [required]"
)
root_option = click.option(
    "--root", type=click.Path(path_type=Path), help="Deliver to this folder instead of the environment's target."
)
prune_option = click.option(
    "--prune/--no-prune", default=True, show_default=True, help="Delete what these specs made and make no more."
)
adopt_option = click.option(
    "--adopt", multiple=True, metavar="MANAGER", help="Take over what this field manager declared in these objects.",
)  # fmt: skip
timeout_option = click.option(
    "--timeout", type=Number(min=0, min_open=True), default=300, show_default=True, metavar="SECONDS",
    help="The time for everything that is asked of a cluster.",
)  # fmt: skip
replace_option = click.option(
    "--replace", multiple=True, metavar="KIND/NAMESPACE/NAME", help="Delete and make again this object, where need be.",
)  # fmt: skip


@click.command("diff")
@specs_argument
@environment_option
@set_option
@root_option
@prune_option
@adopt_option
@replace_option
@timeout_option
@click.option("--save", type=click.Path(path_type=Path), help="Save the plan for `capgen apply FILE`.")
@click.option(
    "--offline", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER",
    help="Compare with exported manifests and not with the cluster.",
)  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 4 when there are changes.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "markdown", "sarif", "junit")),
    default="text",
    show_default=True,
)
def command(
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    root: Path | None,
    prune: bool,
    adopt: Sequence[str],
    replace: Sequence[str],
    timeout: float,
    save: Path | None,
    offline: Path | None,
    exit_code: bool,
    form: str,
) -> int:
    """Show what `capgen apply` would change, without writing anything to the target."""
    from capgen import disk
    from capgen.api import reconcile as api
    from capgen.reconcile.saved import Request
    from capgen.report import plan as report

    if offline and (save or root):
        raise UsageError(
            "an export can be compared with, and not delivered to: --offline goes without --save and --root"
        )
    paths = tuple(map(str, spec_paths(specs)))
    delivery = api.plan_delivery(
        Request(
            paths,
            tuple(settings),
            environment,
            str(root or ""),
            prune,
            tuple(adopt),
            tuple(replace),
            str(offline or ""),
        ),
        seconds=timeout,
    )
    plan = api.rehearse(delivery)
    if save is not None:
        disk.save(save, api.save_plan(delivery, plan))
    click.echo(report.render(plan, form, color=colored(), width=width(), wrap=on_terminal()), nl=False, color=True)
    return 4 if exit_code and report.differs(plan) else 0
