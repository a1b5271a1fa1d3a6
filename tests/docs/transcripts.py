"""Reads the documentation as a program: what its blocks write, run and show, in the order of the page.

    ```console          `$ command`, and below it what is printed, if the page shows it; `# exit 3` when it is not 0
    ```sh               commands without their output
    ```yaml, ```jinja   a first line `# specs/cart.yaml` writes that file; `# from generated/…` quotes that file

A page is one story in one folder: what a block writes is there for the blocks below it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"(?:#|\{#) (from )?([\w.-]+(?:/[\w.-]+)+|[\w-]+\.ya?ml)(?: #\})?")
_EXIT = re.compile(r"\s+# exit (\d+)$")
_CLUSTER = re.compile(r"capgen (?:(?:diff|apply|destroy|status|env pin)\b.*--env production|apply plan\.json)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and where in the page the text is."""

    language: str
    text: str
    line: int
    span: tuple[int, int]

    @property
    def named(self) -> str:
        """The file that its first line names, with `from ` before it when it is a quotation."""
        found = _NAMED.fullmatch(self.text.partition("\n")[0])
        return f"{found[1] or ''}{found[2]}" if found else ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, the exit code it should have, and what should be printed (None: the page does not say)."""

    text: str
    code: int
    shown: str | None


class Broken(Exception):
    """A command did not end as its page says."""


def blocks(page: str) -> tuple[Block, ...]:
    """The fenced blocks of a page."""
    return tuple(
        Block(found[1], found[2], page.count("\n", 0, found.start()) + 2, found.span(2))
        for found in _BLOCK.finditer(page)
    )


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block: `console` and `sh` blocks, and the steps of a workflow."""
    if block.language == "console":
        for piece in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, shown = piece.partition("\n")
            yield _command(line, shown or None)
    elif block.language == "sh":
        yield from (_command(line, None) for line in block.text.splitlines() if line)
    elif block.named.startswith(".github/"):
        for job in yaml.safe_load(block.text)["jobs"].values():
            runs = [step["run"] for step in job["steps"] if step.get("run", "").startswith("capgen")]
            yield from (_command(line, None) for run in runs for line in run.splitlines())


def _command(line: str, shown: str | None) -> Command:
    code = _EXIT.search(line)
    return Command(_EXIT.sub("", line), int(code[1]) if code else 0, shown)


def surroundings(folder: Path, *programs: Path) -> Mapping[str, str]:
    """The environment variables that commands run in: nothing of the user's, 80 columns, no colours."""
    path = [str(Path(sys.executable).parent), *(str(program.parent) for program in programs), os.environ["PATH"]]
    kept = {"PATH": os.pathsep.join(path), "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"}
    return {**kept, "COLUMNS": "80", "NO_COLOR": "1"}


def run(command: Command, folder: Path, variables: Mapping[str, str]) -> str:
    """Runs a command in a folder; what it prints, stdout and stderr as they come. Raises Broken for another exit code.

    Without what it needs, only its words are checked: `make` plans and does nothing; delivery to a cluster is asked
    for its `--help`, which is refused after an option that does not exist.
    """
    text, where = command.text, folder
    if text.startswith("make"):
        text, where = text.replace("make", "make --dry-run", 1), ROOT
    elif _CLUSTER.search(text):
        text = f"{text} --help"
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=where,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != command.code:
        raise Broken(f"$ {command.text}\n{done.stdout}exit {done.returncode}, and the page says {command.code}")
    return done.stdout


def begin(folder: Path, *, checkout: bool) -> None:
    """The folder that a page's story begins in: a copy of the project's specs and what they compile to, or nothing."""
    folder.mkdir(parents=True)
    if checkout:
        for name in ("specs", "generated"):
            shutil.copytree(ROOT / name, folder / name)


def told(page: str, folder: Path, act: Callable[[Command], str]) -> str:
    """The page as it has to be: its commands run by `act`, with what they print; its quotations from the files."""
    pieces, at = [], 0
    for block in blocks(page):
        pieces += [page[at : block.span[0]], _told(block, folder, act)]
        at = block.span[1]
    return "".join((*pieces, page[at:]))


def _told(block: Block, folder: Path, act: Callable[[Command], str]) -> str:
    if block.named.startswith("from "):
        return _quoted(block, folder)
    if block.named:
        path = folder / block.named
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    text = []
    for command in commands(block):
        printed = act(command)
        note = f"  # exit {command.code}" if command.code else ""
        text.append(f"$ {command.text}{note}\n{'' if command.shown is None else printed}")
    return "".join(text) if block.language == "console" else block.text


def _quoted(block: Block, folder: Path) -> str:
    """As many lines of the file as the block has, from its first line on, without their common indentation."""
    head, *quoted = block.text.splitlines()
    lines = (folder / block.named.removeprefix("from ")).read_text().splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip() == quoted[0].strip()), None)
    if start is None:
        return f"{head}\n(the file has no line {quoted[0].strip()!r})\n"
    found = textwrap.dedent("\n".join(lines[start : start + len(quoted)]))
    return f"{head}\n{found}\n"
