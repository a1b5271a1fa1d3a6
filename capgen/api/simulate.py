"""Replays: what an autoscaler would have done with a history of demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from capgen import units
from capgen.api.reading import content_of, read_sources
from capgen.diagnostics import Diagnostic, Severity, has_errors, in_order
from capgen.errors import Findings, UsageError
from capgen.yamlio import MAX_BYTES, Source

if TYPE_CHECKING:
    from capgen.simulate.advice import Advice
    from capgen.simulate.autoscaler import Autoscaler
    from capgen.simulate.conflict import Step
    from capgen.simulate.demand import Demand
    from capgen.simulate.pods import Model, Rollouts, Share
    from capgen.simulate.result import Simulation, Summary

MOST_BYTES = 1 << 30


READY_AFTER, FENCE = "30s", "25%"
"""What holds unless somebody says otherwise: from a pod's start to ready, and how many more and fewer in a rollout."""
_OFTENEST = 60 * 10**9


class Circumstances(Struct, frozen=True):
    """What stands around the autoscaler, as the command line writes it. Requests and limits of a pod in thousandths.

    What is None is as the spec says, or as usual.
    """

    requests: Mapping[str, int]
    limits: Mapping[str, int]
    initial: int | None = None
    ready_after: str | None = None
    sync: str = "15s"
    metric_window: str = "30s"
    sample_after: str = "0s"
    metric_delay: str = "0s"
    pod_hour: Decimal | None = None
    rollout_at: tuple[str, ...] = ()
    rollout_every: str | None = None
    max_surge: str | None = None
    max_unavailable: str | None = None

    def rollouts(self) -> Rollouts | None:
        """When the workload is rolled out and how; None for never. Raises UsageError for what is no such thing."""
        from capgen.simulate.pods import Rollouts

        surge = _pods("--max-surge", self.max_surge or FENCE)
        unavailable = _pods("--max-unavailable", self.max_unavailable or FENCE)
        if not (surge.amount or unavailable.amount):
            raise UsageError(
                "a rollout with neither a surge nor pods that may be unavailable never ends: allow 1 of either"
            )
        at = tuple(_nanoseconds("--rollout-at", text) for text in self.rollout_at)
        every = self.rollout_every and _nanoseconds("--rollout-every", self.rollout_every, least=_OFTENEST)
        return Rollouts(at, every or 0, surge, unavailable) if at or every else None

    def nanoseconds(self) -> dict[str, int]:
        """The times. Raises UsageError for what is none."""
        return {
            "sync": _nanoseconds("--sync", self.sync, least=1),
            "window": _nanoseconds("--metric-window", self.metric_window),
            "ready_after": _nanoseconds("--ready-after", self.ready_after or READY_AFTER),
            "sample_after": _nanoseconds("--sample-after", self.sample_after) + self.delay(),
        }

    def delay(self) -> int:
        """How old what the controller sees is, nanoseconds. Raises UsageError."""
        return _nanoseconds("--metric-delay", self.metric_delay)


def simulate(hpa: Path, demand: Path, around: Circumstances, declared: Mapping[str, str] | None = None) -> Simulation:
    """The replay of an HPA manifest over the demand of a CSV file, with a finding for each bound that is not kept.

    Raises Findings for what is wrong in either file, UsageError for bad arguments.
    """
    from capgen.simulate.bounds import broken, check

    check(declared or {})
    autoscaler, known, found = _read(hpa, demand, around)
    done = replayed(autoscaler, known, demand, around)
    hint = "change replicas, targets or scaling until the replay keeps it; --advise searches for such a setting"
    lost = [Diagnostic("CG927", message, None, hint) for _, message in broken(declared or {}, done.summary)]
    return replace(done, diagnostics=in_order((*found, *done.diagnostics, *lost)))


