"""The command line: flags in, one call of the library, a report out, an exit code.

A verb is a file of this folder and is imported when it is called, so that `--help` starts without the rest.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from typing import Any

import click

from capgen import __version__
from capgen.errors import CapgenError, Findings

VERBS = {
    "init": "Write a first spec, with comments, that validates.",
    "import": "Draft a spec from what runs.",
    "validate": "Check specs: every mistake, with its place.",
    "build": "Compile specs into generated/.",
    "check": "Lint Prometheus rule files, also foreign ones.",
    "estimate": "Estimate what the rules cost Prometheus.",
    "test": "Prove the generated rules with promtool.",
    "explain": "Say where a line, a signal, a code or a field comes from.",
    "preview": "Draw the dashboards, with live or sample data.",
    "diff": "Show what apply would change.",
    "apply": "Deliver to a directory or a cluster.",
    "status": "Show what is delivered, and how it is.",
    "rbac": "Print the least rights of a verb.",
    "env": "Pin an environment to its cluster.",
    "destroy": "Delete what was delivered for a service.",
    "simulate": "Replay an autoscaler over a history of demand.",
    "backtest": "Follow alerts over a history: firings, pages, incidents.",
    "plan": "Plan capacity: dates of levels, nodes, volumes, costs.",
    "report": "Report on the last day, week, month or quarter.",
    "forecast": "Forecast a series, with intervals and a back-test.",
    "review": "Say what a change of the specs does.",
    "schema": "Print the JSON Schema of specs.",
    "catalog": "List exporters, their metrics and signals.",
    "completion": "Print the completion script of a shell.",
}


class _Verbs(click.Group):
    """Imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"capgen.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in VERBS and not name.startswith("-"):
            from capgen.diagnostics import suggest

            ctx.fail(f"there is no command {name!r}: {suggest(name, VERBS, what='commands')}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="capgen")
@click.option("--debug", is_flag=True, help="Show Python's traceback when something fails.")
def cli(debug: bool) -> None:
    """One declarative capacity spec per service, compiled into what watches and scales it.

    Exit codes: 0 fine, 1 could not do it, 2 usage, 3 findings, 4 changes (with --exit-code), 5 partly applied,
    6 refused by a guard, 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits; no traceback reaches a user unless `--debug` asks for it."""
    given = sys.argv[1:] if arguments is None else arguments
    # pydantic would look through every installed distribution for plugins, and there are none for capgen.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # A process that ends gives everything back at once; to look for garbage among it takes a tenth of a rebuild.
    atexit.register(gc.freeze)
    sys.exit(_run(given, debug="--debug" in given))


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="capgen", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except SystemExit:
        # click meets a broken pipe by leaving with 1: the reader (`| head`) has seen enough, which is no failure.
        return 0
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python must not complain about it while closing.
        sys.stderr.close()
        return 0
    except Findings as found:
        if debug:
            raise
        from capgen.cli.output import show_findings

        show_findings(found.diagnostics, "text", err=True)
        return found.exit_code
    except CapgenError as failed:
        if debug:
            raise
        from capgen.cli.output import tell

        tell(f"capgen: {failed}")
        return failed.exit_code
    except OSError as failed:
        if debug:
            raise
        # A file names itself; what does not is the output: a full disk behind `>`.
        where = f"{failed.filename}: " if failed.filename is not None else "what it prints cannot be written: "
        click.echo(f"capgen: {where}{failed.strerror or failed}", err=True)
        return 1
    except Exception as bug:
        if debug:
            raise
        click.echo(
            f"capgen: a mistake of capgen's own: {type(bug).__name__}: {bug}\nRun it again with --debug and report what it prints.",
            err=True,
        )
        return 1
    return result if isinstance(result, int) else 0
