"""`capgen simulate`: what an autoscaler would have done with a history of demand."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from capgen.cli.backtest import from_option, over, prometheus_url_option, to_option
from capgen.cli.output import cache_folder, colored, set_option, show_findings, spec_paths, specs_argument, width
from capgen.cli.plan import no_cache_option
from capgen.diagnostics import has_errors
from capgen.errors import UsageError

if TYPE_CHECKING:
    from capgen.api.recorded import Recorded
    from capgen.api.simulate import Circumstances

BUILT = Path("generated")
step_option = click.option(
    "--step", metavar="DURATION", help="How finely the Prometheus is asked for demand; a row holds until the next. [1m]"
)


@click.command("simulate")
@specs_argument
@click.option("--hpa", type=click.Path(path_type=Path), metavar="FILE", help="A manifest instead of specs.")
@click.option("--env", "environment", metavar="NAME", help="The environment of the specs.")
@set_option
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=BUILT,
    show_default=True,
    help="Where the autoscalers of today are, as built.",
)
@click.option(
    "--demand",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV: t in seconds, and what all pods together need: cpu in cores, memory in bytes, other metrics by name; for specs also a folder of <service>/<workload>.csv, or --prometheus instead.",
)
@prometheus_url_option
@from_option
@to_option
@step_option
@no_cache_option
@click.option("--request", "requests", multiple=True, metavar="cpu=500m,memory=512Mi", help="What a pod requests.")
@click.option("--limit", "limits", multiple=True, metavar="cpu=1,memory=1Gi", help="What a pod may use.")
@click.option(
    "--initial", type=click.IntRange(0, 100_000), help="Pods at the start; the autoscaler's minimum if left out."
)
@click.option(
    "--ready-after", metavar="DURATION", help="From a pod's start to ready; as the spec says, or 30s, if left out."
)
@click.option("--sync", default="15s", show_default=True, metavar="DURATION", help="The controller's period.")
@click.option("--metric-window", default="30s", show_default=True, metavar="DURATION", help="What a CPU sample covers.")
@click.option(
    "--sample-after",
    default="0s",
    show_default=True,
    metavar="DURATION",
    help="From a pod's start to its first sample.",
)
@click.option(
    "--metric-delay",
    default="0s",
    show_default=True,
    metavar="DURATION",
    help="How old what the controller sees is: scraping, metrics-server or adapter.",
)
@click.option(
    "--rollout-at",
    "rollout_at",
    multiple=True,
    metavar="DURATION",
    help="So long after the start the workload is rolled out; as the spec says, or never, if left out.",
)
@click.option("--rollout-every", metavar="DURATION", help="It is rolled out again and again.")
@click.option("--max-surge", metavar="PODS", help="How many more pods a rollout may have, like 25% or 1; 25%.")
@click.option("--max-unavailable", metavar="PODS", help="How many fewer may be ready meanwhile; 25%.")
@click.option("--pod-hour", metavar="PRICE", help="What a pod costs an hour; for specs by their own costs if left out.")
@click.option(
    "--ahead", metavar="DURATION", help="Replay those of specs over so much forecast demand, too: its P10, P50 and P90."
)
@click.option(
    "--bound",
    "declared",
    multiple=True,
    metavar="NAME=BOUND",
    help="What the replay of --hpa, or a setting of --advise, has to keep, like 'at_max=< 1h/week'.",
)
@click.option("--advise", is_flag=True, help="Search for the cheapest setting that keeps the bounds.")
@click.option(
    "--vpa",
    multiple=True,
    type=click.Choice(("cpu", "memory")),
    help="Show how --hpa and a VPA that controls this would drive one another.",
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(
    specs: Sequence[Path],
    hpa: Path | None,
    environment: str | None,
    settings: Sequence[str],
    against: Path,
    demand: Path | None,
    prometheus: str | None,
    begin: str | None,
    end: str | None,
    step: str | None,
    no_cache: bool,
    requests: Sequence[str],
    limits: Sequence[str],
    initial: int | None,
    ready_after: str | None,
    sync: str,
    metric_window: str,
    sample_after: str,
    metric_delay: str,
    rollout_at: tuple[str, ...],
    rollout_every: str | None,
    max_surge: str | None,
    max_unavailable: str | None,
    pod_hour: str | None,
    ahead: str | None,
    declared: Sequence[str],
    advise: bool,
    vpa: Sequence[str],
    form: str,
) -> int:
    """Replay autoscalers over a history of demand, by the controller's own algorithm, tick for tick.

    Either the HPA of a manifest, or those of specs (`specs` if left out) beside the ones that were built before; over
    the demand of a file, or for specs as a Prometheus has recorded what their pods used and their signals were.
    Exit code 3 when a bound that a spec declares is not kept.
    """
    from capgen.api import simulate as api
    from capgen.report import simulation as report

    # A replay makes millions of short-lived numbers and no cycles; looking for those costs a fifth of its time.
    gc.disable()
    around = api.Circumstances(
        requests=api.amounts("--request", requests),
        limits=api.amounts("--limit", limits),
        initial=initial,
        ready_after=ready_after,
        sync=sync,
        metric_window=metric_window,
        sample_after=sample_after,
        metric_delay=metric_delay,
        pod_hour=price(pod_hour),
        rollout_at=rollout_at,
        rollout_every=rollout_every,
        max_surge=max_surge,
        max_unavailable=max_unavailable,
    )
    if (hpa is None) == (environment is None) or (hpa and (specs or settings)):
        raise UsageError("name a manifest with --hpa FILE, or specs with --env NAME")
    wanted = dict(_bound(text) for text in declared)
    if vpa and (advise or wanted):
        raise UsageError(
            "--vpa shows what happens, and nothing is bounded or searched there: leave out --bound and --advise"
        )
    if hpa is None and vpa:
        raise UsageError("--vpa is about a manifest: name it with --hpa FILE")
    if hpa is None and wanted and not advise:
        raise UsageError("specs declare their own bounds (simulate): --bound goes with --hpa FILE or --advise")
    if ahead is not None and (hpa is not None or advise):
        raise UsageError("--ahead is about replays of specs: name them with --env NAME")
    if against != BUILT and not against.is_dir():
        raise UsageError(f"there is no folder {against}: `capgen build --out` makes one of the specs as they were")
    asked = recorded(prometheus, begin, end, step, no_cache=no_cache)
    if hpa is not None:
        if demand is None or asked is not None:
            raise UsageError("the demand of a manifest is a file's: name it with --demand FILE")
        if vpa:
            return _beside_vpa(hpa, demand, around, vpa, form)
        if advise:
            return _advise(hpa, demand, around, wanted, form)
        done = api.simulate(hpa, demand, around, wanted)
        found = done.diagnostics
        text = report.as_json(done) if form == "json" else report.as_text(done, color=colored(), width=width())
    else:
        source = demand or asked
        if source is None or (demand and asked):
            raise UsageError("demand is a file's or what a Prometheus recorded: give one of --demand and --prometheus")
        if advise:
            return _advise_specs(spec_paths(specs), environment or "", source, around, settings, wanted, form)
        from capgen.api import replays
        from capgen.api.planning import duration

        compared, found = replays.simulate_specs(
            spec_paths(specs),
            environment or "",
            source,
            around,
            settings=settings,
            against=against,
            ahead=None if ahead is None else duration(ahead, "--ahead"),
        )
        text = (
            report.compared_json(compared, found)
            if form == "json"
            else report.compared_text(compared, color=colored(), width=width())
        )
    show_findings(found, "text", err=True)
    click.echo(text, nl=False, color=True)
    return 3 if has_errors(found) else 0


def _advise(hpa: Path, demand: Path, around: Circumstances, declared: Mapping[str, str], form: str) -> int:
    from capgen.api import simulate as api
    from capgen.report import advice as report

    with _replaying() as on_replay:
        found, said = api.advise(hpa, demand, around, declared, on_replay=on_replay)
    show_findings(said, "text", err=True)
    text = report.as_json(found) if form == "json" else report.as_text(found, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 0 if found.best else 3


def _advise_specs(
    specs: Sequence[Path],
    environment: str,
    demand: Path | Recorded,
    around: Circumstances,
    settings: Sequence[str],
    declared: Mapping[str, str],
    form: str,
) -> int:
    from capgen.api import replays
    from capgen.report import advice as report

    with _replaying() as on_replay:
        found, said = replays.advise_specs(
            specs, environment, demand, around, settings=settings, declared=declared, on_replay=on_replay
        )
    show_findings(said, "text", err=True)
    named = [(f"{case.service}: {case.workload}", advice) for case, advice in found]
    text = report.all_json(named) if form == "json" else report.all_text(named, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 0 if all(advice.best for _, advice in named) else 3


@contextmanager
def _replaying() -> Iterator[Callable[[int], None]]:
    """A bar of replays where somebody looks; what is yielded counts one, of so many at least."""
    watched = sys.stderr.isatty()
    with click.progressbar(length=1, label="replaying", file=sys.stderr) if watched else nullcontext() as bar:

        def on_replay(least: int) -> None:
            if bar is not None:
                bar.length = least
                bar.update(1)

        yield on_replay


def _beside_vpa(hpa: Path, demand: Path, around: Circumstances, controlled: Sequence[str], form: str) -> int:
    from capgen.api import simulate as api
    from capgen.report import conflict as report

    steps, said = api.beside_vpa(hpa, demand, around, controlled)
    show_findings(said, "text", err=True)
    text = report.as_json(steps) if form == "json" else report.as_text(steps, color=colored(), width=width())
    click.echo(text, nl=False, color=True)
    return 3 if report.drives(steps) else 0


def _bound(text: str) -> tuple[str, str]:
    name, _, bound = text.partition("=")
    return name.strip(), bound.strip()


def recorded(
    prometheus: str | None, begin: str | None, end: str | None, step: str | None, *, no_cache: bool
) -> Recorded | None:
    """The demand that a Prometheus has recorded, as the options name it; None where they name none."""
    history = over(prometheus, None, begin, end)
    if history is None:
        if begin or end or step:
            raise UsageError("--from, --to and --step are about what a Prometheus recorded: add --prometheus")
        return None
    from capgen.api.planning import duration
    from capgen.api.recorded import STEP, Recorded

    finely = STEP if step is None else duration(step, "--step")
    return Recorded(history, finely, None if no_cache else cache_folder("history"))


def price(text: str | None) -> Decimal | None:
    """What a pod costs an hour. Raises UsageError for what is no price."""
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or not 0 <= price < 10**9:
        raise UsageError(f"--pod-hour {text!r} is no price; write a number like 0.042")
    return price
