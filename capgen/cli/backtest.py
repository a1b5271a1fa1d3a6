"""`capgen backtest`: how often the alerts of specs would have fired over a history, beside another state of the specs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from capgen.cli.diff import environment_option
from capgen.cli.output import colored, set_option, show_findings, spec_paths, specs_argument, width
from capgen.cli.plan import history_option, moment
from capgen.errors import UsageError

if TYPE_CHECKING:
    from capgen.api.backtest import Over

prometheus_url_option = click.option(
    "--prometheus",
    is_flag=False,
    flag_value="-",
    metavar="[URL]",
    help="Ask this Prometheus; without an address the environment's.",
)
from_option = click.option(
    "--from", "begin", metavar="TIME", help="Where the history begins; a length like 28d is before its end. [28d]"
)
to_option = click.option(
    "--to", "end", metavar="TIME", help="Where it ends; now, or the end of the files, if left out."
)
incidents_option = click.option(
    "--incidents",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What went wrong: a YAML list or CSV of name, start, end, service.",
)


@click.command("backtest")
@specs_argument
@environment_option
@set_option
@prometheus_url_option
@history_option
@from_option
@to_option
@click.option("--base", metavar="REF", help="Compare with the specs at this commit, like origin/main.")
@click.option("--old", type=click.Path(path_type=Path), metavar="PATH", help="Compare with these specs.")
@incidents_option
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "markdown", "html")), default="text", show_default=True
)
def command(
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    prometheus: str | None,
    history: Path | None,
    begin: str | None,
    end: str | None,
    base: str | None,
    old: Path | None,
    incidents: Path | None,
    form: str,
) -> int:
    """Follow every alert of specs over a history, as Prometheus and Alertmanager would have, beside another state of them.

    The history is a Prometheus', or approximately the CSV files of a folder.
    """
    from capgen.api import backtest as api
    from capgen.report import backtest as report
    from capgen.report import document

    history_ = over(prometheus, history, begin, end)
    if history_ is None:
        raise UsageError("the history is a Prometheus' or a folder's: give --prometheus or --history FOLDER")
    watched = sys.stderr.isatty()
    with click.progressbar(length=1, label="asking", file=sys.stderr) if watched else nullcontext() as bar:

        def on_progress(done: int, of: int) -> None:
            if bar is not None:
                bar.length = of
                bar.update(done - bar.pos)

        found = api.backtest(
            spec_paths(specs), environment, history_, base=base, old=old, settings=settings, incidents=incidents,
            on_progress=on_progress,
        )  # fmt: skip
    show_findings(found.diagnostics, "text", err=True)
    if form == "json":
        text = report.as_json(found)
    else:
        text = document.shown(report.document(found), form, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 0


def over(prometheus: str | None, history: Path | None, begin: str | None, end: str | None) -> Over | None:
    """The history that the options name; None where they name none."""
    if history is not None and prometheus is not None:
        raise UsageError("the history is a Prometheus' or a folder's: give one of --prometheus and --history")
    if history is None and prometheus is None:
        return None
    from capgen.api.backtest import Over

    url = "" if prometheus in (None, "-") else prometheus or ""
    return Over(history, url, begin, end, moment(None, live=history is None))
