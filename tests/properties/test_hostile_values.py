"""Whatever a string of a spec holds, it arrives as that string and as nothing else, in every artifact."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.binaries import program
from hypothesis import Phase, given, settings
from properties.strangers import LINES, TEXTS, TOKEN, spec, write_project

from capgen import api, naming, promql


def artifacts(folder: Path, text: str, line: str) -> dict[str, str]:
    built = api.build([write_project(folder, spec(text, line))])
    # What dashboards make of a text is tests/dashboards/test_hostile_texts.py's, what pages do test_hostile_pages.py's.
    return {
        f"{environment}/{a.path}": a.text
        for environment, found in built.artifacts
        for a in found
        if not a.kind.startswith(("dashboard", "page"))
    }


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same spec with a harmless word in every place, parsed."""
    files = artifacts(tmp_path_factory.mktemp("benign"), TOKEN, TOKEN)
    return {path: yaml.load(text, Loader=yaml.CSafeLoader) for path, text in files.items()}


def expected(node: Any, text: str, line: str, path: tuple[Any, ...] = ()) -> Any:
    """The benign document with the word replaced by what the place's consumer reads as the hostile text."""
    if isinstance(node, dict):
        return {key: expected(value, text, line, (*path, key)) for key, value in node.items()}
    if isinstance(node, list):
        return [expected(value, text, line, (*path, index)) for index, value in enumerate(node)]
    if not isinstance(node, str) or TOKEN not in node:
        return node
    if path[-1] == "expr":
        return node.replace(f'"{TOKEN}"', promql.string(line))
    if "annotations" in path:
        return node.replace(TOKEN, text.replace("{{", '{{ "{{" }}'))
    if "rules" in path:
        return node.replace(TOKEN, line.replace("{{", '{{ "{{" }}'))
    if path[-1] == "replacement":
        return node.replace(TOKEN, line.replace("$", "$$"))
    return node.replace(TOKEN, line)


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(text=TEXTS, line=LINES)
def test_hostile_text_is_data_in_every_artifact(
    tmp_path_factory: pytest.TempPathFactory, benign: dict[str, Any], text: str, line: str
) -> None:
    files = artifacts(tmp_path_factory.mktemp("hostile"), text, line)
    assert set(files) == set(benign)
    for path, written in files.items():
        found, wanted = yaml.load(written, Loader=yaml.CSafeLoader), benign[path]
        if path.endswith("configmap-prometheus.yaml"):  # files inside a file
            assert found["data"].keys() == wanted["data"].keys()
            found = {key: yaml.load(inner, Loader=yaml.CSafeLoader) for key, inner in found["data"].items()}
            wanted = {key: yaml.load(inner, Loader=yaml.CSafeLoader) for key, inner in wanted["data"].items()}
        assert found == expected(wanted, text, line), path


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(line=LINES)
def test_hostile_matchers_stay_inside_their_selector(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    built = api.build([write_project(tmp_path_factory.mktemp("matchers"), spec("x", line))])
    service = built.compiled.fleets[0].services[0]
    for group in service.groups:
        for record in (record for record in group.records if record.name not in READ_OTHERS):
            for selector in promql.selectors(promql.parse(record.expr)):
                values = {m.name: m.value for m in selector.matchers}
                assert values.get("rack", values.get("vhost")) == line


READ_OTHERS = (naming.HEADROOM, naming.FULL_IN)
"""Records that are made of records."""


def test_prometheus_takes_the_worst_of_them(tmp_path: Path) -> None:
    text = "\"'\\\n- x: y\n{{ $value }} $(id) ${HOME} `id` \U0001f525 \u2028 #"
    line = "\"} or vector(1) #'\\ {{ $labels.x }} $1 \U0001f525"
    files = artifacts(tmp_path, text, line)
    rules = tmp_path / "rules.yml"
    rules.write_text(files["files/shop/rules.yml"], encoding="utf-8")
    run = subprocess.run([str(program("promtool")), "check", "rules", str(rules)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
