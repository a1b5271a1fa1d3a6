"""What is published works: built as a release is, installed where nothing else is, used from another folder.

The checkout hides what a wheel lacks: templates, catalogue and pages are found beside the source, and the development
environment has every library. Here only the wheel and what it declares are on the path.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from capgen import __version__

ROOT = Path(__file__).parents[2]
DATA = {"capgen": "capgen", "templates": "capgen/_templates"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, which therefore holds all it takes."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `capgen` of an environment that has the wheel and its declared dependencies and nothing else."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, symlinks=True, with_pip=False)
    python = home / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        wheel,
        cwd=home,
    )
    (site,) = home.glob("lib/python*/site-packages")
    own = metadata.Distribution.at(next(site.glob("capgen-*.dist-info")))
    for name in closure(own.requires or []):
        link(name, site)
    return home / "bin" / "capgen"


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=300, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def closure(requires: list[str]) -> set[str]:
    """The names of all libraries that are asked for, directly or by one another, without extras."""
    found: set[str] = set()
    waiting = list(requires)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += metadata.distribution(name).requires or []
    return found


def link(name: str, site: Path) -> None:
    """Puts an installed library into another environment, by links to its top-level files and folders."""
    here = Path(sysconfig.get_path("purelib"))
    for file in metadata.distribution(name).files or []:
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (site / top).exists():
            (site / top).symlink_to(here / top)


def test_the_wheel_holds_the_data_that_the_checkout_has(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, packed in DATA.items():
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and file.suffix != ".pyc":
                assert f"{packed}/{file.relative_to(ROOT / folder).as_posix()}" in names
    kinds = [
        ("capgen/_templates/", ""),
        ("capgen/catalog/", ".yaml"),
        ("capgen/codes/", ".md"),
        ("capgen/py.typed", ""),
    ]
    for start, end in kinds:
        assert any(name.startswith(start) and name.endswith(end) for name in names), f"nothing like {start}…{end}"


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"capgen", f"capgen-{__version__}.dist-info"}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_installed_program_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert __version__ in run(installed, "--version", cwd=tmp_path)


def test_the_installed_program_builds_the_examples(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    run(installed, "build", "specs", "--out", "generated", cwd=tmp_path)
    built, committed = (contents(folder / "generated") for folder in (tmp_path, ROOT))
    assert committed, "generated/ is not there"
    assert sorted(built) == sorted(committed)
    assert [name for name in built if built[name] != committed[name]] == []


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
