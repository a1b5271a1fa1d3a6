"""What every pass of the compiler is handed: the spec, the catalogue, and the way to point at a mistake."""

from __future__ import annotations

from msgspec import Struct, field

from capgen.blueprint.origin import Origin
from capgen.catalog.load import Catalog
from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.spec.parse import IMPLICIT, Spec
from capgen.units import BadQuantity
from capgen.validation import told
from capgen.yamlio import Node, Path


class Context(Struct, frozen=True):
    """One spec being compiled. `found` collects the findings of all passes."""

    spec: Spec
    catalog: Catalog
    found: list[Diagnostic] = field(default_factory=list)
    unbound: set[str] = field(default_factory=set)
    """Sources with mistakes: what hangs on them is not reported as missing too."""

    def explained(self, signal: str) -> bool:
        """Whether a signal that was not resolved has a finding of its own already."""
        return self.spec.model.signals.get(signal) is not None or signal.partition(".")[0] in self.unbound

    def node(self, path: Path) -> Node:
        """The node at a path, or the nearest one above it."""
        node = self.spec.node
        for length in range(len(path), 0, -1):
            if (deeper := self.spec.node.at(path[:length])) is not None:
                return deeper
        return node

    def origin(self, path: Path) -> Origin:
        """Where the item at a path was declared: its key."""
        span = self.key_span(path)
        return Origin(".".join(str(step) for step in path), span, self.node(path).source.layer)

    def key_span(self, path: Path) -> Span:
        """Where the key at the end of a path stands (where its nearest ancestor does, if it is not there)."""
        parent = self.spec.node.at(path[:-1])
        if parent is not None and isinstance(path[-1], str) and path[-1] in parent.keys:
            node = parent.value[path[-1]] if isinstance(parent.value, dict) and path[-1] in parent.value else parent
            return Span(node.source.name, *parent.keys[path[-1]])
        return self.node(path).span

    def error(
        self,
        code: str,
        message: str,
        path: Path,
        hint: str = "",
        *,
        at_key: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Notes a finding at the value of a path, or at its key."""
        node = self.node(path)
        span = self.key_span(path) if at_key else node.span
        self.found.append(
            Diagnostic(
                code,
                message,
                span,
                hint,
                severity,
                node.source.line(span.line) if span.file == node.source.name else "",
            )
        )

    def of_jobs(self) -> Severity:
        """How bad it is that a job cannot run: a mistake only where the environment asks for jobs by name."""
        environment = self.spec.environment
        asked = environment is not IMPLICIT and "jobs" in environment.deliver.model_fields_set
        return Severity.ERROR if asked else Severity.WARNING

    def bad_quantity(self, name: str, error: BadQuantity, path: Path) -> None:
        """Notes a value that is no quantity of its unit; the error says what is, behind its semicolon."""
        wrong, advice = told(error)
        self.error("CG204", f"{name}: {wrong}", path, advice)
