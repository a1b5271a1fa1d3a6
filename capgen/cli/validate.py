"""`capgen validate`: every mistake of all specs at once, and of what they compile to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import env_option, format_option, set_option, show_findings, spec_paths, specs_argument
from capgen.diagnostics import has_errors
from capgen.report.findings import Format


@click.command("validate")
@specs_argument
@env_option
@set_option
@format_option
def command(specs: Sequence[Path], environments: Sequence[str], settings: Sequence[str], form: Format) -> int:
    """Check specs (files or folders, `specs` if left out) and everything they compile to.

    Exit code 3 when there is an error.
    """
    from capgen import api

    compiled = api.compile_project(spec_paths(specs), settings=settings, environments=environments)
    found = (*compiled.diagnostics, *api.check_compiled(compiled))
    show_findings(found, form)
    if has_errors(found):
        return 3
    if form == "text":
        count = len(compiled.project.capacities)
        where = ", ".join(fleet.environment for fleet in compiled.fleets)
        click.echo(
            f"{count} {'spec is' if count == 1 else 'specs are'} valid for {where or 'no environment'}", err=True
        )
    return 0
