"""`capgen check`: lints rule files, anybody's, against the catalogue and without a Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import format_option, show_findings
from capgen.report.findings import Format


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--exporter",
    "exporters",
    multiple=True,
    metavar="NAME",
    help="Only these exporters run; needed where several give a metric of one name.",
)
@click.option("--scrape-interval", default="1m", show_default=True, metavar="DURATION", help="Time between scrapes.")
@click.option(
    "--evaluation-interval",
    default="1m",
    show_default=True,
    metavar="DURATION",
    help="Time between evaluations of groups that name none.",
)
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "note")),
    default="error",
    show_default=True,
    help="The least severity that gives exit code 3.",
)
@format_option
def command(
    files: Sequence[Path],
    exporters: Sequence[str],
    scrape_interval: str,
    evaluation_interval: str,
    fail_on: str,
    form: Format,
) -> int:
    """Lint Prometheus rule files and PrometheusRule manifests (folders stand for the YAML below them)."""
    from capgen import api

    found = api.check_rule_files(
        list(files), exporters=exporters, scrape_interval=scrape_interval, evaluation_interval=evaluation_interval
    )
    show_findings(found, form)
    order = ("note", "warning", "error")
    return 3 if any(order.index(finding.severity) >= order.index(fail_on) for finding in found) else 0
