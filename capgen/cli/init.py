"""`capgen init`: a first spec to begin with, valid as it is and explained where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click


@click.command("init")
@click.argument("name", default="my-service")
@click.option(
    "--exporter",
    "exporters",
    multiple=True,
    metavar="NAME",
    help="An exporter to watch; may be given several times. [default: http, node]",
)
@click.option(
    "--kind",
    type=click.Choice(("Deployment", "StatefulSet", "host")),
    default="host",
    show_default=True,
    help="What runs the service.",
)
@click.option(
    "--specs",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("specs"),
    show_default=True,
    help="The folder to write to.",
)
def command(name: str, exporters: Sequence[str], kind: str, folder: Path) -> int:
    """Write a commented, valid spec for the service NAME. An existing file is never overwritten."""
    from capgen import api

    path = api.init(name, folder, exporters=list(exporters) or ["http", "node"], kind=kind)
    click.echo(path.as_posix())
    click.echo("next: edit it, then `capgen validate` and `capgen build`", err=True)
    return 0
