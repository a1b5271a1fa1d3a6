"""The documentation does what it says: its commands run, print what it shows, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness.binaries import program

from capgen.api import compile_project
from capgen.cli import VERBS
from capgen.diagnostics import has_errors
from capgen.report.reference import reference
from capgen.spec.schema import schema
from docs import refresh, transcripts

ROOT = transcripts.ROOT
STORIES = {path.relative_to(ROOT).as_posix(): path for path in refresh.stories()}
PAGES = sorted({*STORIES, *refresh.references(), *(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/*.md"))})
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", STORIES)
def test_a_page_prints_what_it_shows(name: str, tmp_path: Path) -> None:
    page = STORIES[name].read_text(encoding="utf-8")
    folder = tmp_path / "project"
    transcripts.begin(folder, checkout="/" not in name)
    needed = [program(name) for name in ("promtool", "amtool") if re.search("capgen (test|apply)", page)]
    variables = transcripts.surroundings(folder, *needed)

    told = transcripts.told(page, folder, lambda command: transcripts.run(command, folder, variables))
    assert told == page, "run `make docs` and review what changed"


@pytest.mark.parametrize("name", refresh.references())
def test_a_reference_is_what_its_generator_prints(name: str) -> None:
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert refresh.references()[name] == committed, "run `make docs` and commit the result"


def test_every_key_of_the_language_is_in_the_reference() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", reference(schema()), flags=re.DOTALL | re.MULTILINE))
    for name, part in schema()["$defs"].items():
        for key in part.get("properties", ()):
            assert f"| `{key}`" in sections[name], f"{name}.{key}"


@pytest.mark.parametrize("name", STORIES)
def test_every_spec_on_a_page_validates(name: str, tmp_path: Path) -> None:
    """With the other files of its page, as they first stand there."""
    folder = tmp_path / "project"
    transcripts.begin(folder, checkout="/" not in name)
    found = [
        block
        for block in transcripts.blocks(STORIES[name].read_text(encoding="utf-8"))
        if block.language == "yaml" and not block.named.startswith("from ")
    ]
    for block in found:
        if block.named.startswith(("specs/", "catalog/")):
            path = folder / block.named
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    if (folder / "specs").is_dir():
        problems = compile_project([folder / "specs"]).diagnostics
        assert not has_errors(problems), problems


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    for link in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name}: {link} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{name}: {link} has no such heading"


@pytest.mark.parametrize("name", STORIES)
def test_every_block_is_run_written_or_compared(name: str) -> None:
    for block in transcripts.blocks(STORIES[name].read_text(encoding="utf-8")):
        known = block.language in ("console", "sh") or (block.language in ("yaml", "jinja") and block.named)
        assert known, f"{name}:{block.line}: nothing checks this block; its first line has to name a file"


@pytest.mark.parametrize("name", STORIES)
def test_every_make_target_is_there(name: str) -> None:
    """`make --dry-run docs` is content with the folder of that name, so the Makefile is asked."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = transcripts.blocks(STORIES[name].read_text(encoding="utf-8"))
    texts = [command.text for block in found for command in transcripts.commands(block)]
    wanted = {text.split()[1] for text in texts if text.startswith("make ")}
    assert wanted <= set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def test_the_readme_names_every_verb() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `capgen (\w+)` \|", readme, flags=re.MULTILINE)
    assert listed == list(VERBS)


def test_the_spec_of_the_readme_has_twenty_lines() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    spec = next(b for b in transcripts.blocks(readme) if b.named == "specs/cart.yaml")
    assert spec.text.count("\n") == 20


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = LINK.findall((folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(p.name for p in folder.glob("*.md") if p.name != "README.md")


def test_another_output_shows(tmp_path: Path) -> None:
    """The instrument itself."""
    page = "```console\n$ echo one\ntwo\n```\n"
    told = transcripts.told(page, tmp_path, lambda command: transcripts.run(command, tmp_path, {}))
    assert told == page.replace("two", "one")


@pytest.mark.parametrize(("line", "code"), [("exit 3", 3), ("exit 3  # exit 4", 3), ("true  # exit 1", 0)])
def test_another_exit_code_shows(line: str, code: int, tmp_path: Path) -> None:
    command = next(transcripts.commands(transcripts.blocks(f"```sh\n{line}\n```\n")[0]))
    with pytest.raises(transcripts.Broken, match=f"exit {code}, and the page says"):
        transcripts.run(command, tmp_path, {})


@pytest.mark.parametrize("line", ["make no-such-target", "capgen apply --env production --no-such-option"])
def test_words_that_are_only_planned_are_checked(line: str, tmp_path: Path) -> None:
    command = transcripts.Command(line, 0, None)
    with pytest.raises(transcripts.Broken):
        transcripts.run(command, tmp_path, transcripts.surroundings(tmp_path))


def test_the_demo_has_a_history_that_fills_every_section_of_its_report(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "docs" / "examples" / "history.py", tmp_path], check=True)
    words = ["report", "weekly", "specs/apm.yaml", "--env", "host", "--history", str(tmp_path)]
    command = [sys.executable, "-m", "capgen", *words]
    report = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "| signals measured | 7 of 51 |" in report
    for nothing in ("No signal", "no history of", "is nothing", "nothing can be compared"):
        assert nothing not in report
