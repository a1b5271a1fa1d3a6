"""Which files a command means: those named, and around a part of a project what every spec of it stands on.

Somebody who names `specs/apm.yaml` wants what `capgen build specs` makes of it, and not a service without its
defaults in an environment that nobody declared. So a file or folder below a folder called `specs` is read with the
Defaults and Environment documents of that folder; elsewhere, with those beside it and in `environments/` there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from capgen.api.links import checkout, guarded
from capgen.errors import TargetError, UsageError
from capgen.yamlio import MAX_BYTES, Source, read

SPECS = "specs"
_SHARED = re.compile(r"\b(?:Defaults|Environment)\b")
_KIND = re.compile(r"^[ {]*[\"']?kind[\"']?\s*:\s*[\"']?(Capacity|Defaults|Environment)\b", re.MULTILINE)


class Reading(Struct, frozen=True):
    """The files of a command. `partial`: the project has services beside those, so nothing can be said of all."""

    sources: tuple[Source, ...]
    partial: bool


def read_sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """The YAML files at the paths; a folder stands for all below it. Raises UsageError for what is not there.

    Of a checkout, nothing outside of it is read; elsewhere links are their owner's (`rules.d` of a host)."""
    return _sources(paths, checkout)


def _sources(paths: Sequence[Path], bound: Callable[[Path], str | None]) -> tuple[Source, ...]:
    sources: dict[str, Source] = {}
    for path in paths:
        if path.is_dir():
            source = guarded(bound(path), source_of)
            sources.update({name: source(name, found) for found in _below(path) if (name := found.as_posix())})
        elif path.exists() or path.is_symlink():
            sources[path.as_posix()] = guarded(bound(path.parent), source_of)(path.as_posix(), path)
        else:
            raise UsageError(f"there is no file or folder {path}: name one, or run `capgen init` for a first spec")
    if not sources:
        raise UsageError(f"no *.yaml below {', '.join(map(str, paths))}: run `capgen init` for a first spec")
    return tuple(source for _, source in sorted(sources.items()))


def read_project(paths: Sequence[Path]) -> Reading:
    """As `read_sources`, with the Defaults and Environments around what is named."""
    sources = {source.name: source for source in _sources(paths, _bound)}
    beside: dict[str, Source] = {}
    partial = False
    for path in (p for p in paths if specs_root(p) != p or not p.is_dir()):
        of = guarded(_bound(path), source_of)
        for file in _around(path):
            if (name := file.as_posix()) in sources or name in beside:
                continue
            source = of(name, file)
            kind = _kind(source)
            partial = partial or kind == "Capacity"
            if kind in ("Defaults", "Environment"):
                beside[name] = source
    return Reading(tuple(source for _, source in sorted((sources | beside).items())), partial)


def specs_root(path: Path) -> Path:
    """The nearest folder called `specs` on the path as it is written; else the folder named, or the file's own."""
    folder = path if path.is_dir() else path.parent
    return next((one for one in (folder, *folder.parents) if one.name == SPECS), folder)


def project_folder(paths: Sequence[Path]) -> Path:
    """The folder that holds `specs/`, `catalog/` and `templates/`: beside the specs' folder."""
    return Path(os.path.normpath(specs_root(paths[0]) / ".."))


def brought(folder: Path, name: str, pattern: str) -> dict[str, Source]:
    """The files that a project brings in its folder of a name, by their path in it."""
    own = folder / name
    of = guarded(checkout(folder) or os.path.realpath(folder), source_of)
    found = [path for path in sorted(own.glob(pattern)) if path.is_symlink() or not path.is_dir()]
    return {path.relative_to(own).as_posix(): of(path.as_posix(), path) for path in found}


def _bound(path: Path) -> str:
    """The folder that a project's specs have to lie in, links followed."""
    root = specs_root(path)
    return checkout(root) or os.path.realpath(project_folder([path]) if root.name == SPECS else root)


def source_of(name: str, path: Path) -> Source:
    """A file's text, under the name that findings call it by."""
    # One byte more than is accepted is enough to know that a file is too large.
    try:
        if not os.path.isfile(path) and path.exists():  # noqa: PTH113 (thousands; a pipe would be waited for)
            return Source(name, "", name, "it is no file")
        with path.open("rb", buffering=0) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Source(name, "", name, (error.strerror or str(error)).lower())
    return Source(name, raw.decode("utf-8", errors="surrogateescape"), name)


def content_of(path: Path, most: int, hint: str) -> bytes:
    """What a file holds, or what comes through a pipe (`<(…)`), up to one byte more than the most.

    Raises UsageError for what is not there, TargetError when it cannot be read."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: {hint}")
    if not path.exists():
        raise UsageError(f"there is no file {path}: {hint}")
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror or error}") from error


def called_below(folder: Path, source: Source) -> Source:
    """A file of another state of the project, called as if that folder were the present one."""
    if folder == Path():
        return source
    name = Path(source.name).relative_to(folder).as_posix()
    return Source(name, source.text, name, source.fault)


def _below(folder: Path) -> Iterator[Path]:
    for inside, _, names in os.walk(folder):
        # A link that leads nowhere is read too, and found to be unreadable: a service must not vanish with its file.
        yield from (Path(f"{inside}/{name}") for name in names if name.endswith((".yaml", ".yml")))


def _around(path: Path) -> Iterable[Path]:
    """The files that may concern what is at a path. Outside of `specs`, no tree of somebody's is searched."""
    root = specs_root(path)
    if root.name == SPECS:
        return sorted(_below(root))
    folders = [root, root / "environments"]
    return sorted(
        p for folder in folders for p in folder.glob("*.y*ml") if p.suffix in (".yaml", ".yml") and not p.is_dir()
    )


def _kind(source: Source) -> str:
    """The kind that a file declares: quickly for the many services, for sure where it may concern them all."""
    if not _SHARED.search(source.text):
        return "Capacity" if _KIND.search(source.text) else ""
    node, _ = read(source)
    kind = node.at(("kind",)) if node else None
    if kind is not None:
        return str(kind.value)
    # Broken YAML: what it was meant to be decides whether it is in the way.
    found = _KIND.search(source.text)
    return found[1] if found else ""
