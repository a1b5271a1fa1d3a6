"""The rules of the house that no linter knows: sizes, names, docstrings, arrows, and what may never be written down."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LONGEST = 400
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
# Bracketed dots, so that this file does not say what it forbids.
REGISTRIES = re.compile(
    r"(?:\b(?:pypi|pythonhosted|npmjs|yarnpkg|rubygems|docker|quay|ghcr|gcr|maven|deb(?:ian)?)[.](?:org|io|com)"
    r"|(?:proxy|sum)[.]golang[.]org|crates[.]io|registry[.]k8s[.]io)\b"
)


def committed() -> list[Path]:
    """What a commit of everything would hold: tracked and new files, without what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


FILES = committed()
MODULES = [file for file in FILES if file.suffix == ".py"]
PACKAGE = [file for file in MODULES if file.is_relative_to(ROOT / "capgen")]


def shown(files: list[Path]) -> list[str]:
    return [str(file.relative_to(ROOT)) for file in files]


def test_the_house_is_there() -> None:
    assert len(PACKAGE) > 20, "the other tests here would hold for an empty folder"


def test_no_module_is_longer_than_the_limit() -> None:
    long = {str(file.relative_to(ROOT)): lines for file in MODULES if (lines := file.read_text().count("\n")) > LONGEST}
    assert long == {}, f"split them: {LONGEST} lines are the most"


def test_no_file_or_folder_is_called_what_everything_could_be_called() -> None:
    nameless = [file for file in FILES if NAMELESS & {Path(part).stem for part in file.relative_to(ROOT).parts}]
    assert shown(nameless) == [], "what has no better name has no home yet"


def test_every_module_says_why_it_exists() -> None:
    silent = []
    for file in PACKAGE:
        tree = ast.parse(file.read_text())
        if len(ast.get_docstring(tree) or "") < 60 and (tree.body or file.name != "__init__.py"):
            silent.append(file)
    assert shown(silent) == [], "a module opens with the reason for it, in a sentence or more"


def test_only_the_command_line_prints() -> None:
    loud = [
        file
        for file in PACKAGE
        if not file.is_relative_to(ROOT / "capgen" / "cli")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    ]
    assert shown(loud) == [], "return a value; capgen/cli writes it"


def test_templates_have_one_home() -> None:
    folders = {parent for file in FILES for parent in file.parents if parent.name in ("templates", "_templates")}
    assert shown(sorted(folder for folder in folders if not folder.is_relative_to(ROOT / "tests"))) == ["templates"]


def test_nothing_names_a_package_host_or_a_path_of_the_machine_it_was_written_on() -> None:
    machine = re.compile("|".join(rf"(?<![\w.~-]){re.escape(str(folder))}/" for folder in (ROOT, Path.home())))
    found = []
    for file in FILES:
        text = file.read_text(errors="replace")
        found += [
            f"{file.relative_to(ROOT)}: {match[0]}" for rule in (REGISTRIES, machine) for match in rule.finditer(text)
        ]
    assert found == []


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


def pins() -> dict[str, str]:
    text = (ROOT / "requirements" / "dev.txt").read_text()
    return {canonicalize_name(name): version for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+) \\$", text)}


def test_every_line_of_the_pins_is_a_pin_or_its_hash() -> None:
    line = re.compile(r"|#.*|[\w.-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?")
    text = (ROOT / "requirements" / "dev.txt").read_text()
    assert [row for row in text.split("\n") if not line.fullmatch(row)] == []
    assert "://" not in text


def test_the_pins_are_what_pyproject_asks_for() -> None:
    script = [sys.executable, ROOT / "requirements" / "wanted.py"]
    asked = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(told["project"]["dependencies"]) | set(told["dependency-groups"]["dev"]) <= set(asked)
    for requirement in map(Requirement, asked):
        pinned = pins().get(canonicalize_name(requirement.name))
        assert pinned, f"{requirement.name} is not pinned: run make lock"
        assert requirement.specifier.contains(pinned), f"{requirement} is pinned to {pinned}: run make lock"
