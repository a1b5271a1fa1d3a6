"""`capgen schema`: the JSON Schema of the spec language, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.argument("kind", required=False, type=click.Choice(("Capacity", "Defaults", "Environment")))
def command(kind: str | None) -> int:
    """Print the JSON Schema (2020-12) of specs: of one KIND, or of all three.

    For editors that use the YAML language server, put a first line into a spec:
    `# yaml-language-server: $schema=capgen.schema.json`.
    """
    from capgen.spec.schema import schema

    click.echo(json.dumps(schema(kind), indent=2, ensure_ascii=False))
    return 0
