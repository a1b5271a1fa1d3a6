"""The last row: which spec this comes from, whose it is, and all its levels in one table."""

from __future__ import annotations

from collections.abc import Sequence

from capgen import markdown, units
from capgen.blueprint import Signal
from capgen.blueprint.dashboards import Panel
from capgen.compile.dashboards.signals import address


def provenance_panel(
    id_: int, *, spec: str, title: str, owner: str, runbook: str, environment: str, signals: Sequence[Signal]
) -> Panel:
    """A text. The spec's digest is not in it: it would change with every comment."""
    about = [f"**{markdown.inline(title)}**", f"environment {environment}"]
    about += [f"owner {markdown.inline(owner)}"] if owner else []
    about += [f"[runbook]({address(runbook)})"] if runbook.startswith(("http://", "https://")) else []
    about += [f"spec `{spec.replace('`', chr(39))}`" if spec.isprintable() else ""]
    rows = [_row(signal) for signal in signals if signal.levels]
    table = ["", "| signal | levels | for |", "| --- | --- | --- |", *rows] if rows else []
    return Panel(
        key="provenance", id=id_, type="text", title="Where this comes from",
        description="The spec, who owns it, and where each signal gets worse.\n\nWhat to do: change the spec and run `capgen build`; what is changed here is overwritten.",
        width=24, height=12, content="\n".join((" - ".join(part for part in about if part), *table)),
    )  # fmt: skip


def _row(signal: Signal) -> str:
    side = "from" if signal.worse == "above" else "down to"
    told = ", ".join(
        f"{level.name.replace('_', ' ')} {side} {units.human(level.threshold, signal.unit)}" for level in signal.levels
    )
    return f"| {markdown.inline(signal.title)} (`{signal.id}`) | {told} | {units.duration(signal.for_)} |"
