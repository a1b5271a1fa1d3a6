"""A link in a stranger's pull request shows nothing that he could not read himself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from errors.mutations import SPECS

from capgen.cli import main

SECRET = "glpat-0123456789"
FORMATS = ("text", "json", "sarif", "github", "junit")


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as done:
        main(words)
    return int(done.value.code or 0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, and beside it the secrets of the machine it is on."""
    (tmp_path / "token").write_text(f"{SECRET}\n", encoding="utf-8")
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    (checkout / ".git/config").write_text(f"extraheader = {SECRET}\n", encoding="utf-8")
    (checkout / ".env").write_text(f"{SECRET}\n", encoding="utf-8")
    project = checkout / "capacity"
    shutil.copytree(SPECS, project / "specs")
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "1000")
    return project


def link(place: str, leads_to: str) -> Callable[[Path], None]:
    def make(project: Path) -> None:
        (project / place).parent.mkdir(exist_ok=True, parents=True)
        (project / place).unlink(missing_ok=True)
        (project / place).symlink_to(leads_to)

    return make


def folder(place: str, holds: str) -> Callable[[Path], None]:
    def make(project: Path) -> None:
        outside = project.parents[1] / "outside"
        outside.mkdir()
        (project.parents[1] / "token").rename(outside / holds)
        (project / place).symlink_to(outside)

    return make


@pytest.mark.parametrize(
    ("make", "place", "command"),
    [
        (link("specs/shop.yaml", "../../../token"), "specs/shop.yaml", "validate"),
        (link("specs/shop.yaml", "../../../token"), "specs/shop.yaml", "validate specs/shop.yaml"),
        (link("specs/shop.yaml", "../../.git/config"), "specs/shop.yaml", "validate"),
        (link("specs/shop.yaml", "../../.env"), "specs/shop.yaml", "build"),
        (link("templates/prometheus/rules.yml.j2", "../../../../token"), "templates/prometheus/rules.yml.j2", "build"),
        (folder("templates", "rules.j2"), "templates/rules.j2", "build"),
        (link("catalog/redis.yaml", "../../../token"), "catalog/redis.yaml", "build"),
        (link("others.yaml", "../../token"), "others.yaml", "check others.yaml"),
        (link("others/rules.yaml", "../../../token"), "others/rules.yaml", "check others"),
    ],
)
def test_what_lies_outside_is_not_shown(
    make: Callable[[Path], None], place: str, command: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(project)
    said = ""
    for form in FORMATS:
        assert run([*command.split(), "--format", form]) == 3
        captured = capsys.readouterr()
        said += captured.out + captured.err
    assert f"{place}:1:1: error CG622: " in said
    assert SECRET not in said
    assert not (project / "generated").exists()


def test_folders_of_one_checkout_may_share(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One set of defaults for all projects of a repository, and files mounted as Kubernetes mounts a ConfigMap."""
    (project / "specs/shop.yaml").rename(project.parent / "shop.yaml")
    (project / "specs/shop.yaml").symlink_to("../../shop.yaml")
    (project / "specs/..2026_11_24").mkdir()
    (project / "specs/cache.yaml").rename(project / "specs/..2026_11_24/cache")
    (project / "specs/..data").symlink_to("..2026_11_24")
    (project / "specs/cache.yaml").symlink_to("..data/cache")
    assert run(["validate"]) == 0
    assert "4 specs are valid" in capsys.readouterr().err


def test_a_host_links_its_rules_as_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`rules.d` beside `rules.available`, as Debian does it: there is no checkout, and so no stranger."""
    rules = "groups:\n- name: a\n  rules:\n  - record: job:up:sum\n    expr: sum by (job) (up)\n"
    (tmp_path / "rules.available").mkdir()
    (tmp_path / "rules.available/up.yml").write_text(rules, encoding="utf-8")
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d/up.yml").symlink_to("../rules.available/up.yml")
    monkeypatch.chdir(tmp_path)
    assert run(["check", "rules.d"]) == 0, capsys.readouterr().out
