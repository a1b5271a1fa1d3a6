"""`capgen catalog`: what can be measured, and where it gets worse unless a spec says otherwise."""

from __future__ import annotations

import click


@click.command("catalog")
@click.argument("exporter", required=False)
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def command(exporter: str | None, form: str) -> int:
    """List the exporters, or one EXPORTER with its signals and metrics."""
    from pathlib import Path

    from capgen import api
    from capgen.cli.output import width
    from capgen.report.catalogue import exporter_report, overview_report

    catalog = api.load_catalog(Path())
    if exporter is None:
        text = overview_report([catalog.entry(name).exporter for name in catalog.exporters], form, width=width())
    else:
        text = exporter_report(api.exporter(catalog, exporter), form, width=width())
    click.echo(text, nl=False)
    return 0
