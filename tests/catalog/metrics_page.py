"""Holds a catalogue file against a real /metrics page: what it says of names, types, labels and versions.

A wrong fact in the catalogue compiles to a rule that is silently dead, so facts are compared with what an
exporter prints and not with what somebody remembers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from capgen.catalog.model import Exporter, Metric

_TYPE = re.compile(r"^# TYPE (\S+) (\S+)\s*$", re.MULTILINE)
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_OWN_LABELS = frozenset(("le", "quantile"))


@dataclass(frozen=True)
class Family:
    """A metric family as a page shows it.

    `labels` has each set of label names that some series of it has, `filled` the labels that are not always empty:
    to Prometheus an empty label is none at all.
    """

    type: str
    labels: frozenset[frozenset[str]]
    filled: frozenset[str]


def families(page: str) -> dict[str, Family]:
    """The families of a page by the name in their TYPE line, and the parts of histograms and summaries by theirs.

    Series without a TYPE line are untyped.
    """
    types = dict(_TYPE.findall(page))
    whole = {name + part: name for name, kind in types.items() for part in _PARTS.get(kind, ())}
    labels: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    # The parser renames counters to the OpenMetrics fashion (it adds or strips `_total`); untyped series it leaves alone.
    for series in text_string_to_metric_families(_TYPE.sub("", page)):
        for sample in series.samples:
            labels[sample.name].append(sample.labels)
            name = whole.get(sample.name, sample.name)
            if types.get(name) in _PARTS:
                labels[name + " "].append({k: v for k, v in sample.labels.items() if k not in _OWN_LABELS})
    shown = {
        name: _family("counter" if name in whole else types.get(name, "untyped"), sets) for name, sets in labels.items()
    }
    return shown | {name[:-1]: _family(types[name[:-1]], sets) for name, sets in labels.items() if name.endswith(" ")}


def _family(kind: str, labels: list[dict[str, str]]) -> Family:
    filled = frozenset(name for series in labels for name, value in series.items() if value)
    return Family(kind, frozenset(frozenset(series) for series in labels), filled)


def disagreements(
    exporter: Exporter,
    page: str,
    version: str | None = None,
    *,
    job: str | None = None,
    flags: Collection[str] = (),
    also: Collection[str] = (),
) -> list[str]:
    """Where the catalogue and the page of that exporter version differ; [] is what a test wants.

    `flags` are those (as the catalogue spells them) that the exporter was started with, `also` the metrics that
    have to be on the page beside the required ones, because the test saw to it. `job` narrows the comparison to
    the metrics of one of the exporter's jobs.
    """
    shown = families(page)
    unknown = [f"{name} is no metric of the catalogue" for name in sorted(set(also) - set(exporter.metrics))]
    declared = {name: metric for name, metric in exporter.metrics.items() if metric.job == job}
    return unknown + [
        f"{name} {message}"
        for name, metric in sorted(declared.items())
        for message in _differences(
            name, metric, shown, version, flags, wanted=name in also, open_labels=exporter.open_labels
        )
    ]


def unseen(exporter: Exporter, pages: Iterable[str], version: str | None, *, flags: Collection[str] = ()) -> set[str]:
    """The metrics that an exporter of that version, started with these flags, should give and no page shows.

    `disagreements` lets a metric be that is not required: a fact about a metric that nobody has seen proves nothing, so
    a test says why each of these is not there.
    """
    shown = {name for page in pages for name in families(page)}
    return {
        name
        for name, metric in exporter.metrics.items()
        if name not in shown and within(version, metric) and (not metric.flag or metric.flag in flags)
    }


def _differences(
    name: str,
    metric: Metric,
    shown: Mapping[str, Family],
    version: str | None,
    flags: Collection[str],
    *,
    wanted: bool,
    open_labels: bool,
) -> Iterator[str]:
    family = shown.get(name)
    given = within(version, metric) and (not metric.flag or metric.flag in flags)
    if family is None:
        if wanted or (given and metric.required):
            yield "is not on the page"
        return
    if not within(version, metric):
        yield f"is on the page of {version}, but the catalogue says since {metric.since}, until {metric.until}"
    if metric.flag and metric.flag not in flags:
        yield f"is on the page without {metric.flag}"
    if family.type != metric.type:
        yield f"is a {family.type}, not a {metric.type}"
    for labels in sorted(family.labels, key=sorted):
        if missing := set(metric.labels) - labels:
            yield f"has a series with {sorted(labels)}, without {sorted(missing)}"
    if (more := family.filled - set(metric.labels)) and not open_labels:
        yield f"has the labels {sorted(more)} too"


def within(version: str | None, metric: Metric) -> bool:
    """Whether a version lies within the metric's own; without a version, whether the metric has no bounds."""
    if version is None:
        return metric.since is None and metric.until is None
    at = _numbers(version)
    return (metric.since is None or at >= _numbers(metric.since)) and (
        metric.until is None or at <= _numbers(metric.until)
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
