"""The documentation does what it says: its commands run, print what it shows, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from docs import refresh, transcripts
from harness.binaries import program

from capgen.api import compile_project
from capgen.cli import VERBS
from capgen.diagnostics import has_errors

ROOT = transcripts.ROOT
STORIES = {path.relative_to(ROOT).as_posix(): path for path in refresh.stories()}
PAGES = sorted({*STORIES, *refresh.references(), *(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/*.md"))})
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", STORIES)
def test_a_page_prints_what_it_shows(name: str, tmp_path: Path) -> None:
    page = STORIES[name].read_text(encoding="utf-8")
    folder = tmp_path / "project"
    transcripts.begin(folder, checkout="/" not in name)
    needed = [program("promtool")] if "capgen test" in page else []
    variables = transcripts.surroundings(folder, *needed)

    def act(command: transcripts.Command) -> transcripts.Result:
        result = transcripts.run(command, folder, variables)
        assert result.code == command.code, f"$ {command.text}\n{result.printed}"
        return result

    assert transcripts.told(page, folder, act) == page, "run `make docs` and review what changed"


@pytest.mark.parametrize("name", refresh.references())
def test_a_reference_is_what_its_generator_prints(name: str) -> None:
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert refresh.references()[name] == committed, "run `make docs` and commit the result"


@pytest.mark.parametrize("name", STORIES)
def test_every_spec_on_a_page_validates(name: str, tmp_path: Path) -> None:
    """With the other files of its page, as they first stand there."""
    found = [
        block
        for block in transcripts.blocks(STORIES[name].read_text(encoding="utf-8"))
        if block.language == "yaml" and not block.named.startswith("from ")
    ]
    for block in found:
        assert block.named or "apiVersion: capgen/v1" not in block.text, f"{name}:{block.line}: no `# specs/…` line"
        if block.named.startswith(("specs/", "catalog/")):
            path = tmp_path / block.named
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    if (tmp_path / "specs").is_dir():
        environments = ROOT / "specs" / "environments"
        paths = [tmp_path / "specs", *([] if (tmp_path / "specs" / "environments").is_dir() else [environments])]
        problems = compile_project(paths).diagnostics
        # A target of one machine cannot be found in a cluster, and the guide says so where it comes to it.
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


@pytest.mark.parametrize(
    ("page", "code", "printed"),
    [
        ("```console\n$ echo one\none\n```\n", 0, "```console\n$ echo one\none\n```\n"),
        ("```console\n$ echo one\ntwo\n```\n", 0, "```console\n$ echo one\none\n```\n"),
        ("```console\n$ (exit 3)\n```\n", 3, "```console\n$ (exit 3)  # exit 3\n```\n"),
    ],
)
def test_a_page_is_told_again_as_it_happens(page: str, code: int, printed: str, tmp_path: Path) -> None:
    """The instrument itself: a difference in what is printed, or in the exit code, shows."""
    codes = []

    def act(command: transcripts.Command) -> transcripts.Result:
        done = subprocess.run(["bash", "-c", command.text], capture_output=True, text=True, check=False)
        codes.append(done.returncode)
        return transcripts.Result(done.returncode, done.stdout)

    assert transcripts.told(page, tmp_path, act) == printed
    assert codes == [code]
