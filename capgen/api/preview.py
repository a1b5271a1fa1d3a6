"""Pictures of dashboards: from specs or from dashboard files, with live or sample data, as HTML and PNG."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from capgen import api, naming, units
from capgen.api.backtest import refuse_password
from capgen.blueprint import Fleet
from capgen.blueprint.dashboards import Dashboard as Model
from capgen.compile.rules import paging_level
from capgen.errors import Refused, TargetError, UsageError
from capgen.preview import sample
from capgen.preview.board import read
from capgen.preview.bundle import bundle
from capgen.preview.chromium import TALLEST, Browser, browser, find
from capgen.preview.content import Content, Theme, content
from capgen.preview.data import DataSource, StandingAlert
from capgen.preview.live import Prometheus
from capgen.preview.page import page
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.deliver import FLEET
from capgen.spec.documents import PrometheusEndpoint

Data = Literal["live", "sample"]
_LABEL = re.compile(r"\{\{\s*\$labels\.(\w+)\s*\}\}")
_PODS = (("-6f7c9-2xkqd", "-6f7c9-8mz4t", "-6f7c9-hw5nr"), ("-0", "-1", "-2"))
"""How the pods of a Deployment are called, and those of a StatefulSet."""
_VALUE = re.compile(r"\{\{[^}]*\}\}")


class Dashboard(Struct, frozen=True):
    """One dashboard to draw: where its files go, below the output folder, and what the browser is given."""

    path: str
    content: Content


def contents(
    paths: Sequence[Path],
    *,
    settings: Sequence[str] = (),
    environments: Sequence[str] = (),
    data: Data = "sample",
    prometheus: str = "",
    theme: Theme = "light",
    now: float | None = None,
) -> tuple[Dashboard, ...]:
    """The dashboards of specs (or of `*.json` files) with their data.

    Live data comes from `prometheus`, else from the Prometheus that the environment names. Raises Findings for invalid
    specs, UsageError for contradicting arguments, TargetError when Prometheus cannot be asked.
    """
    refuse_password(prometheus)
    named = [path for path in paths if path.suffix == ".json"]
    if named and len(named) < len(paths):
        raise UsageError("name either specs or dashboards (*.json): a call draws one of the two")
    found = (
        _of_files(named, data, prometheus, now)
        if named
        else _of_specs(paths, settings, environments, data, prometheus, now)
    )
    drawn = []
    for path, board, source, moment in found:
        drawn.append(Dashboard(path, content(board, source, now=moment, theme=theme)))
    if not drawn:
        raise Refused("the specs compile to no dashboard: say `deliver: {grafana: files}` in the environment")
    return tuple(drawn)


def draw(
    dashboards: Sequence[Dashboard],
    out: Path,
    *,
    cache: Path,
    html: bool = True,
    png: bool = True,
    width: int = 1400,
    height: int | None = None,
) -> Iterator[Path]:
    """Writes the pages and their pictures, and yields each file when it is there.

    Raises CapgenError where node, npm or Chromium is missing, or a page does not draw.
    """
    chromium = find() if png else ""
    app = bundle(cache)
    pages = [(dashboard.path, page(dashboard.content, app)) for dashboard in dashboards]
    if html:
        for path, text in pages:
            yield _written(out / f"{path}.html", text.encode())
    if png:
        with browser(chromium) as driver:
            for path, text in pages:
                yield _written(out / f"{path}.png", _photographed(driver, text, cache, width, height))


def _photographed(driver: Browser, text: str, cache: Path, width: int, height: int | None) -> bytes:
    scratch = cache / f".page-{os.urandom(8).hex()}.html"
    try:
        scratch.write_text(text, encoding="utf-8")
        return driver.picture(scratch, width=width, height=height or TALLEST)
    finally:
        scratch.unlink(missing_ok=True)


_Found = tuple[str, dict[str, object], DataSource, float]


def _of_files(named: Sequence[Path], data: Data, prometheus: str, now: float | None) -> Iterator[_Found]:
    for path in named:
        try:
            board = read(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
        if board is None:
            raise UsageError(f"{path} is no classic dashboard: it needs a list of `panels` at its top")
        source, moment = _source(data, prometheus, (), {}, now)
        yield path.stem, board, source, moment


def _of_specs(
    paths: Sequence[Path],
    settings: Sequence[str],
    environments: Sequence[str],
    data: Data,
    prometheus: str,
    now: float | None,
) -> Iterator[_Found]:
    built = api.build(paths, settings=settings, environments=environments)
    declared = {document.name: model.prometheus for document, model in built.compiled.project.environments}
    for fleet in built.compiled.fleets:
        endpoint = declared.get(fleet.environment)
        own = endpoint.url if endpoint else None
        url = prometheus or own or ""
        if data == "live" and not url:
            raise UsageError(
                "there is no Prometheus to ask: give --prometheus URL, or say `prometheus: {url: …}` in the environment "
                f"{fleet.environment!r}"
            )
        for dashboard in _dashboards(fleet, whole=not built.compiled.partial):
            known = _known(fleet, dashboard.service) if data == "sample" else {}
            alerts = _standing(fleet, dashboard.service, known) if data == "sample" else ()
            source, moment = _source(data, url, alerts, known, now, endpoint if url == own else None)
            # Classic JSON also where v2 is delivered: both say the same, and this is what is drawn here.
            board = classic(dashboard, fleet.delivery.grafana)
            yield f"{fleet.environment}/{_name(dashboard)}", board, source, moment


def _name(dashboard: Model) -> str:
    """The service, or what the fleet's dashboard is called in its folder."""
    return dashboard.service or FLEET + dashboard.uid.removeprefix(f"{naming.PREFIX}-").partition("_")[0]


