"""`capgen plan`: when levels are reached, what is needed, what it costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from capgen.cli.diff import environment_option
from capgen.cli.output import cache_folder, colored, set_option, spec_paths, specs_argument, width

history_option = click.option(
    "--history",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Series as <service>/<signal>.csv or <signal>.csv (or .parquet).",
)
prometheus_option = click.option(
    "--prometheus", is_flag=True, help="Ask the environment's Prometheus for history (cached; see --no-cache)."
)
no_cache_option = click.option("--no-cache", is_flag=True, help="Ask for all of the history again.")
now_option = click.option(
    "--now", metavar="TIME", help="The moment that is planned from; the end of the history if left out."
)


def moment(text: str | None, *, live: bool) -> float | None:
    """The moment of `--now`; the clock's where a live server is asked. The clock is read here and nowhere else."""
    from capgen.history.timestamps import seconds

    if text is None:
        return float(int(time.time())) if live else None  # noqa: TID251 - the edge, where there is a clock
    try:
        return seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--now") from error


@click.command("plan")
@specs_argument
@environment_option
@set_option
@history_option
@prometheus_option
@now_option
@click.option("--engine", metavar="dask=tcp://HOST:PORT", help="Plan on a Dask cluster; its workers read the history.")
@no_cache_option
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "note")),
    help="Exit with 3 from this severity on: error is a declared limit that is passed, warning a level that pages.",
)
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "markdown", "html")), default="text", show_default=True
)
def command(
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    history: Path | None,
    prometheus: bool,
    now: str | None,
    engine: str | None,
    no_cache: bool,
    fail_on: str | None,
    form: str,
) -> int:
    """Plan capacity from history and declared growth: dates of levels, nodes, volumes, costs, roadmap."""
    from capgen.api import planning
    from capgen.report import ahead, document, planned

    made = partial(
        planning.plans,
        spec_paths(specs),
        environment,
        settings=settings,
        history=history,
        prometheus=prometheus,
        now=moment(now, live=prometheus),
        cache=None if no_cache else cache_folder("history"),
        engine=engine,
    )
    look: dict[str, Any] = {"color": colored(), "width": width()}
    # Nothing is printed before everything is known, and no fleet is held in memory until then.
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as spool:
        head = ahead.Head()
        if form == "json":
            spool.writelines(planned.as_json(_told(made(shape=planned.piece), head.severities)))
        else:
            spool.writelines(document.pieces(ahead.together(made(shape=ahead.part), head), form, **look))
        spool.seek(0)
        lines = iter(lambda: spool.read(1 << 20), "") if form != "markdown" else spool
        if form != "json":
            lines = document.whole(head.title, head.about, head.contents, lines, form, **look)
        for text in lines:
            click.echo(text, nl=False, color=True)
    severities = head.severities
    order = ("note", "warning", "error")
    passed = [order.index(severity) for severity in severities]
    return 3 if fail_on is not None and any(rank >= order.index(fail_on) for rank in passed) else 0


def _told(pieces: Iterable[tuple[str, tuple[str, ...]]], severities: set[str]) -> Iterator[str]:
    for text, found in pieces:
        severities.update(found)
        yield text
