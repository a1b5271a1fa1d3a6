"""Reads mutations.yaml and makes its mistakes in a copy of the examples."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from errors.documents import DOCUMENTS

HERE = Path(__file__).parent
SPECS = HERE.parents[1] / "specs"
BEGIN, END = "»", "«"


@dataclass(frozen=True)
class Mutation:
    """One mistake, and what has to be said of it."""

    family: str
    name: str
    data: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.data["code"])

    @property
    def hint(self) -> str:
        """What the advice has to contain."""
        return str(self.data["hint"])

    @property
    def edits(self) -> list[dict[str, str]]:
        own = [self.data] if "find" in self.data else []
        return own + ([self.data["also"]] if "also" in self.data else [])

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"


@dataclass(frozen=True)
class Place:
    """Where the caret has to stand; the end is None when only the start is asked for."""

    file: str
    line: int
    column: int
    end: tuple[int, int] | None


def mutations() -> list[Mutation]:
    """All of the data, in its order."""
    data = yaml.safe_load((HERE / "mutations.yaml").read_text(encoding="utf-8"))
    return [Mutation(family, row["name"], row) for family, rows in data.items() for row in rows]


def copy_examples(folder: Path) -> Path:
    """The APM service and what lies around it, without the other examples."""
    specs = folder / "specs"
    (specs / "environments").mkdir(parents=True)
    for name in ("apm.yaml", "defaults.yaml", "environments/host.yaml", "environments/production.yaml"):
        shutil.copy(SPECS / name, specs / name)
    return specs


def mutate(mutation: Mutation, specs: Path) -> Place:
    """Makes the mistake, and returns where it is."""
    place = None
    file = mutation.data.get("file", "apm.yaml")
    if "generate" in mutation.data:
        (specs / file).write_bytes(DOCUMENTS[mutation.data["generate"]])
    for edit in mutation.edits:
        path = specs / edit.get("file", "apm.yaml")
        text = path.read_text(encoding="utf-8")
        assert text.count(edit["find"]) == 1, (
            f"{mutation}: {edit['find']!r} stands {text.count(edit['find'])} times in {path.name}"
        )
        text = text.replace(edit["find"], edit["replace"])
        if BEGIN in text:
            begin, end = text.index(BEGIN), text.find(END)
            text = text.replace(BEGIN, "").replace(END, "")
            line, column = position(text, begin)
            place = Place(
                f"specs/{path.relative_to(specs)}", line, column, position(text, end - 1) if end >= 0 else None
            )
        path.write_text(text, encoding="utf-8")
    if "at" in mutation.data:
        line, column = map(int, mutation.data["at"].split(":"))
        place = Place(f"specs/{file}", line, column, None)
    assert place is not None, f"{mutation}: nothing says where the caret has to stand"
    return place


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, counted from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")
