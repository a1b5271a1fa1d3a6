"""`capgen import`: drafts a spec from what runs, or from what was exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import colored, width


@click.command("import")
@click.argument("name")
@click.option("--env", "environment", default="", metavar="NAME", help="The environment whose cluster is read.")
@click.option(
    "--context", default="", metavar="NAME", help="A context of the kubeconfig, where no environment is there yet."
)
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, metavar="NAME", help="A namespace; may be given several times."
)
@click.option(
    "--from", "exported", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help="Exported manifests, rule files or a prometheus.yml, instead of a cluster.",
)  # fmt: skip
@click.option("--selector", "-l", default="", metavar="KEY=VALUE", help="Only objects with these labels.")
@click.option(
    "--specs", type=click.Path(path_type=Path), default=Path("specs"), show_default=True, help="The project's specs."
)
@click.option("--levels", is_flag=True, help="Take the catalogue's levels for signals that no alert was found for.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the draft to this file; `-` prints it.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    name: str,
    environment: str,
    context: str,
    namespaces: Sequence[str],
    exported: Sequence[Path],
    selector: str,
    specs: Path,
    levels: bool,
    out: Path | None,
    form: str,
) -> int:
    """Draft a spec for the service NAME from the HPAs, VPAs, rules and scrape jobs of a namespace.

    Nothing is changed in the cluster. Says what the draft would change, and what could not be taken over and why. An
    existing file is never overwritten.
    """
    from capgen.api import intake as api
    from capgen.report import intake as report

    asked = api.Asked(name, specs, environment, context, tuple(namespaces), tuple(exported), selector, levels)
    imported = api.import_(asked)
    shown = out == Path("-")
    written = () if shown else api.write(imported, out)
    if shown:
        for text in imported.files.values():
            click.echo(text, nl=False)
    told = report.render(imported, written, form, color=colored(err=shown), width=width())
    click.echo(told, nl=False, err=shown, color=True)
    return 0
