"""`capgen rbac`: the least rights that a diff or an apply needs, as Roles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from capgen.cli.diff import environment_option
from capgen.cli.output import set_option, spec_paths, specs_argument


@click.command("rbac")
@specs_argument
@environment_option
@set_option
@click.option("--for", "purpose", type=click.Choice(("diff", "apply")), required=True, help="For which of the verbs.")
def command(specs: Sequence[Path], environment: str, settings: Sequence[str], purpose: str) -> int:
    """Print the Roles that `capgen diff` or `capgen apply` needs, one a namespace and one for the namespaces.

    A diff needs no right to write anything. Whoever takes a kind out of the specs lets the role that may delete it
    stand until it is deleted.
    """
    from capgen.api import reconcile as api

    click.echo(api.rights_of(spec_paths(specs), environment, purpose, settings=settings), nl=False)
    return 0
