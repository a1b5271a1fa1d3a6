"""`capgen preview`: draws dashboards with Grafana's own components, without a Grafana."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from capgen.cli.output import cache_folder, env_option, set_option, spec_paths, specs_argument


@click.command("preview")
@specs_argument
@env_option
@set_option
@click.option(
    "--from",
    "data",
    type=click.Choice(("live", "sample")),
    help="Whose data is drawn: a Prometheus', or made-up series that pass through every level. `sample` unless "
    "--prometheus is given.",
)
@click.option(
    "--prometheus", metavar="URL", help="Where live data comes from; else the environment's `prometheus.url`."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("preview"), show_default=True, help="Where pictures go."
)
@click.option("--html", is_flag=True, help="Write pages only; they work offline.")
@click.option("--png", is_flag=True, help="Write pictures only.")
@click.option("--dark", is_flag=True, help="Grafana's dark theme.")
@click.option(
    "--width", default=1400, show_default=True, type=click.IntRange(320, 4000), help="Of a picture, in pixels."
)
@click.option(
    "--height", type=click.IntRange(100, 16000), help="Only so much of a picture from its top; all of it if left out."
)
def command(
    specs: Sequence[Path],
    environments: Sequence[str],
    settings: Sequence[str],
    data: Literal["live", "sample"] | None,
    prometheus: str | None,
    out: Path,
    html: bool,
    png: bool,
    dark: bool,
    width: int,
    height: int | None,
) -> int:
    """Draw the dashboards of specs (`specs` if left out), or of dashboard files (*.json), as HTML and PNG.

    Needs Node.js with npm, and Chromium for pictures. Grafana's components are fetched once, into the user's cache.
    """
    from capgen.api import preview
    from capgen.errors import UsageError

    if prometheus and data == "sample":
        raise UsageError("--prometheus is for live data: leave out --from sample")
    dashboards = preview.contents(
        spec_paths(specs),
        settings=settings,
        environments=environments,
        data=data or ("live" if prometheus else "sample"),
        prometheus=prometheus or "",
        theme="dark" if dark else "light",
    )
    files = preview.draw(
        dashboards,
        out,
        cache=cache_folder("preview"),
        html=html or not png,
        png=png or not html,
        width=width,
        height=height,
    )
    for file in files:
        click.echo(file.as_posix())
    return 0
