"""`capgen forecast`: the coming values of any series, with intervals and how far to trust them. Needs no spec."""

from __future__ import annotations

from pathlib import Path

import click

from capgen.cli.output import Number, colored, width


@click.command("forecast")
@click.argument("series", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--horizon", default="7d", show_default=True, metavar="DURATION", help="How far ahead.")
@click.option("--step", metavar="DURATION", help="The time between two values; the series' own if left out.")
@click.option(
    "--calendar", type=click.Path(path_type=Path), metavar="FILE", help="Known events, past and to come (YAML or CSV)."
)
@click.option("--column", metavar="NAME", help="Which column, where the file has several.")
@click.option(
    "--limit", type=Number(), metavar="NUMBER", help="The most that could be measured: values there are flagged."
)
@click.option(
    "--thorough", is_flag=True, help="Let statsforecast's MSTL take part (seconds; needs the extra capgen[forecast])."
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    series: Path,
    horizon: str,
    step: str | None,
    calendar: Path | None,
    column: str | None,
    limit: float | None,
    thorough: bool,
    form: str,
) -> int:
    """Forecast a series of `timestamp,value` rows (CSV or Parquet; `-` for standard input).

    Times are ISO 8601 (UTC unless they say otherwise) or seconds since 1970, in any order; an empty value is a gap.
    """
    from capgen.api import planning
    from capgen.report import forecast as report

    made = planning.forecast(
        series, horizon=horizon, step=step, calendar=calendar, column=column, limit=limit, thorough=thorough
    )
    text = report.as_json(made) if form == "json" else report.as_text(made, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 0
