"""`capgen test`: proves the generated rules with unit tests of their own, on a real promtool."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import cache_folder, colored, env_option, set_option, spec_paths, specs_argument, width
from capgen.errors import CapgenError

GOAL = 0.95
"""The least share of mutants that the tests have to notice."""


@click.command("test")
@specs_argument
@env_option
@set_option
@click.option("--promtool", type=click.Path(path_type=Path), help="The promtool to use; the one on PATH if left out.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default="cores", type=click.IntRange(1, 256))
@click.option("--mutants", is_flag=True, help="Also change every rule in many ways and see that a test notices.")
@click.option("--no-cache", is_flag=True, help="Prove again what has been proven unchanged.")
@click.option("--format", "form", type=click.Choice(("text", "json", "junit")), default="text", show_default=True)
def command(
    specs: Sequence[Path],
    environments: Sequence[str],
    settings: Sequence[str],
    promtool: Path | None,
    jobs: int,
    mutants: bool,
    no_cache: bool,
    form: str,
) -> int:
    """Generate unit tests for every alert and record of the specs (`specs` if left out) and run them.

    Exit code 3 when a rule is not proven, or with --mutants when fewer than 95 % of the mutants are noticed.
    """
    from capgen import api
    from capgen.report import proof

    tool = promtool or _on_path()
    cache = None if no_cache else cache_folder("proofs")
    proven = api.prove(
        spec_paths(specs), tool, settings=settings, environments=environments, jobs=jobs, cache=cache, mutants=mutants
    )
    match form:
        case "json":
            text = proof.as_json(proven)
        case "junit":
            text = proof.as_junit(proven)
        case _:
            text = proof.as_text(proven, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    killed = [mutation.killed for one in proven for mutation in one.mutations or ()]
    weak = bool(killed) and sum(killed) < GOAL * len(killed)
    return 3 if weak or any(one.proof.coverage < 1 for one in proven) else 0


def _on_path() -> Path:
    found = shutil.which("promtool")
    if found is None:
        raise CapgenError("there is no promtool on PATH: install Prometheus 2.45 or newer, or name one with --promtool")
    return Path(found)
