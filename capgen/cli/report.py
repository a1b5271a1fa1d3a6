"""`capgen report`: what the last day, week, month or quarter was like, and what is to come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.diff import environment_option
from capgen.cli.output import cache_folder, colored, set_option, spec_paths, specs_argument, width
from capgen.cli.plan import history_option, moment, no_cache_option, now_option, prometheus_option


@click.command("report")
@click.argument("kind", type=click.Choice(("daily", "weekly", "monthly", "quarterly")))
@specs_argument
@environment_option
@set_option
@click.option(
    "--service", "services", multiple=True, metavar="NAME", help="Only this service; may be given several times."
)
@history_option
@prometheus_option
@now_option
@no_cache_option
@click.option(
    "--since",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The last report's JSON, to say which recommendations are new and which are gone.",
)
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "markdown", "html")), default="markdown", show_default=True
)
def command(
    kind: str,
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    services: Sequence[str],
    history: Path | None,
    prometheus: bool,
    now: str | None,
    no_cache: bool,
    since: Path | None,
    form: str,
) -> int:
    """Report on the last whole period: use against levels, degradations, scaling, headroom, forecast, advice."""
    from capgen.api import planning
    from capgen.planning.period import KINDS
    from capgen.report import document, periodic

    try:
        last = None if since is None else periodic.recommended(since.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.BadParameter(f"{since} cannot be read: {error.strerror}", param_hint="--since") from error
    except ValueError as error:
        told = f"{since} is not what `capgen report --format json` printed: {error}"
        raise click.BadParameter(told, param_hint="--since") from error
    reviews = planning.report(
        KINDS[("daily", "weekly", "monthly", "quarterly").index(kind)],
        spec_paths(specs),
        environment,
        settings=settings,
        services=services,
        history=history,
        prometheus=prometheus,
        now=moment(now, live=prometheus),
        cache=None if no_cache else cache_folder("history"),
    )
    if form == "json":
        text = periodic.as_json(reviews, last)
    else:
        text = document.shown(periodic.document(reviews, last), form, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 0
