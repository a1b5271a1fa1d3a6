"""Runs promtool's unit tests: many files a process, a verdict a file. The one place here that acts."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from capgen.errors import CapgenError

FILES_A_PROCESS = 40
TIMEOUT = 600.0
# The headline of a file in promtool 2 and in promtool 3.
_HEADLINE = re.compile(r"^(?:Unit Testing:|Processing test file:)\s+(.+?)\s*$", re.MULTILINE)


def version(promtool: Path) -> str:
    """The first line of `promtool --version`. Raises CapgenError when it does not run."""
    return (_run([str(promtool), "--version"], Path.cwd()).splitlines() or [""])[0].strip()


def run_tests(promtool: Path, folder: Path, files: Sequence[str], jobs: int) -> Mapping[str, str]:
    """What promtool says against each test file in `folder`: "" when it passes, else its complaint."""
    size = max(1, min(FILES_A_PROCESS, -(-len(files) // max(1, jobs))))
    batches = [files[start : start + size] for start in range(0, len(files), size)]
    verdicts: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for found in pool.map(lambda batch: _verdicts(promtool, folder, batch), batches):
            verdicts.update(found)
    return verdicts


def _verdicts(promtool: Path, folder: Path, files: Sequence[str]) -> dict[str, str]:
    output = _run([str(promtool), "test", "rules", *files], folder)
    pieces = _HEADLINE.split(output)
    said = {name: text.strip() for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    if missing := [name for name in files if name not in said]:
        raise CapgenError(f"promtool stopped before {missing[0]}: {output.strip()[-500:] or 'it said nothing'}")
    return {name: _complaint(said[name]) for name in files}


def _complaint(text: str) -> str:
    if text.endswith("SUCCESS") or text == "":
        return ""
    return text.removeprefix("FAILED:").strip() or "failed"


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the program is the caller's choice, the files are our own
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CapgenError(f"promtool could not be run: {error}; give the path of a working one") from error
    return done.stdout
