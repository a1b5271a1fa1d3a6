"""`capgen estimate`: what the generated rules will cost the Prometheus that evaluates them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.output import env_option, set_option, spec_paths, specs_argument


@click.command("estimate")
@specs_argument
@env_option
@set_option
@click.option("--signals", "detailed", is_flag=True, help="Also each signal and each source, dearest first.")
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def command(
    specs: Sequence[Path], environments: Sequence[str], settings: Sequence[str], detailed: bool, form: str
) -> int:
    """Estimate the rules, recorded series and samples a second of specs (`specs` if left out), beside their budgets.

    Declared targets and replicas count exactly; other labels as the catalogue or `sizes:` of a source say. Exit code 3
    when a budget is exceeded, as for `capgen validate`.
    """
    from capgen.api.estimate import estimate
    from capgen.report import estimate as report

    found = estimate(spec_paths(specs), settings=settings, environments=environments)
    click.echo(report.render(found, form, detailed=detailed), nl=False)
    return 3 if report.exceeded(found) else 0
