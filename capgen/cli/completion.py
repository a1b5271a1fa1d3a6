"""`capgen completion`: the script that completes capgen's commands in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> int:
    """Print the completion script of SHELL.

    For bash: add `eval "$(capgen completion bash)"` to ~/.bashrc.
    """
    from capgen.cli import cli
    from capgen.errors import CapgenError

    chosen = get_completion_class(shell)
    if chosen is None:  # click ships all three
        raise CapgenError(f"no completion for {shell}")
    click.echo(chosen(cli, {}, "capgen", "_CAPGEN_COMPLETE").source())
    return 0
