"""What a server refuses in an object, traced back: to the line of the manifest, and to the words of a spec behind it.

A server names a field (`.spec.metrics[0].resource`). Whoever has to mend it edits a spec.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from capgen import yamlio
from capgen.reconcile.paths import steps

if TYPE_CHECKING:
    from capgen.api import Built
    from capgen.artifact import Artifact


def origin_of(built: Built, environment: str, artifact: Artifact, fields: Sequence[str]) -> str:
    """`shop/hpa-web.yaml:14 (specs/shop.yaml:9:5)` for each field as the server spells it, "" without fields."""
    from capgen.explain import explain_line
    from capgen.explain.files import explain_file

    node, _ = yamlio.read(yamlio.Source(artifact.path, artifact.text))
    if node is None:
        return ""
    source = yamlio.Source(f"{environment}/{artifact.path}", artifact.text)
    fleets = [fleet for fleet in built.compiled.fleets if fleet.environment == environment]
    told: dict[str, None] = {}
    for field in fields:
        line = _line(node, steps(node.data(), field))
        answer = explain_line(source, line, fleets) or explain_file(source, line, fleets, built.compiled.specs, {})
        places = (fact.place or fact.layer for fact in answer.facts) if answer else iter(())
        place = next((place for place in places if place), "")
        told[f"{artifact.path}:{line}" + (f" ({place})" if place else "")] = None
    return ", ".join(told)


def _line(root: yamlio.Node, path: yamlio.Path) -> int:
    """Where a value's key stands, or the value where it has none."""
    parent, last = root.at(path[:-1]), path[-1] if path else None
    if parent is not None and isinstance(last, str):
        return parent.key_span(last).line
    found = root.at(path)
    return (found or root).span.line
