"""The differences of two compiled states of a project, as sentences a reviewer reads, each with its risk.

High: somebody is told later or not at all, or a workload may be given less than before. Medium: more pages, other
scaling. Low: everything else. Compared is what was compiled, so a change of the defaults is told for each service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capgen import units
from capgen.blueprint import Blueprint, Fleet, Hpa, HpaMetric, ScalingRules, Signal, Vpa
from capgen.review import around
from capgen.review.risk import Change, Risk, Said


def changes(before: Sequence[Fleet], after: Sequence[Fleet]) -> tuple[Change, ...]:
    """Everything that differs, risk first, then by environment and service."""
    old, new = _services(before), _services(after)
    found: list[Change] = []
    for key in sorted({*old, *new}):
        for risk, text in _service(old.get(key), new.get(key)):
            found.append(Change(risk, *key, text))
    environments = {fleet.environment: fleet for fleet in before}
    for fleet in after:
        if fleet.environment in environments:
            once = environments[fleet.environment]
            found += [Change(risk, fleet.environment, "", text) for risk, text in around.fleet(once, fleet)]
    return tuple(sorted(set(found)))


def _services(fleets: Sequence[Fleet]) -> dict[tuple[str, str], Blueprint]:
    return {(fleet.environment, service.name): service for fleet in fleets for service in fleet.services}


def _service(old: Blueprint | None, new: Blueprint | None) -> Said:
    if new is None:
        yield Risk.HIGH, "the service is gone: nothing of it is watched or scaled any more"
        return
    if old is None:
        alerts = sum(len(group.alerts) for group in new.groups)
        yield Risk.MEDIUM, f"the service is new, with {alerts} alerts and {len(new.hpas)} autoscalers"
        return
    if old.owner != new.owner:
        yield Risk.HIGH, f"pages go to {new.owner or 'nobody'} instead of {old.owner or 'nobody'}"
    yield from _signals({signal.id: signal for signal in old.signals}, {signal.id: signal for signal in new.signals})
    yield from _hpas({hpa.name: hpa for hpa in old.hpas}, {hpa.name: hpa for hpa in new.hpas})
    yield from _vpas({vpa.name: vpa for vpa in old.vpas}, {vpa.name: vpa for vpa in new.vpas})
    before, after = ({scrape.job: scrape for scrape in side.scrapes} for side in (old, new))
    for job in sorted({*before, *after}):
        if job not in after:
            yield Risk.HIGH, f"the job {job} is scraped no more"
        elif job not in before:
            yield Risk.LOW, f"the job {job} is scraped"
        elif before[job].interval != after[job].interval:
            once, now = units.duration(before[job].interval), units.duration(after[job].interval)
            yield Risk.LOW, f"the job {job} is scraped every {now} instead of {once}"
        elif before[job].targets != after[job].targets:
            yield Risk.LOW, f"the job {job} has other targets"
    yield from around.receivers({one.name: one for one in old.receivers}, {one.name: one for one in new.receivers})
    yield from around.other_alerts(old, new)
    yield from around.jobs({job.name: job for job in old.jobs}, {job.name: job for job in new.jobs})
    yield from around.sizes({one.name: one for one in old.sized}, {one.name: one for one in new.sized})


def _signals(old: Mapping[str, Signal], new: Mapping[str, Signal]) -> Said:
    for id_ in sorted({*old, *new}):
        if id_ not in new:
            yield Risk.HIGH, f"{id_} is watched no more"
        elif id_ not in old:
            yield Risk.MEDIUM, f"{id_} is watched"
        else:
            yield from _signal(old[id_], new[id_])


def _signal(old: Signal, new: Signal) -> Said:
    before, after = ({level.name: level for level in side.levels} for side in (old, new))
    for name in sorted({*before, *after}, key=lambda n: (after.get(n) or before[n]).rank):
        if name not in after:
            yield Risk.HIGH, f"{new.id} has no level {name} any more"
            continue
        now = units.human(after[name].threshold, new.unit)
        if name not in before:
            yield Risk.MEDIUM, f"{new.id} has a level {name}, from {now} on"
            continue
        if before[name].threshold != after[name].threshold:
            later = (after[name].threshold > before[name].threshold) == (new.worse == "above")
            once = units.human(before[name].threshold, old.unit)
            yield (Risk.HIGH if later else Risk.MEDIUM), f"{new.id} is {name} from {now} on instead of {once}"
        if before[name].severity != after[name].severity:
            told = after[name].severity or "nobody is told"
            yield Risk.HIGH, f"{new.id} at {name}: {told} instead of {before[name].severity or 'nobody was told'}"
    for what, once_, now_, quieter in (
        ("has to stand", old.for_, new.for_, new.for_ > old.for_),
        ("goes on firing", old.keep_firing_for, new.keep_firing_for, False),
        ("is measured over", old.window, new.window, False),
    ):
        if once_ != now_:
            sentence = f"{new.id} {what} {units.duration(now_)} instead of {units.duration(once_)}"
            yield (Risk.HIGH if quieter else Risk.MEDIUM), sentence
    if old.min_traffic != new.min_traffic:
        once, now = units.human(old.min_traffic, "per_second"), units.human(new.min_traffic, "per_second")
        quieter = new.min_traffic > old.min_traffic
        yield (Risk.HIGH if quieter else Risk.MEDIUM), f"{new.id} counts from {now} on instead of {once}"
    if old.hysteresis != new.hysteresis:
        once, now = units.human(old.hysteresis, old.unit), units.human(new.hysteresis, new.unit)
        yield Risk.LOW, f"{new.id} lets go {now} beyond a level instead of {once}"
    if old.expr != new.expr:
        yield Risk.MEDIUM, f"{new.id} is measured by another expression"


def _hpas(old: Mapping[str, Hpa], new: Mapping[str, Hpa]) -> Said:
    for name in sorted({*old, *new}):
        if name not in new:
            yield Risk.HIGH, f"{old[name].workload.name} has no autoscaler any more"
        elif name not in old:
            hpa = new[name]
            yield Risk.MEDIUM, f"{hpa.workload.name} is scaled from {hpa.min_replicas} to {hpa.max_replicas} replicas"
        else:
            yield from _hpa(old[name], new[name])


def _hpa(old: Hpa, new: Hpa) -> Said:
    name = new.workload.name
    for what, once, now in (
        ("at least", old.min_replicas, new.min_replicas),
        ("at most", old.max_replicas, new.max_replicas),
    ):
        if once != now:
            yield (Risk.HIGH if now < once else Risk.MEDIUM), f"{name} has {what} {now} replicas instead of {once}"
    before, after = ({_metric(metric): metric for metric in side.metrics} for side in (old, new))
    for metric in sorted({*before, *after}):
        if metric not in after:
            yield Risk.HIGH, f"{name} is scaled no more by {metric}"
        elif metric not in before:
            yield Risk.MEDIUM, f"{name} is scaled by {metric} too, at {_amount(after[metric])}"
        elif before[metric].target != after[metric].target:
            yield (
                Risk.MEDIUM,
                f"{name} aims at {_amount(after[metric])} of {metric} instead of {_amount(before[metric])}",
            )
    for what, before_, after_ in (("up", old.scale_up, new.scale_up), ("down", old.scale_down, new.scale_down)):
        if before_ != after_:
            yield Risk.MEDIUM, f"{name} scales {what} {_rules(after_)} instead of {_rules(before_)}"


def _metric(metric: HpaMetric) -> str:
    where = f" of the container {metric.container}" if metric.container else ""
    return f"{metric.signal or metric.name}{where}"


def _amount(metric: HpaMetric) -> str:
    match metric.target_type:
        case "Utilization":
            return f"{metric.target}%"
        case "AverageValue":
            return f"{metric.target} a pod"
        case _:
            return metric.target


def _rules(rules: ScalingRules | None) -> str:
    if rules is None:
        return "by Kubernetes' defaults"
    said = [f"{p.value}{'%' if p.type == 'Percent' else ' pods'} in {units.duration(p.period)}" for p in rules.policies]
    if rules.select == "Disabled":
        return "never"
    words = [f" {'and' if rules.select == 'Min' else 'or'} ".join(said)] if said else []
    if rules.stabilization is not None:
        words.append(f"after {units.duration(rules.stabilization)}")
    if rules.tolerance is not None:
        words.append(f"beyond a tolerance of {rules.tolerance}")
    return " ".join(words) or "by Kubernetes' defaults"


def _vpas(old: Mapping[str, Vpa], new: Mapping[str, Vpa]) -> Said:
    for name in sorted({*old, *new}):
        once = old[name].mode if name in old else "none"
        now = new[name].mode if name in new else "none"
        if once != now:
            risk = Risk.HIGH if now in ("Recreate", "InPlaceOrRecreate") else Risk.LOW
            yield (
                risk,
                f"requests of {(new.get(name) or old[name]).workload.name} are chosen by a VPA in mode {now} instead of {once}",
            )
        elif old[name].containers != new[name].containers:
            yield Risk.MEDIUM, f"the VPA of {new[name].workload.name} has other bounds"
