"""`capgen explain`: where a generated line, a signal or a field comes from, and what a code means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from capgen.cli.output import env_option, set_option, width


@click.command("explain")
@click.argument("thing")
@click.option(
    "--specs",
    "specs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Files or folders of specs; `specs` if left out.",
)
@env_option
@set_option
@click.option("--at", type=click.DateTime(), help="Show the runs of a job after this time; now if left out.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    thing: str,
    specs: Sequence[Path],
    environments: Sequence[str],
    settings: Sequence[str],
    at: datetime | None,
    form: str,
) -> int:
    """Explain THING: a code (CG309), a generated line (generated/host/apm/rules.yml:42), a signal (host.cpu),
    a job (jobs.monitor-resources) with its next runs, or a field of the spec (workloads.apm-service.horizontal).

    Put a capacity's name before a signal or field, with a colon, to ask about that one alone (apm:host.cpu).
    """
    from capgen import api
    from capgen.report.explanation import as_json, as_text

    if re.fullmatch(r"CG\d{3}", thing, re.IGNORECASE | re.ASCII):
        from capgen.report.codes import page

        click.echo(page(thing.upper()).text, nl=False)
        return 0
    answers = api.explain(thing, list(specs) or [Path("specs")], settings=settings, environments=environments, at=at)
    click.echo(as_text(answers, width=width()) if form == "text" else as_json(answers), nl=False)
    return 0
