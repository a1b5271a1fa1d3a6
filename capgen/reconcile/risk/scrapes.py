"""Risks of what is scraped: a target, a job or a port less, or looked at less often, or samples that are dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from capgen.reconcile.plan import ABSENT, FieldChange
from capgen.reconcile.risk.rules import seconds

_KINDS = ("ScrapeConfig", "ServiceMonitor", "PodMonitor", "Prometheus")
_JOB = re.compile(r"\.(?:scrape_configs|endpoints)\[(?P<name>[^\]]*)\](?P<rest>.*)$")
_STATIC = re.compile(r"\.static_?[cC]onfigs\[\d+\]")
_INTERVALS = (".scrapeInterval", ".scrape_interval", ".interval", ".evaluation_interval")
_RELABELS = re.compile(r"[rR]elabel(?:ing|_config)")
_LIMITS = ("sampleLimit", "sample_limit", "targetLimit", "target_limit", "bodySizeLimit", "body_size_limit")
_OTHER_PLACE = (".port", ".targetPort", ".path", ".metricsPath", ".metrics_path", ".scheme")


def risks(kind: str, field: FieldChange) -> Iterator[tuple[str, str]]:
    """What is risky about a field of a scrape file, a prometheus.yml, a ScrapeConfig or a monitor."""
    job = _JOB.search(field.path)
    if kind not in _KINDS and not (job and ".scrape_configs[" in field.path):
        return
    old, new, name = field.old, field.new, job["name"] if job else ""
    rest = job["rest"] if job else field.path
    if job and not rest:
        if new is ABSENT:
            yield "narrows what is scraped, gone is the job:", name
    elif (_STATIC.search(rest) or ".alerting" in rest or "_files[" in rest) and old is not ABSENT:
        yield from _targets(rest, old, new, name)
    elif rest.endswith(_INTERVALS) and seconds(new) > seconds(old) > 0:
        verb = "evaluates" if "evaluation" in rest else "scrapes"
        yield f"{verb} less often, every {new} and no longer every {old}", name
    elif _RELABELS.search(rest):
        if _drops(new):
            yield f"drops more of what is scraped: {_short(new)}", name
    elif rest.rpartition(".")[2] in _LIMITS and new is not ABSENT and (old is ABSENT or str(new) != str(old)):
        yield f"scrapes nothing of what has more than {new} ({rest.rpartition('.')[2]})", name
    elif rest.endswith(_OTHER_PLACE) and old is not ABSENT:
        yield f"scrapes another place, {_short(new)} and no longer {_short(old)}", name
    elif ".selector" in rest or ".namespaceSelector" in rest:
        if old is ABSENT or new is ABSENT or isinstance(old, str):
            yield f"narrows what is scraped: {rest} is {_short(new)} and no longer {_short(old)}", name
    elif new is ABSENT and rest.startswith(".spec."):
        yield f"narrows what is scraped: {rest} goes", name


def _targets(rest: str, old: Any, new: Any, name: str) -> Iterator[tuple[str, str]]:
    if ".labels" in rest:
        return
    lost = [_short(one) for one in _scalars(old) if one not in _scalars(new)]
    verb = (
        "tells no more"
        if ".alerting" in rest
        else "reads no more"
        if "_files[" in rest
        else "narrows what is scraped: gone is"
    )
    for one in lost:
        yield f"{verb} {one}", name


def _scalars(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [one for key, child in value.items() if key != "labels" for one in _scalars(child)]
    if isinstance(value, list):
        return [one for item in value for one in _scalars(item)]
    return [value] if isinstance(value, str) else []


def _drops(value: Any) -> bool:
    if isinstance(value, list):
        return any(_drops(item) for item in value)
    if isinstance(value, Mapping):
        return value.get("action") in ("drop", "keep", "dropequal", "keepequal")
    return value in ("drop", "keep", "dropequal", "keepequal")


def _short(value: Any) -> str:
    return "nothing" if value is ABSENT else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
