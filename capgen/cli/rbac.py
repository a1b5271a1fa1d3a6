"""`capgen rbac`: the least rights that a verb needs, as Roles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from capgen.cli.diff import environment_option
from capgen.cli.output import set_option, spec_paths, specs_argument
from capgen.errors import UsageError


@click.command("rbac")
@specs_argument
@environment_option
@set_option
@click.option(
    "--for", "purpose", type=click.Choice(("diff", "status", "apply", "destroy", "import")), required=True,
    help="For which of the verbs.",
)  # fmt: skip
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, metavar="NAME", help="With --for import: a namespace it reads."
)
def command(
    specs: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    purpose: Literal["diff", "status", "apply", "destroy", "import"],
    namespaces: Sequence[str],
) -> int:
    """Print the Roles that a verb needs, one a namespace and one for the namespaces.

    Only `apply` and `destroy` need rights to write. Whoever takes a kind out of the specs lets the role that may delete it
    stand until it is deleted.
    """
    from capgen.api import reconcile as api

    if namespaces and purpose != "import":
        raise UsageError("the specs say which namespaces are needed: --namespace goes with --for import alone")
    paths = spec_paths(specs)
    click.echo(api.rights_of(paths, environment, purpose, settings=settings, namespaces=namespaces), nl=False)
    return 0
