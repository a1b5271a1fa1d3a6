"""A project's own templates: they extend the packaged ones, are escaped like them, and are named when they break."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from capgen import api
from capgen.errors import Findings

SPEC = """
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, title: 'a "quoted": title'}
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
workloads:
  shop: {kind: Deployment, namespace: shop, horizontal: {replicas: {max: 3}, targets: {cpu: 60%}}}
"""


SIDECAR = "k8s-sidecar-target-directory"


def build(folder: Path, templates: dict[str, str], spec: str = SPEC) -> dict[str, str]:
    (folder / "specs").mkdir(exist_ok=True)
    (folder / "specs/shop.yaml").write_text(spec)
    for name, text in templates.items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {a.path: a.text for _, found in api.build([folder / "specs"]).artifacts for a in found}


def test_a_block_is_added_to(tmp_path: Path) -> None:
    own = """{% extends "capgen/prometheus/groups.yml.j2" %}
{% block annotations %}
{{ super() }}
      dashboard: {{ alert.name }}
{% endblock %}
"""
    rules = yaml.safe_load(build(tmp_path, {"prometheus/groups.yml.j2": own})["shop/rules.yml"])
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    assert alerts and all(alert["annotations"]["dashboard"] == alert["alert"] for alert in alerts)
    assert all("summary" in alert["annotations"] for alert in alerts)


def test_a_template_that_replaces_nothing_changes_no_byte(tmp_path: Path) -> None:
    """Without templates of a project's own the packaged ones run without their blocks and outside of the sandbox."""
    before = build(tmp_path, {})
    extended = ("prometheus/groups.yml.j2", "kubernetes/hpa.yaml.j2", "pages/service.md.j2")
    after = build(tmp_path, {name: f'{{% extends "capgen/{name}" %}}' for name in extended})
    assert "shop/hpa-shop.yaml" in before
    assert after == before


@pytest.mark.parametrize(
    ("own", "whole"),
    [
        ("  annotations:\n    example.com/for: {{ service }}\n", {"example.com/for": "shop", SIDECAR: "Capacity: all"}),
        ("  annotations: {example.com/for: {{ service }}}\n", {"example.com/for": "shop", SIDECAR: "Capacity: all"}),
        ("  annotations: {}\n", {SIDECAR: "Capacity: all"}),
        (f"  annotations: {{{SIDECAR}: elsewhere}}\n", {SIDECAR: "elsewhere"}),
        ("", {SIDECAR: "Capacity: all"}),
    ],
)
def test_annotations_of_ones_own_and_the_sidecars_are_one_mapping(
    tmp_path: Path, own: str, whole: dict[str, str]
) -> None:
    text = '{% include "capgen/kubernetes/metadata.yaml.j2" %}\n' + own
    environment = (
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: there}\nkubernetes: {namespace: monitoring}\n"
        'deliver: {grafana: sidecar}\ngrafana: {folder: "Capacity: all"}\n'
    )
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "there.yaml").write_text(environment)
    found = yaml.safe_load(build(tmp_path, {"kubernetes/metadata.yaml.j2": text})["shop/configmap-dashboard.yaml"])
    assert found["metadata"]["annotations"] == whole
    assert (found["metadata"]["name"], found["metadata"]["labels"]["grafana_dashboard"]) == (
        "capgen-shop.dashboard",
        "1",
    )


def test_annotations_of_ones_own_and_kedas_are_one_mapping(tmp_path: Path) -> None:
    own = '{% include "capgen/kubernetes/metadata.yaml.j2" %}\n  annotations:\n    example.com/for: {{ service }}\n'
    environment = (
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: there}\nkubernetes: {namespace: monitoring}\n"
        'deliver: {metrics: keda}\nprometheus: {url: "http://prometheus:9090"}\n'
    )
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "there.yaml").write_text(environment)
    text = build(tmp_path, {"kubernetes/metadata.yaml.j2": own}, SPEC.replace("cpu: 60%", "cpu: 60%, host.load: 2"))[
        "shop/scaledobject-shop.yaml"
    ]
    assert yaml.safe_load(text)["metadata"]["annotations"] == {
        "example.com/for": "shop",
        "scaledobject.keda.sh/transfer-hpa-ownership": "true",
    }


def test_an_included_part_is_replaced_everywhere(tmp_path: Path) -> None:
    own = "metadata:\n  name: {{ name }}\n  namespace: {{ namespace }}\n  labels: {cost-centre: {{ service }}}\n"
    hpa = yaml.safe_load(build(tmp_path, {"kubernetes/metadata.yaml.j2": own})["shop/hpa-shop.yaml"])
    assert hpa["metadata"] == {"name": "shop-hpa", "namespace": "shop", "labels": {"cost-centre": "shop"}}
    assert hpa["spec"]["maxReplicas"] == 3


