"""Each check of dashboards finds the mistake it is there for, at the spec's words, and nothing in what is compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from compile.service import CATALOG, document
from msgspec.structs import replace

from capgen import api
from capgen.artifact import Artifact
from capgen.blueprint import Alert, Blueprint
from capgen.blueprint.dashboards import Dashboard, Panel, Step
from capgen.check.dashboards import check_dashboards, check_sizes
from capgen.compile.fleet import assemble, facts
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic
from capgen.errors import Findings
from capgen.spec.parse import Spec, parse_project, specs
from capgen.yamlio import Source

TEXT = "metadata: {name: shop}\nsignals:\n  host.cpu: {levels: {critical: 80%}}\n"
PAIR = ("__dashboardUid__", "__panelId__")


def compiled() -> tuple[Spec, Blueprint]:
    project, _ = parse_project([Source("shop.yaml", document(TEXT), "shop.yaml")])
    (spec,), _ = specs(project)
    blueprint, found = compile_spec(spec, CATALOG)
    assert blueprint is not None and found == ()
    return spec, blueprint


def with_panel(blueprint: Blueprint, signal: str, change: Callable[[Panel], Panel]) -> Blueprint:
    def changed(panel: Panel) -> Panel:
        return change(panel) if panel.signal == signal else panel

    (dashboard,) = blueprint.dashboards
    rows = tuple(replace(row, panels=tuple(map(changed, row.panels))) for row in dashboard.rows)
    return replace(blueprint, dashboards=(replace(dashboard, rows=rows),))


def with_dashboard(blueprint: Blueprint, **changes: object) -> Blueprint:
    (dashboard,) = blueprint.dashboards
    return replace(blueprint, dashboards=(replace(dashboard, **changes),))  # type: ignore[arg-type]


def with_alerts(blueprint: Blueprint, change: Callable[[Alert], Alert]) -> Blueprint:
    groups = (replace(group, alerts=tuple(map(change, group.alerts))) for group in blueprint.groups)
    return replace(blueprint, groups=tuple(groups))


def annotated(alert: Alert, **texts: str) -> Alert:
    return (
        replace(alert, annotations=tuple(sorted((dict(alert.annotations) | texts).items())))
        if alert.kind == "level"
        else alert
    )


def twice(dashboard: Dashboard) -> Dashboard:
    first, *others, last = dashboard.rows
    panels = (replace(last.panels[0], id=first.panels[0].id),)
    return replace(dashboard, rows=(first, *others, replace(last, panels=panels)))


CPU = "host.cpu"
BROKEN: dict[str, tuple[str, Callable[[Blueprint], Blueprint]]] = {
    "no description": ("CG610", lambda b: with_panel(b, CPU, lambda p: replace(p, description=""))),
    "no advice": ("CG610", lambda b: with_panel(b, CPU, lambda p: replace(p, description="CPU."))),
    "no title": ("CG610", lambda b: with_panel(b, CPU, lambda p: replace(p, title=""))),
    "colours alone": ("CG610", lambda b: with_panel(b, CPU, lambda p: replace(p, overrides=(), description="What to do: look."))),
    "leads nowhere": ("CG610", lambda b: with_dashboard(with_panel(b, CPU, lambda p: replace(p, links=(), data_links=())), tag_links=(), links=())),
    "no unit": ("CG611", lambda b: with_panel(b, CPU, lambda p: replace(p, unit=""))),
    "a unit of one's own": ("CG611", lambda b: with_panel(b, CPU, lambda p: replace(p, unit="cores"))),
    "a long uid": ("CG612", lambda b: with_alerts(with_dashboard(b, uid="u" * 41), lambda a: annotated(a, __dashboardUid__="u" * 41))),
    "a strange uid": ("CG612", lambda b: with_alerts(with_dashboard(b, uid="a/b"), lambda a: annotated(a, __dashboardUid__="a/b"))),
    "one id twice": ("CG612", lambda b: replace(b, dashboards=(twice(b.dashboards[0]),))),
    "another step": ("CG613", lambda b: with_panel(b, CPU, lambda p: replace(p, steps=(*p.steps[:-1], Step("red", 0.9))))),
    "no first step": ("CG613", lambda b: with_panel(b, CPU, lambda p: replace(p, steps=p.steps[1:]))),
    "another threshold": ("CG613", lambda b: with_alerts(b, lambda a: replace(a, expr=a.expr.replace("0.8", "0.81")) if a.signal == CPU else a)),
    "another panel": ("CG614", lambda b: with_alerts(b, lambda a: annotated(a, __panelId__="17"))),
    "half a link": ("CG614", lambda b: with_alerts(b, lambda a: replace(a, annotations=tuple(t for t in a.annotations if t[0] != PAIR[0])))),
    "another dashboard": ("CG614", lambda b: with_alerts(b, lambda a: annotated(a, __dashboardUid__="capgen_host_cart"))),
}  # fmt: skip


def test_what_is_compiled_has_none_of_it() -> None:
    assert check_dashboards(*compiled()) == ()


@pytest.mark.parametrize("mistake", BROKEN)
def test_each_mistake_is_found(mistake: str) -> None:
    spec, blueprint = compiled()
    code, breaking = BROKEN[mistake]
    found = check_dashboards(spec, breaking(blueprint))
    assert {finding.code for finding in found} == {code}
    assert all(
        finding.span and finding.span.file == "shop.yaml" and finding.excerpt and finding.hint for finding in found
    )


def test_a_finding_stands_at_the_signals_words() -> None:
    spec, blueprint = compiled()
    (found,) = check_dashboards(spec, BROKEN["a unit of one's own"][1](blueprint))
    assert found.span is not None
    assert (found.span.line, found.excerpt.strip()) == (6, "host.cpu: {levels: {critical: 80%}}")


def test_the_fleets_dashboards_have_none_of_it() -> None:
    spec, blueprint = compiled()
    fleet, _ = assemble([facts(blueprint)], CATALOG.ladders, [blueprint])
    assert fleet is not None and len(fleet.dashboards) == 2
    found = check_dashboards(spec, replace(blueprint, dashboards=fleet.dashboards, groups=(), signals=()))
    assert found == ()


COPIED = (1 << 18) - len("kubectl.kubernetes.io/last-applied-configuration")
"""From this size on kubectl cannot keep a copy."""


def sized(text: str, kind: str = "ConfigMap", path: str = "shop/configmap-dashboard.yaml") -> tuple[Diagnostic, ...]:
    spec, _ = compiled()
    return check_sizes(spec, [Artifact(path, text, kind, "shop", kubernetes=True)])


def long(size: int) -> str:
    return "é" * (size // 2) + "x" * (size % 2)


@pytest.mark.parametrize(
    ("size", "code", "severity"),
    [
        (COPIED - 1, "", ""),
        (COPIED, "CG616", "warning"),
        ((1 << 20) - 1, "CG616", "warning"),
        (1 << 20, "CG615", "error"),
    ],
)
def test_sizes(size: int, code: str, severity: str) -> None:
    assert [(finding.code, str(finding.severity)) for finding in sized(long(size))] == (
        [(code, severity)] if code else []
    )
    assert sized(long(size), "dashboard") == (), "a file has no limit"


def test_what_kubectl_keeps_is_larger_than_the_file() -> None:
    """As `kubectl apply --dry-run=client` prints it: quotes and lines' ends are escaped, and `>` has six characters."""
    assert [finding.code for finding in sized(long(COPIED - 50_000) + ">" * 10_000)] == ["CG616"]
    assert [finding.code for finding in sized(long(COPIED - 50_000) + '"' * 25_000)] == ["CG616"]
    assert sized((long(COPIED // 1000 + 2) + "\n") * 999) == (), "what stands before a line is not kept"
    (rules,) = sized("groups: >" * 20_000, "PrometheusRule", "shop/prometheusrule.yaml")
    assert rules.code == "CG616" and rules.message.startswith("the rules need")
    assert sized("x" * (2 << 20), "PrometheusRule", "shop/prometheusrule.yaml")[0].code == "CG616"


def test_an_object_that_is_too_large_is_not_built(tmp_path: Path) -> None:
    many = "".join(
        f"  app.s{n}: {{source: app, expr: 'sum by (queue) (depth{{$selector,n=\"{n}\"}})', levels: {{warning: 5, critical: 9}}}}\n"
        for n in range(700)
    )
    environment = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: k}\nkubernetes: {namespace: m}\ndeliver: {grafana: sidecar}\n"
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "k.yaml").write_text(environment)
    (folder / "shop.yaml").write_text(document("metadata: {name: shop}\nsignals:\n" + many))
    with pytest.raises(Findings) as raised:
        api.build([folder])
    (finding,) = [one for one in raised.value.diagnostics if one.code == "CG615"]
    assert finding.span is not None and finding.span.file.endswith("specs/shop.yaml")
    with pytest.raises(Findings):
        api.generate([folder], out=tmp_path / "generated")
    (folder / "shop.yaml").write_text(
        document("metadata: {name: shop}\nsignals:\n" + "".join(many.splitlines(keepends=True)[:250]))
    )
    built = api.build([folder])
    for found in (built.found, api.generate([folder], out=tmp_path / "generated").found):
        assert [finding.code for finding in found if finding.code.startswith("CG61")] == ["CG616"]
