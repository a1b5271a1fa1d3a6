"""Replays: what an autoscaler would have done with a history of demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from capgen import units
from capgen.api.reading import read_sources
from capgen.diagnostics import Diagnostic, has_errors, in_order
from capgen.errors import Findings, TargetError, UsageError

if TYPE_CHECKING:
    from capgen.simulate.autoscaler import Autoscaler
    from capgen.simulate.result import Simulation

MOST_BYTES = 1 << 30


def simulate(
    hpa: Path,
    demand: Path,
    *,
    requests: Mapping[str, int],
    limits: Mapping[str, int] | None = None,
    initial: int | None = None,
    ready_after: str = "30s",
    sync: str = "15s",
    metric_window: str = "30s",
    sample_after: str = "0s",
    pod_hour: Decimal | None = None,
) -> Simulation:
    """The replay of an HPA manifest over the demand of a CSV file. Requests and limits of a pod are in thousandths.

    Raises Findings for what is wrong in either file, UsageError for bad arguments.
    """
    from capgen.simulate import demand as series
    from capgen.simulate import manifest
    from capgen.simulate.pods import Model
    from capgen.simulate.replay import replay
    from capgen.simulate.result import Simulation, summarise

    step, window = _nanoseconds("--sync", sync, least=1), _nanoseconds("--metric-window", metric_window)
    start_up, unseen = _nanoseconds("--ready-after", ready_after), _nanoseconds("--sample-after", sample_after)
    autoscaler, found = manifest.read(read_sources([hpa])[0])
    text = _text(demand)
    known, problems = series.read(demand.as_posix(), text, sync=step)
    found = (*found, *problems)
    if autoscaler is not None and known is not None:
        names = [metric.name for metric in autoscaler.metrics]
        found = (*found, *series.unread(demand.as_posix(), text.partition("\n")[0].strip(), names, known.columns))
    found = (*found, *_without_request(autoscaler, requests)) if autoscaler else found
    if autoscaler is None or known is None or has_errors(found):
        raise Findings(in_order(found))
    model = Model(
        initial=max(autoscaler.minimum, 1) if initial is None else initial,
        ready_after=start_up,
        requests=requests,
        sync=step,
        window=window,
        sample_after=unseen,
    )
    at_ticks = known.at_ticks(step)
    replayed = replay(autoscaler, model, at_ticks)
    summary = summarise(autoscaler, model, at_ticks, replayed, limits=limits or {}, pod_hour=pod_hour)
    return Simulation(autoscaler, model, replayed, summary, in_order(found))


def amounts(option: str, given: Sequence[str]) -> dict[str, int]:
    """`cpu=500m,memory=512Mi` in thousandths. Raises UsageError."""
    from capgen.simulate import quantity

    found: dict[str, int] = {}
    for part in (part.strip() for one in given for part in one.split(",")):
        name, equals, amount = part.partition("=")
        if not (equals and name and amount) or name in found:
            raise UsageError(f"{option} {part!r}: write each resource once with its amount, like cpu=500m,memory=512Mi")
        try:
            found[name] = quantity.milli(amount)
        except ValueError as error:
            raise UsageError(f"{option} {part!r}: {error}") from error
        if found[name] <= 0:
            raise UsageError(f"{option} {part!r}: it has to be above 0")
    return found


def _without_request(hpa: Autoscaler, requests: Mapping[str, int]) -> tuple[Diagnostic, ...]:
    from capgen.diagnostics import Severity

    without = sorted(
        {metric.name for metric in hpa.metrics if metric.target_type == "Utilization" and metric.name not in requests}
    )
    severity = Severity.ERROR if len(without) == len({metric.name for metric in hpa.metrics}) else Severity.WARNING
    return tuple(
        Diagnostic(
            "CG926",
            f"the target for {name} is a share of the request, and no request is given: the metric fails at every tick",
            None,
            f"add --request {name}=…, as the pods have it",
            severity,
        )
        for name in without
    )


def _text(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"there is no file {path}: give the demand as CSV with the columns t, cpu, memory, …")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is larger than {MOST_BYTES >> 20:,} MiB: leave out rows in which nothing changes")
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror or error}") from error


def _nanoseconds(option: str, text: str, *, least: int = 0) -> int:
    try:
        value = units.parse_exact(text, "seconds")
    except units.BadQuantity as error:
        raise UsageError(f"{option}: {error}") from error
    nanoseconds = int(value * 10**9)
    if not least <= nanoseconds <= 10**9 * 86400 * 365:
        raise UsageError(f"{option}: {text} is out of range")
    return nanoseconds
