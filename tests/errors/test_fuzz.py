"""Whatever is done to the examples, capgen answers with findings or success, and never with an exception."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from errors.mutations import SPECS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capgen import api
from capgen.catalog.load import Catalog
from capgen.check.scaling import check_scaling
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic
from capgen.report.findings import FORMATS, render
from capgen.spec.parse import parse_project, specs
from capgen.yamlio import Source, read

NAMES = ("apm.yaml", "defaults.yaml", "environments/host.yaml", "environments/production.yaml")
TEXTS = {name: (SPECS / name).read_text(encoding="utf-8") for name in NAMES}
CATALOG = Catalog()
few = settings(
    derandomize=True, database=None, deadline=None, max_examples=120, suppress_health_check=list(HealthCheck)
)


def tree(name: str) -> Any:
    node, _ = read(Source(name, TEXTS[name], name))
    assert node is not None
    return node.data()


TREES = {name: tree(name) for name in NAMES}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for step, child in inside for deeper in paths(child, (*path, step)))]


PATHS = {name: [path for path in paths(TREES[name]) if path] for name in NAMES}
WORDS = st.sampled_from(
    [
        "",
        "80%",
        "-1",
        "1e9",
        "0",
        "host.cpu",
        "cpu",
        "on",
        "null",
        "5m",
        "*",
        "a.b.c",
        "${x}",
        "{{ x }}",
        "\n",
        "é",
        "\x00",
        "\u2028",
        "kind",
        "apm-service",
        "99999999999999999999",
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.none(),
    st.booleans(),
    st.integers(-10, 10),
    st.sampled_from([10**18, 10**400, -1.5, 0.0, 1e300, math.pi]),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def edited(draw: st.DrawFn) -> dict[str, Any]:
    """The examples' trees with one to three values replaced, removed, renamed, added, or moved to another place."""
    trees = json.loads(json.dumps(TREES))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(NAMES))
        path = draw(st.sampled_from(PATHS[name]))
        parent = trees[name]
        for step in path[:-1]:
            parent = parent[step] if isinstance(parent, dict) and step in parent else parent
        if not isinstance(parent, dict) or path[-1] not in parent:
            continue
        match draw(st.sampled_from(["replace", "remove", "rename", "add", "move"])):
            case "replace":
                parent[path[-1]] = draw(VALUES)
            case "remove":
                del parent[path[-1]]
            case "rename":
                parent[draw(WORDS | st.text(max_size=6))] = parent.pop(path[-1])
            case "add":
                parent[draw(WORDS)] = draw(VALUES)
            case "move":
                other = draw(st.sampled_from(NAMES))
                there = TREES[other]
                for step in draw(st.sampled_from(PATHS[other])):
                    there = there[step]
                parent[path[-1]] = json.loads(json.dumps(there))
    return trees


def judged(texts: dict[str, str]) -> tuple[Diagnostic, ...]:
    """What `validate` does, with the catalogue read once."""
    sources = [Source(f"specs/{name}", text, name) for name, text in texts.items()]
    project, found = parse_project(sources)
    layered, problems = specs(project)
    found = (*found, *problems)
    for spec in layered:
        blueprint, problems = compile_spec(spec, CATALOG)
        found = (*found, *problems, *(check_scaling(spec, blueprint) if blueprint else ()))
    return found


def check(found: tuple[Diagnostic, ...]) -> None:
    for one in found:
        assert one.message
        assert one.hint, one
        assert one.span is not None, one
        assert one.span.line >= 1 and one.span.column >= 1
    for form in FORMATS:
        assert render(found, form).encode("utf-8") or not found or form == "text"


@few
@given(edited())
def test_edits_of_the_examples(trees: dict[str, Any]) -> None:
    check(judged({name: json.dumps(tree, ensure_ascii=False) for name, tree in trees.items()}))


@few
@given(st.text(max_size=200) | st.text(alphabet=":{}[]-?&*!|>'\"%@`#,\n\t ab0\ufeff\u2028\x85", max_size=60))
def test_any_text(text: str) -> None:
    check(judged({"apm.yaml": text}))


@few
@given(
    st.sampled_from(NAMES),
    st.integers(0, 10_000),
    st.integers(0, 12),
    st.text(alphabet=":{}[]-?&*!|>'\"%@`#,\n\t ab0", max_size=4),
)
def test_examples_with_a_piece_torn_out(name: str, start: int, length: int, instead: str) -> None:
    text = TEXTS[name]
    start %= len(text)
    check(judged({**TEXTS, name: text[:start] + instead + text[start + length :]}))


@few
@given(st.binary(max_size=120))
def test_any_bytes_in_a_file(data: bytes) -> None:
    check(judged({"apm.yaml": data.decode("utf-8", errors="surrogateescape")}))


@few
@given(
    st.sampled_from(["apm:", ""]),
    st.sampled_from([".".join(map(str, path)) for path in PATHS["apm.yaml"]]) | st.text(max_size=10),
    st.text(max_size=10) | WORDS,
)
def test_any_setting(capacity: str, path: str, value: str) -> None:
    sources = [Source(f"specs/{name}", text, name) for name, text in TEXTS.items()]
    project, _ = parse_project(sources)
    _, found = specs(project, [f"{capacity}{path}={value}"])
    check(found)


def test_the_shortcut_taken_here_finds_what_the_library_finds(tmp_path: Path) -> None:
    broken = TEXTS["apm.yaml"].replace("quantile: 0.95", "quantile: 95")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "apm.yaml").write_text(broken)
    found = api.compile_project([tmp_path / "specs"]).diagnostics
    assert [(one.code, one.message) for one in found] == [
        (one.code, one.message) for one in judged({"apm.yaml": broken})
    ]
