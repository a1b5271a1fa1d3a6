"""Reads the catalogue: the packaged files and a project's own, each only when something asks for it.

A name resolves to a file of that name, the project's before the packaged one, so that a build reads the few
exporters its specs use and not all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field

from capgen.catalog.consistency import inconsistencies
from capgen.catalog.model import Exporter, Ladder, Ladders
from capgen.diagnostics import Diagnostic, Span, suggest
from capgen.errors import Findings
from capgen.fields import Model
from capgen.validation import validated
from capgen.yamlio import Node, Source, read

M = TypeVar("M", bound=Model)

PACKAGED = Path(__file__).parent


class Entry(Struct, frozen=True):
    """A catalogue file as data and as text with positions (`explain` shows the line a level comes from)."""

    exporter: Exporter
    node: Node


class Catalog(Struct, dict=True):
    """Exporters and ladders by name. `project` maps file names of the project's `catalog/` to their text."""

    project: Mapping[str, Source] = field(default_factory=dict)
    _entries: dict[str, Entry] = field(default_factory=dict)

    @cached_property
    def exporters(self) -> tuple[str, ...]:
        """The names of all exporters, sorted."""
        packaged = {path.stem for path in (PACKAGED / "exporters").glob("*.yaml")}
        own = {name.removesuffix(".yaml") for name in self.project if name != "ladders.yaml"}
        return tuple(sorted(packaged | own))

    def entry(self, name: str) -> Entry:
        """The exporter's file. Raises KeyError for a name that none has, Findings for a file with mistakes."""
        if name not in self._entries:
            if name not in self.exporters:
                raise KeyError(name)
            own = self.project.get(f"{name}.yaml")
            exporter, node = _load(own, Exporter) if own else _packaged_exporter(name)
            if exporter.exporter != name:
                span = node.at(("exporter",))
                message = f"the file {node.source.name} declares the exporter {exporter.exporter!r}"
                raise Findings(
                    [
                        Diagnostic(
                            "CG604", message, span.span if span else None, f"name the file {exporter.exporter}.yaml"
                        )
                    ]
                )
            if own and (wrong := inconsistencies(exporter, node, self.ladders)):
                raise Findings(wrong)
            self._entries[name] = Entry(exporter, node)
        return self._entries[name]

    @cached_property
    def ladders(self) -> Mapping[str, Ladder]:
        """All ladders by name; the project's replace packaged ones of the same name."""
        ladders = dict(_load(_packaged("ladders.yaml"), Ladders)[0].ladders)
        if own := self.project.get("ladders.yaml"):
            ladders |= _load(own, Ladders)[0].ladders
        return ladders

    def unknown(self, name: str, span: Span) -> Diagnostic:
        """The finding for an exporter that no file declares."""
        return Diagnostic(
            "CG301", f"no exporter is called {name!r}", span, suggest(name, self.exporters, what="exporters")
        )


@lru_cache(maxsize=64)
def _packaged_exporter(name: str) -> tuple[Exporter, Node]:
    """A packaged file is the same for the whole of a run, whoever asks."""
    return _load(_packaged(f"exporters/{name}.yaml"), Exporter)


def _packaged(name: str) -> Source:
    return Source(f"catalogue:{name}", (PACKAGED / name).read_text(encoding="utf-8"), "catalogue")


def _load(source: Source, model: type[M]) -> tuple[M, Node]:
    node, found = read(source)
    if node is None:
        raise Findings(found)
    value, found = validated(model, node)
    if value is None:
        raise Findings(found)
    return value, node
