"""`capgen env`: what an environment's document says about its cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.diff import environment_option
from capgen.cli.output import spec_paths, specs_argument


@click.group("env")
def command() -> None:
    """Work on an environment's document."""


@command.command("pin")
@specs_argument
@environment_option
@click.option("--write", is_flag=True, help="Write it into the environment's file instead of printing it.")
def pin(specs: Sequence[Path], environment: str, write: bool) -> int:
    """Pin an environment to the cluster that its context leads to now.

    Prints the API server's URL and the UID of its namespace kube-system. With them in the environment's file, diff
    and apply refuse to read or write any other cluster.
    """
    from capgen.api import pins as api

    paths = spec_paths(specs)
    pinned = api.pins_of(paths, environment)
    if write:
        file = api.write_pins(paths, environment, pinned)
        click.echo(f"{file}: pinned to {pinned.server}", err=True)
    else:
        click.echo(f"server: {pinned.server}\nuid: {pinned.uid}")
    return 0
