"""A service compiled from text, without a file: what comes of it, and what is said about it."""

from __future__ import annotations

import re

from capgen.blueprint import Alert, Blueprint, Fleet, Record, Signal
from capgen.catalog.load import Catalog
from capgen.check.scaling import check_scaling
from capgen.compile.fleet import assemble, facts
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import parse_project, specs
from capgen.yamlio import Source

CATALOG = Catalog()
HEAD = "apiVersion: capgen/v1\nkind: Capacity\n"
PARTS = {
    "metadata": "metadata: {name: shop}\n",
    "sources": 'sources: {host: {exporter: node, targets: ["a:9100"]}, app: {exporter: http, targets: ["a:80"]}}\n',
}
_MARK = re.compile("»(.*?)«", re.DOTALL)


def document(text: str) -> str:
    """A Capacity: the text, with a name and two sources unless it brings its own."""
    given = {line.partition(":")[0] for line in text.splitlines()}
    return HEAD + "".join(part for key, part in PARTS.items() if key not in given) + text + "\n"


def compiled(*texts: str, settings: tuple[str, ...] = ()) -> tuple[tuple[Blueprint, ...], tuple[Diagnostic, ...]]:
    """The blueprints of documents (without `apiVersion` they are parts of a Capacity), and all findings."""
    whole = [text if text.startswith("apiVersion") else document(text) for text in texts]
    project, found = parse_project(Source(f"{n}.yaml", text, f"{n}.yaml") for n, text in enumerate(whole))
    layered, problems = specs(project, settings)
    blueprints = []
    for spec in layered:
        blueprint, more = compile_spec(spec, CATALOG)
        problems = (*problems, *more)
        blueprints += [blueprint] if blueprint else []
    return tuple(blueprints), (*found, *problems)


def service(*texts: str, settings: tuple[str, ...] = ()) -> Blueprint:
    """The one service of the documents, which have no mistake."""
    blueprints, found = compiled(*texts, settings=settings)
    assert found == ()
    (blueprint,) = blueprints
    return blueprint


def fleet(*texts: str) -> tuple[Fleet, tuple[Diagnostic, ...]]:
    """The services of the documents side by side."""
    blueprints, found = compiled(*texts)
    assert found == ()
    together, problems = assemble([facts(one) for one in blueprints], CATALOG.ladders, blueprints)
    assert together is not None
    return together, problems


def said(text: str) -> list[tuple[str, str]]:
    """Code and marked text of each finding, also of the checks on autoscalers; `»…«` in the text is left out."""
    plain = document(_MARK.sub(r"\1", text))
    project, found = parse_project([Source("shop.yaml", plain, "shop.yaml")])
    layered, problems = specs(project)
    found = (*found, *problems)
    for spec in layered:
        blueprint, problems = compile_spec(spec, CATALOG)
        found = (*found, *problems, *(check_scaling(spec, blueprint) if blueprint else ()))
    return [(finding.code, pointed(plain, finding)) for finding in found]


def marked(text: str) -> list[str]:
    """What stands between » and « in a text."""
    return _MARK.findall(text)


def pointed(text: str, finding: Diagnostic) -> str:
    """The piece of the text that a finding points at (to the end of its first line)."""
    assert finding.span is not None
    line = text.splitlines()[finding.span.line - 1]
    end = finding.span.end_column - 1 if finding.span.end_line == finding.span.line else None
    return line[finding.span.column - 1 : end]


def signal(blueprint: Blueprint, id_: str) -> Signal:
    """A signal by its name."""
    return next(signal for signal in blueprint.signals if signal.id == id_)


def alerts(blueprint: Blueprint, kind: str = "level") -> dict[str, Alert]:
    """The alerts of a kind by name and metric."""
    found = [alert for group in blueprint.groups for alert in group.alerts if alert.kind == kind]
    return {f"{a.name} {a.level}".strip() if kind == "absent" else a.name: a for a in found}


def records(blueprint: Blueprint) -> dict[str, Record]:
    """The records by name."""
    return {record.name: record for group in blueprint.groups for record in group.records}
