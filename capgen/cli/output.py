"""What the verbs share: their common options, and findings written the way the caller asked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import click

from capgen.diagnostics import Diagnostic
from capgen.report.color import Style, painted, wants_color
from capgen.report.findings import FORMATS, Format, render

specs_argument = click.argument("specs", nargs=-1, type=click.Path(path_type=Path))
env_option = click.option(
    "--env", "environments", multiple=True, metavar="NAME", help="Only this environment; may be given several times."
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="[CAPACITY:]PATH=VALUE",
    help="Lay a value over the specs, like signals.host.cpu.levels.critical=85%.",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("generated"),
    show_default=True,
    help="Where generated files go.",
)
format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How findings are written."
)


class Number(click.FloatRange):
    """A number that is one: click takes `nan`, which no bound keeps out, and `inf`."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails for what is none or is out of range."""
        number = super().convert(value, param, ctx)
        return number if isfinite(number) else self.fail(f"{value!r} is no number.", param, ctx)


def spec_paths(given: Sequence[Path]) -> list[Path]:
    """The paths of a command: `specs` if none was named."""
    return list(given) or [Path("specs")]


def cache_folder(name: str) -> Path:
    """Where a verb may keep what it would otherwise work out again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "capgen" / name


def width() -> int:
    """Columns to write for: the terminal's, 80 when there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def on_terminal(*, err: bool = False) -> bool:
    """Whether a person reads what goes to stdout (or stderr) as it is written."""
    return (sys.stderr if err else sys.stdout).isatty()


def colored(*, err: bool = False) -> bool:
    """Whether to colour what goes to stdout (or stderr)."""
    return wants_color(sys.stderr if err else sys.stdout, os.environ)


def tell(text: str, style: Style | None = None) -> None:
    """Writes a message to stderr: for a person broken at the terminal's edge, for a program as it is."""
    if on_terminal(err=True):
        from capgen.report.text import broken

        text = broken(text, width())
    told = painted(text, style, colored(err=True)) if style else text
    click.echo(told, err=True, color=True)


def show_findings(found: Sequence[Diagnostic], form: Format, *, err: bool = False) -> None:
    """Writes findings; text goes where the caller says, other formats are results and go to stdout."""
    to_stderr = err and form == "text"
    text = render(found, form, color=colored(err=to_stderr), width=width())
    click.echo(text, err=to_stderr, nl=False, color=True)
