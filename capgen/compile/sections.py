"""Which part of a dashboard or page a signal belongs to: what the catalogue says, or else its nature."""

from __future__ import annotations

from capgen.catalog.model import Exporter, Section, SignalDef


def section_of(exporter: Exporter, definition: SignalDef | None, unit: str, ladder: str) -> Section:
    """The section of a signal; `definition` is None for one of the spec's own."""
    if definition is not None and definition.section is not None:
        return definition.section
    if exporter.section is not None:
        return exporter.section
    if unit == "seconds":
        return "latency"
    if definition is None or ladder in ("load", "quality"):
        return "demand"
    return "system"


def is_detail(definition: SignalDef | None, *, named: bool, levelled: bool, section: Section) -> bool:
    """Whether the signal is shown only when its row is opened. What the spec speaks of is always in sight; what has
    no level is not, except for the demand, which is read together."""
    if named and levelled:
        return False
    if section == "demand":
        return False
    return not levelled or (definition is not None and definition.detail)