def _read(hpa: Path, demand: Path, around: Circumstances) -> tuple[Autoscaler, Demand, tuple[Diagnostic, ...]]:
    from capgen.simulate import manifest

    sync, _ = around.nanoseconds()["sync"], around.rollouts()
    autoscaler, found = manifest.read(_manifest(hpa))
    known, problems = read_demand(demand, sync)
    found = in_order((*found, *problems))
    if autoscaler is None or known is None or has_errors(found):
        raise Findings(found)
    return autoscaler, known, found


def advise(
    hpa: Path,
    demand: Path,
    around: Circumstances,
    declared: Mapping[str, str],
    *,
    on_replay: Callable[[int], None] = lambda _: None,
) -> tuple[Advice, tuple[Diagnostic, ...]]:
    """The cheapest setting of an HPA manifest that keeps the bounds over the demand, and what others would have cost.

    `on_replay` is called after each replay with how many there are at least. Raises as `simulate`, and UsageError for
    bounds that are none.
    """
    check_declared(declared)
    today, known, found = _read(hpa, demand, around)
    advice, said = search(today, known, demand, around, declared, on_replay)
    return advice, in_order((*found, *said))


def check_declared(declared: Mapping[str, str]) -> None:
    """Raises UsageError for bounds that are none, and when there are none at all."""
    from capgen.simulate.bounds import check

    check(declared)
    if not declared:
        raise UsageError(
            "the cheapest setting of all is none: say what it has to keep, like --bound 'at_max=< 1h/week'"
        )


def search(
    today: Autoscaler,
    known: Demand,
    demand: Path | None,
    around: Circumstances,
    declared: Mapping[str, str],
    on_replay: Callable[[int], None],
) -> tuple[Advice, tuple[Diagnostic, ...]]:
    """The search around a setting that is known, over demand that was read."""
    from capgen.simulate import advice
    from capgen.simulate.result import summarise

    around = around if around.initial is not None else replace(around, initial=max(today.minimum, 1))
    least = advice.runs(today)
    said: list[Diagnostic] = []
    at_ticks = known.at_ticks(around.nanoseconds()["sync"])

    def tried(candidate: Autoscaler) -> Summary:
        done = replayed(candidate, known, demand, around)
        # What was cut off while it was recorded was so under the setting of today, and not under one that is tried.
        said.extend(done.diagnostics if candidate == today else ())
        on_replay(least)
        judged = replace(today, maximum=candidate.maximum)
        return summarise(judged, done.model, at_ticks, done.replay, limits=around.limits, pod_hour=around.pod_hour)

    return advice.advise(today, declared, tried), in_order(said)


def beside_vpa(
    hpa: Path, demand: Path, around: Circumstances, controlled: Sequence[str]
) -> tuple[tuple[Step, ...], tuple[Diagnostic, ...]]:
    """How an HPA and a VPA that controls these resources would drive one another. Raises as `simulate`."""
    from capgen.simulate.conflict import unfold

    autoscaler, known, found = _read(hpa, demand, around)
    model = _model(autoscaler, around)
    if model.rollouts is not None:
        raise UsageError("rollouts are not replayed beside a VPA: leave out --vpa or the rollouts")
    found = (*found, *_failing(autoscaler, known, demand, around))
    said, acted_on = list(found), []
    for name in controlled:
        if name in known.columns and name in around.requests:
            acted_on.append(name)
            continue
        missing = "what its pods request" if name in known.columns else "what its pods use"
        hint = f"add --request {name}=…" if name in known.columns else f"give {demand} a column {name}"
        told = f"the VPA leaves {name} alone, since nobody says {missing}"
        said.append(Diagnostic("CG934", told, None, hint, Severity.WARNING))
    return unfold(autoscaler, model, known.at_ticks(model.sync), controlled=tuple(acted_on)), in_order(said)