BROKEN = {
    "an unknown name": ("metadata:\n  name: {{ nome }}\n", 2, "CG701"),
    "a syntax error": ("metadata:\n  name: {{ name }\n", 2, "CG701"),
    "no YAML": ("metadata:\n  name: {{ name }}\n  labels: {a: b\n", 3, "CG702"),
    "text glued to text": ("metadata:\n\n  name: {{ name ~ service }}\n", 3, "CG701"),
    "python's insides": ("metadata:\n  name: {{ name.__class__.__mro__ }}\n", 2, "CG701"),
}


@pytest.mark.parametrize(("text", "line", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_template_that_breaks_is_named_by_file_and_line(tmp_path: Path, text: str, line: int, code: str) -> None:
    with pytest.raises(Findings) as broken:
        build(tmp_path, {"kubernetes/metadata.yaml.j2": text})
    (finding,) = broken.value.diagnostics
    assert finding.code == code
    assert finding.span is not None
    assert finding.span.file.endswith("templates/kubernetes/metadata.yaml.j2")
    assert finding.span.line == line


META = "kubernetes/metadata.yaml.j2"
TOO_MUCH, ENDLESS, NO_TEMPLATE, FORBIDDEN = "too much", "without end", "there is no template", "is not allowed"
HOSTILE = {
    "reads a file of the machine": ('{% include "/etc/passwd" %}', NO_TEMPLATE),
    "reads it as a packaged one": ('{% include "capgen//etc/passwd" %}', NO_TEMPLATE),
    "reads above the folder": ('{% include "capgen/../pyproject.toml" %}', NO_TEMPLATE),
    "loops for a day": ("{% for i in range(9999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", TOO_MUCH),
    "writes a gigabyte": ("{% for i in range(99999) %}" + "x" * 9999 + "{% endfor %}", TOO_MUCH),
    "doubles what it captured": (
        "{% set x %}xx{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60 + "{{ x }}", TOO_MUCH),
    "doubles a text": ("{% set x = name %}" + "{% set x = x + x %}" * 60 + "{{ x }}", TOO_MUCH),
    "doubles a list": ("{% set x = [1] %}" + "{% set x = x + x %}" * 60 + "{{ x|length }}", TOO_MUCH),
    "calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}", TOO_MUCH),
    "includes itself twice": (
        "{% set n = n|default(60) %}{% if n %}{% with n = n - 1 %}"
        + '{% include "kubernetes/metadata.yaml.j2" %}' * 2 + "{% endwith %}{% endif %}", TOO_MUCH),
    "extends itself": ('{% extends "kubernetes/metadata.yaml.j2" %}', ENDLESS),
    "includes itself": ('{% include "kubernetes/metadata.yaml.j2" %}', ENDLESS),
    "calls itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", ENDLESS),
    "repeats a text": ("{{ name * 9999999999 }}", FORBIDDEN),
    "pads by formatting": ('{{ "%9999999999d" % 1 }}', FORBIDDEN),
    "pads by a format": ('{{ "{:>9999999999}".format(1) }}', FORBIDDEN),
    "pads by a method": ("{{ name.ljust(9999999999) }}", "unsafe"),
    "pads by a filter": ("{{ name|center(9999999999) }}", "No filter"),
    "indents for ever": ("{{ name|indent(9999999999) }}", "width"),
    "raises to a power": ("{{ 9 ** 9999999999 }}", FORBIDDEN),
    "is different each time": ("{{ lipsum() }}", "undefined"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_template_is_stopped_and_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Findings) as broken:
        build(tmp_path, {META: f"metadata:\n  {text}\n"})
    (finding,) = broken.value.diagnostics
    assert finding.code == "CG701" and said in finding.message
    assert finding.span is not None
    assert finding.span.file.endswith(f"templates/{META}") and finding.span.line == 2


def test_loops_indents_and_sums_that_a_template_needs_are_there(tmp_path: Path) -> None:
    own = (
        '{% include "capgen/kubernetes/metadata.yaml.j2" %}\n  annotations:\n'
        "{% set lines %}\n"
        "{% for letter in ['a', 'b'] %}\n"
        "{{ loop.index }}-of-{{ loop.length }}: {{ letter + '/' + name|upper }}{{ ' # last' if loop.first }}\n"
        "{% endfor %}\n"
        "{% endset %}\n"
        "{{ lines|indent(4, true) }}\n"
    )
    found = yaml.safe_load(
        build(tmp_path, {META: own.replace("{{ ' # last' if loop.first }}", "")})["shop/hpa-shop.yaml"]
    )
    assert found["metadata"]["annotations"] == {"1-of-2": "a/SHOP-HPA", "2-of-2": "b/SHOP-HPA"}


def test_a_service_without_rules_has_templates_of_its_own_too(tmp_path: Path) -> None:
    head, _, rest = SPEC.partition("sources:")
    own = '{% include "capgen/kubernetes/metadata.yaml.j2" %}\n  annotations: {a: b}\n'
    without = head + "workloads:" + rest.partition("workloads:")[2]
    hpa = yaml.safe_load(build(tmp_path, {"kubernetes/metadata.yaml.j2": own}, without)["shop/hpa-shop.yaml"])
    assert hpa["metadata"]["annotations"] == {"a": "b"}
