"""`capgen build`: compiles specs into the generated folder, or says how that differs."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import (
    cache_folder,
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
from capgen.errors import UsageError
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
@click.option("--jobs", default=os.cpu_count() or 1, show_default="cores", type=click.IntRange(1, 256))
@click.option("--no-cache", is_flag=True, help="Compile all specs, also those that were compiled before.")
@format_option
def command(
    specs: Sequence[Path],
    environments: Sequence[str],
    settings: Sequence[str],
    out: Path,
    checking: bool,
    show_diff: bool,
    jobs: int,
    no_cache: bool,
    form: Format,
) -> int:
    """Compile specs (files or folders, `specs` if left out) into `generated/`.

    Only files that differ are written. Files that no spec asks for any more are removed if capgen wrote them. A spec
    named by itself gives what it gives among all of them; files that speak of all services are left as they are.
    """
    from capgen import api, disk

    # What a build makes it keeps until it ends; looking for garbage among it takes a quarter of the time.
    gc.disable()
    paths = spec_paths(specs)
    _keep_apart(paths, out)
    cache = None if no_cache else cache_folder("builds")
    # What guards a merge believes no file system: it reads all files.
    files = api.generate(
        paths, out=out, settings=settings, environments=environments, jobs=jobs, cache=cache, thorough=checking
    )
    whole = all(path.is_dir() for path in paths) and not environments and not files.partial
    changes = disk.compare(out, files.wanted, below=("",) if whole else files.folders, same=files.same)
    if checking:
        show_findings((*files.found, *disk.findings(out, changes)), form)
        if show_diff:
            _show(changes, out)
        return 3 if changes else 0
    show_findings(files.found, form, err=True)
    disk.write(out, changes)
    if show_diff:
        _show(changes, out)
    elif form == "text":
        # One text: a flush for each of thousands of lines takes as long as writing the files.
        below = (out / "_").as_posix()[:-1]
        lines = (f"{_SIGNS[change.state]} {below}{change.path}\n" for change in changes)
        click.echo("".join(lines), nl=False)
    same = len(files.wanted) - sum(change.after is not None for change in changes)
    left = "; files about all services are left as they are" if files.partial else ""
    click.echo(f"{len(changes)} changed, {same} unchanged in {out.as_posix()}/{left}", err=True)
    return 0


def _keep_apart(paths: Sequence[Path], out: Path) -> None:
    """Raises UsageError where the next run would read what this one writes."""
    from capgen.api.reading import SPECS, specs_root

    for path in paths:
        folder = path if path.is_dir() else specs_root(path)
        if not path.is_dir() and folder.name != SPECS:
            continue
        if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(folder)):
            raise UsageError(
                f"--out {out.as_posix()} is below {folder.as_posix()}, so what is generated would be read as specs: "
                "name another folder, like ../generated"
            )


def _show(changes: Sequence[FileChange], out: Path) -> None:
    from capgen.report.unified import unified

    for change in changes:
        click.echo(
            unified(change.before, change.after, (out / change.path).as_posix(), color=colored()), nl=False, color=True
        )
