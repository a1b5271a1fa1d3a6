"""One mistake in an example gives one error, at the right word, the same in every format, and no traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from errors.mutations import SPECS, Mutation, Place, copy_examples, mutate, mutations

import capgen.cli
from capgen.report.visible import visible

ALL = mutations()
FORMATS = ("text", "sarif", "github", "junit")
FAMILIES = {
    "keys",
    "names",
    "units",
    "types",
    "levels",
    "ranges",
    "references",
    "duplicates",
    "syntax",
    "tabs",
    "anchors",
    "documents",
}


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    return copy_examples(tmp_path)


def validate(form: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as done:
        capgen.cli.main(["validate", "--format", form])
    written = capsys.readouterr()
    assert written.err == "" or form == "text"
    return int(done.value.code or 0), written.out


def tree(folder: Path) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_there_are_a_hundred_over_all_families_and_codes() -> None:
    assert len(ALL) >= 100
    assert {mutation.family for mutation in ALL} == FAMILIES
    assert [name for name, count in Counter(map(str, ALL)).items() if count > 1] == []


def test_the_examples_are_valid_unchanged(specs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate("json", capsys)[0] == 0


@pytest.mark.parametrize("mutation", ALL, ids=str)
def test_one_mistake_gives_one_error(mutation: Mutation, specs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = mutate(mutation, specs)
    before = tree(specs.parent)
    status, written = validate("json", capsys)
    found = json.loads(written)["diagnostics"]
    assert status == 3
    assert [(one["code"], one["severity"]) for one in found] == [(mutation.code, "error")], found
    check_place(found[0], place, specs)
    assert mutation.hint in found[0]["hint"]
    assert found[0]["message"]
    for form in FORMATS:
        status, written = validate(form, capsys)
        assert status == 3
        READERS[form](written, found[0])
    assert tree(specs.parent) == before


def check_place(found: dict[str, Any], place: Place, specs: Path) -> None:
    span = found["span"]
    assert (span["file"], span["line"], span["column"]) == (place.file, place.line, place.column)
    if place.end is not None:
        assert (span["end_line"], span["end_column"]) == place.end
    lines = (specs.parent / span["file"]).read_bytes().decode("utf-8", "surrogateescape").split("\n")
    assert found["excerpt"] == re.sub("[\ud800-\udfff]", "\ufffd", lines[span["line"] - 1])


def same_in_text(written: str, found: dict[str, Any]) -> None:
    span = found["span"]
    first, *rest = written.split("\n")
    assert first == f"{span['file']}:{span['line']}:{span['column']}: error {found['code']}: {found['message']}"
    assert f"  hint: {found['hint']}" in rest
    assert rest[-2] == "1 error"
    if found["excerpt"]:
        shown, carets = rest[0], rest[1]
        assert "^" in carets and carets.index("^") <= len(shown)
        if "\t" not in found["excerpt"] and "…" not in shown:
            under = shown[carets.index("^") : carets.rindex("^") + 1]
            end = span["end_column"] if span["end_line"] == span["line"] else len(found["excerpt"]) + 1
            end = max(end, span["column"] + 1)  # what has no length has a caret all the same
            assert under == visible(found["excerpt"][span["column"] - 1 : end - 1])


def same_in_sarif(written: str, found: dict[str, Any]) -> None:
    (result,) = json.loads(written)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    span = found["span"]
    assert result["ruleId"] == found["code"]
    assert result["message"]["text"].replace("\\](", "](").split("\n") == [found["message"], found["hint"]]
    assert place["artifactLocation"]["uri"] == span["file"]
    region = {key: place["region"][key] for key in ("startLine", "startColumn", "endLine", "endColumn")}
    assert list(region.values()) == [span[key] for key in ("line", "column", "end_line", "end_column")]


def same_in_github(written: str, found: dict[str, Any]) -> None:
    span = found["span"]
    (line,) = written.splitlines()
    command, _, said = line.removeprefix("::error ").partition("::")
    given = dict(pair.split("=", 1) for pair in command.split(","))
    assert (given["file"], given["line"], given["col"], given["title"]) == (
        span["file"], str(span["line"]), str(span["column"]), found["code"],
    )  # fmt: skip
    said = said.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert said == f"{found['message']}\nhint: {found['hint']}"


def same_in_junit(written: str, found: dict[str, Any]) -> None:
    (case,) = ET.fromstring(written).iter("testcase")
    span = found["span"]
    assert case.attrib == {
        "classname": span["file"],
        "name": f"{found['code']} {span['file']}:{span['line']}:{span['column']}",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"type": found["code"], "message": found["message"]}
    assert (failure.text or "").endswith(f"hint: {found['hint']}")


READERS = {"text": same_in_text, "sarif": same_in_sarif, "github": same_in_github, "junit": same_in_junit}
SOME = [
    mutation
    for mutation in ALL
    if str(mutation)
    in ("keys: section", "syntax: open quote", "anchors: bomb", "documents: huge", "documents: not UTF-8")
]


@pytest.mark.parametrize("mutation", SOME, ids=str)
def test_as_a_command_of_its_own(mutation: Mutation, tmp_path: Path) -> None:
    place = mutate(mutation, copy_examples(tmp_path))
    command = [sys.executable, "-c", "import capgen.cli; capgen.cli.main()", "validate"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(capgen.cli.__file__).parents[2]), "LC_ALL": "C"}
    # Far more than it takes: it is there for what never ends.
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert done.stdout.startswith(f"{place.file}:{place.line}:{place.column}: error {mutation.code}:")
    assert done.stderr == ""


BROKEN: dict[str, Callable[[Path], None]] = {
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere.yaml"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": lambda path: os.mkfifo(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_read_is_a_mistake(
    breaks: Callable[[Path], None], specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passed over, its service would be deleted where it runs."""
    (specs / "apm.yaml").unlink()
    breaks(specs / "apm.yaml")
    status, written = validate("json", capsys)
    (found,) = json.loads(written)["diagnostics"]
    assert (status, found["code"], found["span"]["file"]) == (3, "CG619", "specs/apm.yaml")
    for form in FORMATS:
        READERS[form](validate(form, capsys)[1], found)


def test_a_mistake_in_one_service_says_nothing_of_another_in_its_team(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """cache.yaml declares no receiver; its team's is in shop.yaml."""
    shutil.copytree(SPECS, tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    shop = tmp_path / "specs" / "shop.yaml"
    for find, code in (("max: 60", "CG203"), ("signals:", "CG101"), ("poor: 500ms", "CG309")):
        text = (SPECS / "shop.yaml").read_text(encoding="utf-8")
        assert find in text
        replaced = {"max: 60": "max: many", "signals:": "signals", "poor: 500ms": "poor: 5s"}[find]
        shop.write_text(text.replace(find, replaced), encoding="utf-8")
        assert [one["code"] for one in json.loads(validate("json", capsys)[1])["diagnostics"]] == [code]
