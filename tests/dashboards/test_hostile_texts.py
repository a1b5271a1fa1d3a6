"""A text of a spec is shown as it is: no Markdown, no link, no Grafana variable, no key of JSON, no line of YAML."""

from __future__ import annotations

import contextlib
import html
import json
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cmarkgfm
import pytest
import yaml
from cmarkgfm.cmark import Options
from hypothesis import Phase, given, settings
from properties.strangers import ENVIRONMENTS, LINES, TEXTS, TOKEN, _json, spec

from capgen import api, markdown, promql

WHERE = {
    "files": {"deliver": {"grafana": "files"}},
    "v2": {"deliver": {"grafana": "files"}, "grafana": {"dashboards": "v2"}},
    "sidecar": {"deliver": {"grafana": "sidecar"}, "kubernetes": {"namespace": "monitoring"}},
    "operator": {"deliver": {"grafana": "operator"}, "kubernetes": {"namespace": "monitoring"}},
    "manifest": {"deliver": {"grafana": "operator"}, "kubernetes": {"namespace": "monitoring"}, "grafana": {"dashboards": "v2"}},
}  # fmt: skip
SEPARATE = str.maketrans("", "", markdown.WORD_JOINER)


def built(folder: Path, text: str, line: str) -> dict[str, Any]:
    """The service's dashboard in each form, parsed by whoever receives it."""
    specs = folder / "specs"
    specs.mkdir(parents=True)
    (specs / "shop.yaml").write_text(_json(spec(text, line)), encoding="utf-8")
    for name, body in WHERE.items():
        document = {"apiVersion": "capgen/v1", "kind": "Environment", "metadata": {"name": name}, **body}
        (specs / f"{name}.yaml").write_text(_json(document), encoding="utf-8")
    found: dict[str, Any] = {}
    with contextlib.chdir(folder):
        artifacts_by_environment = api.build([Path("specs")]).artifacts
    for environment, artifacts in artifacts_by_environment:
        for artifact in artifacts:
            if artifact.service == "shop" and "dashboard" in artifact.kind.lower() + artifact.path:
                found[f"{environment} {artifact.kind}"] = parsed(artifact.text, artifact.path)
    return found


def parsed(text: str, path: str) -> Any:
    if path.endswith(".json"):
        return json.loads(text)
    body = yaml.load(text, Loader=yaml.CSafeLoader)
    if "configmap" in path:
        (inner,) = body.pop("data").values()
        return body, json.loads(inner)
    if path.endswith("grafanadashboard.yaml"):
        return body, json.loads(body["spec"].pop("json"))
    return body


DIGEST = re.compile("digest `[0-9a-f]{12}`")
"""Of all that the spec says, so it is another with each text."""


def shape(node: Any) -> Any:
    """Everything but texts: keys, order, numbers."""
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [shape(value) for value in node]
    return "" if isinstance(node, str) else node


def texts(node: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], str]:
    if isinstance(node, dict):
        return {key: text for name, value in node.items() for key, text in texts(value, (*path, name)).items()}
    if isinstance(node, (list, tuple)):
        return {key: text for place, value in enumerate(node) for key, text in texts(value, (*path, place)).items()}
    return {path: node} if isinstance(node, str) else {}


@lru_cache(maxsize=1)
def harmless() -> dict[str, Any]:
    """The same with a harmless word in every place."""
    with tempfile.TemporaryDirectory() as folder:
        return built(Path(folder), TOKEN, TOKEN)


def test_every_form_is_there() -> None:
    benign = harmless()
    assert {name.split()[1] for name in benign} == {
        "dashboard",
        "dashboard-lint",
        "ConfigMap",
        "GrafanaDashboard",
        "GrafanaManifest",
    }
    assert set(ENVIRONMENTS) == {"files", "operator", "configmap"}, "the other artifacts are tested in properties/"


@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])
@given(text=TEXTS, line=LINES)
def test_a_text_changes_nothing_but_texts(tmp_path_factory: pytest.TempPathFactory, text: str, line: str) -> None:
    benign = harmless()
    hostile = built(tmp_path_factory.mktemp("hostile"), text, line)
    assert hostile.keys() == benign.keys()
    for name, body in hostile.items():
        if name.endswith("lint"):
            assert {rule: len(told["entries"]) for rule, told in body["exclusions"].items()}.keys() == benign[name][
                "exclusions"
            ].keys()
            continue
        assert shape(body) == shape(benign[name]), name
        before = texts(benign[name])
        for path, shown in texts(body).items():
            if TOKEN not in before[path]:
                assert shown == before[path]
            elif path[-1] == "expr" or path[-2:] == ("query", "query"):
                assert shown == before[path].replace(f'"{TOKEN}"', promql.string(line))
            elif path[-1] == "url":
                assert literal(unquote(shown), before[path], line)
            elif path[-1] in ("description", "content") and shown.startswith("Generated by"):
                assert shown == before[path]
            elif path[-1] in ("description", "content"):
                shown, was = (DIGEST.sub("digest", one) for one in (shown, before[path]))
                assert rendered(shown) == rendered(was).replace(TOKEN, visible(text)), path
                assert not grafana_variables(shown)
            else:
                assert shown.translate(SEPARATE) == before[path].replace(TOKEN, visible(text)).strip(), path
                assert not grafana_variables(shown)


def literal(address: str, before: str, line: str) -> bool:
    """The expression in a link is a JSON string, with the text as a PromQL string in it."""
    return (
        json.dumps(promql.string(line), ensure_ascii=False)[1:-1] in address
        if TOKEN in unquote(before)
        else address == before
    )


def visible(text: str) -> str:
    """On one line, without what cannot be seen."""
    return markdown.one_line(text)


def rendered(source: str) -> str:
    """What a reader of the Markdown sees: the text of its HTML."""
    page = cmarkgfm.github_flavored_markdown_to_html(source, options=Options.CMARK_OPT_UNSAFE)
    assert not re.search(r"<(?!/?(?:p|table|thead|tbody|tr|th|td|strong|code|a)\b)[a-z]", page), page
    assert not re.search(r"<a (?!href=\"https?://)", page)
    seen = html.unescape(re.sub(r"<[^>]+>", "", page)).translate(SEPARATE)
    return re.sub(r"\s+", " ", seen).strip()


def grafana_variables(shown: str) -> list[str]:
    """What Grafana would replace in a text, by its own pattern."""
    pattern = r"\$(\w+)|\[\[([\s\S]+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^\}]+))?(?::([^\}]+))?\}"
    return re.findall(pattern, shown)


@given(TEXTS)
def test_markdown_shows_the_text(text: str) -> None:
    assert rendered(markdown.inline(text)) == re.sub(r"\s+", " ", visible(text)).strip()
    assert not grafana_variables(markdown.inline(text))
    assert not grafana_variables(markdown.plain(text))


@pytest.mark.parametrize(
    "text",
    ["# heading", "- item", "1. first", "> quote", "*bold* _it_ `code`", "[a](javascript:x)", "![i](x)", "<img src=x onerror=y>", "a|b", "~~x~~", "&lt;", "$job", "${job}", "[[job]]", "\\", "a\n\n# b", "www.example.com", "max_connections", "=", "+ x"],
)  # fmt: skip
def test_known_tricks(text: str) -> None:
    assert rendered(markdown.inline(text)) == re.sub(r"\s+", " ", visible(text)).strip()
    assert not grafana_variables(markdown.inline(text)) and not grafana_variables(markdown.plain(text))
