"""`capgen build`: compiles specs into the generated folder, or says how that differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import (
    colored,
    env_option,
    format_option,
    out_option,
    set_option,
    show_findings,
    spec_paths,
    specs_argument,
)
from capgen.disk import FileChange
from capgen.report.findings import Format

_SIGNS = {"missing": "+", "stale": "~", "orphaned": "-"}


@click.command("build")
@specs_argument
@env_option
@set_option
@out_option
@click.option(
    "--check", "checking", is_flag=True, help="Write nothing; exit 3 when files are stale, missing or orphaned."
)
@click.option("--diff", "show_diff", is_flag=True, help="Show the difference, line by line.")
@format_option
def command(
    specs: Sequence[Path],
    environments: Sequence[str],
    settings: Sequence[str],
    out: Path,
    checking: bool,
    show_diff: bool,
    form: Format,
) -> int:
    """Compile specs (files or folders, `specs` if left out) into `generated/`.

    Only files that differ are written. Files that no spec asks for any more are removed if capgen wrote them.
    """
    from capgen import api, disk

    paths = spec_paths(specs)
    built = api.build(paths, settings=settings, environments=environments)
    wanted = api.generated_files(built)
    whole = all(path.is_dir() for path in paths) and not environments
    changes = disk.compare(out, wanted, whole=whole)
    notes = built.compiled.diagnostics
    if checking:
        show_findings((*notes, *disk.findings(out, changes)), form)
        if show_diff:
            _show(changes, out)
        return 3 if changes else 0
    show_findings(notes, form, err=True)
    disk.write(out, changes)
    if show_diff:
        _show(changes, out)
    elif form == "text":
        for change in changes:
            click.echo(f"{_SIGNS[change.state]} {(out / change.path).as_posix()}")
    same = len(wanted) - sum(change.after is not None for change in changes)
    click.echo(f"{len(changes)} changed, {same} unchanged in {out.as_posix()}/", err=True)
    return 0


def _show(changes: Sequence[FileChange], out: Path) -> None:
    from capgen.report.unified import unified

    for change in changes:
        click.echo(
            unified(change.before, change.after, (out / change.path).as_posix(), color=colored()), nl=False, color=True
        )
