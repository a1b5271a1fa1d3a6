"""What is proven is what is delivered: rules are tested as a project's own templates write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from capgen import api
from capgen.prove.environment import Proven

SPEC = """
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, owner: storefront}
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
signals: {host.cpu: {levels: {warning: 70%, critical: 90%, emergency: null}}, host.swap: null}
"""
ENVIRONMENT = """
apiVersion: capgen/v1
kind: Environment
metadata: {name: here}
kubernetes: {namespace: monitoring}
"""
GROUPS = '{% extends "capgen/prometheus/groups.yml.j2" %}\n'


def proven(promtool: Path, folder: Path, templates: dict[str, str], form: str = "files") -> Proven:
    (folder / "specs").mkdir()
    (folder / "specs/shop.yaml").write_text(SPEC)
    (folder / "specs/here.yaml").write_text(ENVIRONMENT + f"deliver: {{prometheus: {form}}}\n")
    for name, text in templates.items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (found,) = api.prove([folder / "specs"], promtool)
    return found


@pytest.fixture(scope="module")
def packaged() -> str:
    return (Path(__file__).parents[2] / "templates/prometheus/groups.yml.j2").read_text()


@pytest.mark.parametrize("form", ["files", "operator", "configmap"])
def test_what_a_template_adds_is_expected(form: str, packaged: str, promtool: Path, tmp_path: Path) -> None:
    own = packaged.replace(
        "    annotations:\n",
        "      pager: night\n    annotations:\n      dashboard: here\n",
    )
    found = proven(promtool, tmp_path, {"prometheus/groups.yml.j2": own}, form)
    assert [(r.rule, r.detail) for r in found.proof.results if r.status != "proven"] == []
    assert len(found.proof.results) > 20


WRONG = {
    "another expression": ("    expr: {{ alert.expr }}\n", "    expr: vector(1)\n", "failed"),
    "no waiting": ("    for: {{ alert.wait }}\n", "", "failed"),
    "another owner's label": ("  - alert: {{ alert.name }}\n", "  - alert: Mine\n", "failed"),
    "no labels of capgen's": (
        "    labels:\n{% for name, value in alert.labels %}\n      {{ name }}: {{ value }}\n{% endfor %}\n", "", "failed",
    ),
    "no alerts": ("{% for alert in group.alerts %}", "{% for alert in [] %}", "failed"),
    "a group of another name": ("- name: {{ group.name }}", "- name: mine", "failed"),
    "a rule that no spec knows": (
        "{% for alert in group.alerts %}\n", "  - {alert: Mine, expr: vector(1)}\n{% for alert in group.alerts %}\n",
        "unproven",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_a_template_breaks_is_not_proven(what: str, packaged: str, promtool: Path, tmp_path: Path) -> None:
    right, wrong, status = WRONG[what]
    assert right in packaged
    found = proven(promtool, tmp_path, {"prometheus/groups.yml.j2": packaged.replace(right, wrong)})
    assert found.proof.coverage < 1
    assert status in {result.status for result in found.proof.results}


def test_a_template_elsewhere_changes_nothing(promtool: Path, tmp_path: Path) -> None:
    found = proven(promtool, tmp_path, {"kubernetes/unused.yaml.j2": "a: 1\n"})
    assert found.proof.coverage == 1