def _dashboards(fleet: Fleet, *, whole: bool) -> Iterator[Model]:
    for service in fleet.services:
        yield from service.dashboards
    if whole:
        yield from fleet.dashboards


def _source(
    data: Data,
    prometheus: str,
    alerts: Iterable[StandingAlert],
    known: Mapping[str, tuple[str, ...]],
    now: float | None,
    endpoint: PrometheusEndpoint | None = None,
) -> tuple[DataSource, float]:
    if data == "sample":
        return sample.Sample(tuple(alerts), known), sample.NOW
    if not prometheus:
        raise UsageError("there is no Prometheus to ask: give --prometheus URL")
    moment = datetime.now(UTC).timestamp() if now is None else now
    from capgen.history.login import asking

    return Prometheus(prometheus, moment, asking(endpoint)), moment


def _known(fleet: Fleet, service: str) -> dict[str, tuple[str, ...]]:
    """For sample data: what the specs themselves call their services, signals and workloads."""
    members = [blueprint for blueprint in fleet.services if service in ("", blueprint.name)]
    scaled = [hpa for blueprint in members for hpa in blueprint.hpas]
    workloads = [*(hpa.workload for hpa in scaled), *(vpa.workload for blueprint in members for vpa in blueprint.vpas)]
    found = {
        "service": [blueprint.name for blueprint in members],
        "signal": [s.id for blueprint in members for s in blueprint.signals if paging_level(s) is not None],
        "horizontalpodautoscaler": [hpa.name for hpa in scaled],
        "namespace": [workload.namespace for workload in workloads],
        "deployment": [workload.name for workload in workloads if workload.kind == "Deployment"],
        "statefulset": [workload.name for workload in workloads if workload.kind == "StatefulSet"],
        "pod": [f"{workload.name}{end}" for workload in workloads[:1] for end in _PODS[workload.kind == "StatefulSet"]],
    }
    return {label: tuple(dict.fromkeys(names)) for label, names in found.items() if names}


def _standing(fleet: Fleet, service: str, known: Mapping[str, tuple[str, ...]]) -> tuple[StandingAlert, ...]:
    """For sample data: the first alert of each of two signals, one that fires and one that is about to."""
    told: list[StandingAlert] = []
    for blueprint in fleet.services:
        if service not in ("", blueprint.name):
            continue
        for group in blueprint.groups:
            alert = next((one for one in group.alerts if one.kind == "level"), None)
            if group.signal is None or alert is None or (service and len(told) == 2):
                continue
            threshold = next((level.threshold for level in group.signal.levels if level.name == alert.level), 0.0)
            summary = _LABEL.sub(
                lambda match: (known.get(match[1]) or sample.names(match[1]))[0],
                dict(alert.annotations).get("summary", ""),
            )
            summary = _VALUE.sub(units.human(threshold, group.signal.unit), summary)
            state: Literal["firing", "pending"] = "pending" if told else "firing"
            since = sample.NOW - 600 * (2 - len(told) % 2)
            told.append(StandingAlert(alert.name, state, dict(alert.labels), summary, since))
            if not service:
                break
    return tuple(told)


def _written(path: Path, content: bytes) -> Path:
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise TargetError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return path
