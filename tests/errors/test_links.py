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


def test_a_linked_folder_of_the_checkout_is_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Specs and templates that several projects of a repository share."""
    shared = project.parent / "shared"
    (shared / "templates").mkdir(parents=True)
    (project / "specs/shop.yaml").rename(shared / "shop.yaml")
    (project / "specs/team").symlink_to("../../shared")
    assert run(["validate"]) == 0
    assert "4 specs are valid" in capsys.readouterr().err
    assert run(["validate", "specs/team/shop.yaml"]) == 0
    (shared / "templates/rules.yml.j2").write_text("{{ unfinished\n", encoding="utf-8")
    (project / "templates").mkdir()
    (project / "templates/prometheus").symlink_to("../../shared/templates")
    assert run(["build"]) == 3
    assert "templates/prometheus/rules.yml.j2:1:1: error CG701: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("leads_to", "code"),
    [
        (".", "CG625"),
        ("..", "CG625"),
        ("environments", "CG625"),
        ("../../.git", "CG622"),
        ("../../../outside", "CG622"),
        ("../nowhere", "CG619"),
    ],
)
def test_a_linked_folder_that_is_not_read_is_told(
    leads_to: str, code: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.parents[1] / "outside").mkdir()
    (project / "specs/more").symlink_to(leads_to)
    assert run(["validate"]) == 3
    said = capsys.readouterr().out
    assert f"specs/more:1:1: error {code}: " in said
    assert "1 error" in said


def test_a_folder_mounted_from_a_configmap_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SPECS, tmp_path / "specs/..2026_11_24")
    (tmp_path / "specs/..data").symlink_to("..2026_11_24")
    for name in ("apm.yaml", "cache.yaml", "ledger.yaml", "shop.yaml", "defaults.yaml"):
        (tmp_path / "specs" / name).symlink_to(f"..data/{name}")
    (tmp_path / "specs/.#shop.yaml").symlink_to("somebody@somewhere.1234")
    monkeypatch.chdir(tmp_path)
    for name in ("host", "production"):
        (tmp_path / f"specs/{name}.yaml").symlink_to(f"..data/environments/{name}.yaml")
    assert run(["validate"]) == 0, capsys.readouterr().out
    assert "4 specs are valid" in capsys.readouterr().err
