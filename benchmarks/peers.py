"""The tools capgen is measured against: fetched and built once, into the cache where the tests keep their servers.

Each has a folder below `peers/` whose files pin its version and are the key of its build.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent / "peers"
_PACKAGES = {"sloth": "github.com/slok/sloth/cmd/sloth", "jsonnet": "github.com/google/go-jsonnet/cmd/jsonnet"}
VERSIONS = {"sloth": "Sloth 0.12.0", "jsonnet": "go-jsonnet 0.22.0", "nthlayer": "nthlayer-generate 2.1.2"}


class Unavailable(RuntimeError):
    """A peer cannot be had here; the message says what is missing."""


def peer(name: str) -> Path:
    """The program of a peer, built or installed first if it is not there. Raises Unavailable."""
    folder = _cache() / f"{name}-{_key(name)}"
    program = folder / "bin" / name
    if not program.is_file():
        # A place that something left half-made is made anew.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"fetching {VERSIONS[name]}", file=sys.stderr, flush=True)
        _MAKERS[name](name, folder)
    return program


def _build(name: str, folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise Unavailable("go is not installed")
    module = folder / "module"
    shutil.copytree(HERE / name, module)
    _quietly([go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(folder / "bin" / name), _PACKAGES[name]], module)


def _install(name: str, folder: Path) -> None:
    # Not moved afterwards: the programs of a virtual environment know its path.
    _quietly([sys.executable, "-m", "venv", str(folder)], folder)
    _quietly(
        [str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(HERE / name / "requirements.txt")],
        folder,
    )


_MAKERS: dict[str, Callable[[str, Path], None]] = {"sloth": _build, "jsonnet": _build, "nthlayer": _install}


def _quietly(command: list[str], folder: Path) -> None:
    run = subprocess.run(command, cwd=folder, env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True)
    if run.returncode:
        raise Unavailable(f"{' '.join(command[:3])} failed:\n{run.stderr[-2000:]}")


def _cache() -> Path:
    if given := os.environ.get("CAPGEN_COMPONENTS"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "capgen" / "components"


def _key(name: str) -> str:
    pins = [HERE / name / file for file in ("go.mod", "go.sum", "requirements.txt")]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in pins if file.is_file())).hexdigest()[:16]