def _failing(
    autoscaler: Autoscaler, known: Demand, demand: Path | None, around: Circumstances
) -> tuple[Diagnostic, ...]:
    """What to say of metrics that fail at every tick. Raises Findings where that leaves none."""
    from capgen.simulate.demand import unread

    metrics, measured = autoscaler.metrics, known.measured
    unsized = [one for one in metrics if one.target_type == "Utilization" and not around.requests.get(one.name)]
    found = _without_request(sorted({metric.name for metric in unsized}))
    if demand is not None:
        found = (*unread(demand.as_posix(), known, [metric.name for metric in metrics]), *found)
    if all(metric.name not in measured or metric in unsized for metric in metrics):
        raise Findings(in_order(replace(one, severity=Severity.ERROR) for one in found))
    return found


def replayed(autoscaler: Autoscaler, known: Demand, demand: Path | None, around: Circumstances) -> Simulation:
    """The replay of an autoscaler over demand, whose file is named where it is from one. Raises Findings where nothing
    can be replayed."""
    from capgen.simulate.censored import censored
    from capgen.simulate.replay import replay
    from capgen.simulate.result import Simulation, summarise

    found = _failing(autoscaler, known, demand, around)
    model = _model(autoscaler, around)
    at_ticks = known.at_ticks(model.sync)
    if not model.initial:
        hint = "give --initial 1 or more, unless that is what you ask"
        found = (
            *found,
            Diagnostic(
                "CG935",
                "the replay starts without pods, and an autoscaler leaves alone what somebody else scaled to nothing",
                None,
                hint,
                Severity.WARNING,
            ),
        )
    found = (*found, *censored(autoscaler, model, at_ticks, around.limits))
    done = replay(autoscaler, model, known.at_ticks(model.sync, around.delay()) if around.delay() else at_ticks)
    summary = summarise(autoscaler, model, at_ticks, done, limits=around.limits, pod_hour=around.pod_hour)
    return Simulation(autoscaler, model, done, summary, in_order(found))


def _model(autoscaler: Autoscaler, around: Circumstances) -> Model:
    from capgen.simulate.pods import Model

    initial = max(autoscaler.minimum, 1) if around.initial is None else around.initial
    times = around.nanoseconds()
    return Model(
        initial, times["ready_after"], around.requests, times["sync"], times["window"], times["sample_after"],
        around.rollouts(),
    )  # fmt: skip


def read_demand(path: Path, sync: int) -> tuple[Demand | None, tuple[Diagnostic, ...]]:
    """The demand of a CSV file, or what is wrong with it. Raises UsageError when there is no such file."""
    from capgen.simulate import demand as series

    return series.read(path.as_posix(), _text(path), sync=sync)


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


def _without_request(names: Sequence[str]) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(
            "CG926",
            f"the target for {name} is a share of the request, and no request is given: the metric fails at every tick",
            None,
            f"add --request {name}=…, as the pods have it",
            Severity.WARNING,
        )
        for name in names
    )


def _manifest(path: Path) -> Source:
    if path.is_file():
        return read_sources([path])[0]
    raw = content_of(path, MAX_BYTES, "name a manifest, as `kubectl get hpa.v2.autoscaling NAME -o yaml` prints it")
    return Source(path.as_posix(), raw.decode("utf-8", errors="surrogateescape"))


def _text(path: Path) -> str:
    raw = content_of(path, MOST_BYTES, "give the demand as CSV with the columns t, cpu, memory, …")
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES >> 20:,} MiB: leave out rows in which nothing changes")
    return raw.decode("utf-8", errors="replace")


def _pods(option: str, text: str) -> Share:
    from capgen.simulate.pods import Share

    digits = text.removesuffix("%")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        raise UsageError(f"{option} {text!r}: write a number of pods or percent of them, like 1 or 25%")
    return Share(int(digits), of_hundred=text.endswith("%"))


def _nanoseconds(option: str, text: str, *, least: int = 0) -> int:
    try:
        value = units.parse_exact(text, "seconds")
    except units.BadQuantity as error:
        raise UsageError(f"{option}: {error}") from error
    nanoseconds = int(value * 10**9)
    if not least <= nanoseconds <= 10**9 * 86400 * 365:
        raise UsageError(f"{option}: {text} is out of range")
    return nanoseconds
