"""`capgen preview` as a user runs it: files, messages and exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from pathlib import Path

import pytest
from cli.command import run
from preview.boards import EVERY_TYPE

from capgen.cli.output import cache_folder
from capgen.preview.bundle import APP, VERSIONS, bundle
from capgen.preview.page import Bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.json").write_text(json.dumps(EVERY_TYPE))
    return tmp_path


def on_path(folder: Path, *programs: str) -> dict[str, str]:
    """A PATH on which there are these programs only."""
    there = folder / "bin"
    there.mkdir()
    for name in programs:
        (there / name).symlink_to(shutil.which(name) or name)
    return {"PATH": str(there)}


def test_a_page_and_its_picture_are_written(folder: Path, preview_bundle: Bundle, chromium: str) -> None:
    done = run("preview", "shop.json", "--width", "1200", cwd=folder)
    assert (done.code, done.out) == (0, "preview/shop.html\npreview/shop.png\n"), done.err
    first = (folder / "preview" / "shop.png").read_bytes()
    width, height = struct.unpack(">II", first[16:24])
    assert first[:8] == b"\x89PNG\r\n\x1a\n" and width == 1200
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in EVERY_TYPE["panels"])
    assert height > rows * 38, "the whole page is in the picture"
    page = (folder / "preview" / "shop.html").read_bytes()
    assert run("preview", "shop.json", "--html", cwd=folder).code == 0
    assert (folder / "preview" / "shop.html").read_bytes() == page, "the same dashboard gives the same page"
    assert sorted(path.name for path in (folder / "preview").iterdir()) == ["shop.html", "shop.png"]


def test_only_what_is_asked_for_is_written_and_needed(folder: Path, preview_bundle: Bundle) -> None:
    done = run("preview", "shop.json", "--html", cwd=folder, env=on_path(folder))
    assert (done.code, done.out) == (0, "preview/shop.html\n"), "neither Chromium nor, with a bundle at hand, node"
    done = run("preview", "shop.json", cwd=folder, env={"PATH": str(folder / "bin"), "CHROME": ""})
    assert done.code == 1 and "no Chromium on PATH" in done.err and "apt-get install chromium" in done.err
    done = run("preview", "shop.json", cwd=folder, env={"CHROME": "/nowhere/chrome"})
    assert done.code == 1 and "CHROME names /nowhere/chrome, which is no program" in done.err


def test_without_node_or_npm_it_says_what_to_install(folder: Path) -> None:
    for programs, missing in (((), "node"), (("node",), "npm")):
        shutil.rmtree(folder / "bin", ignore_errors=True)
        env = {**on_path(folder, *programs), "XDG_CACHE_HOME": str(folder / "cache")}
        done = run("preview", "shop.json", "--html", cwd=folder, env=env)
        assert done.code == 1 and done.out == ""
        assert f"there is no {missing} on PATH" in done.err and "Node.js 18 or newer" in done.err
        assert not (folder / "preview").exists()


def test_an_old_node_and_a_failing_npm_are_told(folder: Path) -> None:
    there = folder / "bin"
    there.mkdir()
    for name, says in (("node", "echo v16.20.0"), ("npm", "echo 'npm error network' >&2; exit 1")):
        (there / name).write_text(f"#!/bin/sh\n{says}\n")
        (there / name).chmod(0o755)
    env = {"PATH": f"{there}{os.pathsep}/usr/bin{os.pathsep}/bin", "XDG_CACHE_HOME": str(folder / "cache")}
    done = run("preview", "shop.json", "--html", cwd=folder, env=env)
    assert done.code == 1 and "node is v16.20.0: previews need Node.js 18 or newer" in done.err
    (there / "node").write_text("#!/bin/sh\necho v22.1.0\n")
    done = run("preview", "shop.json", "--html", cwd=folder, env=env)
    assert done.code == 1 and "installing Grafana's components failed: npm error network" in done.err
    assert [path.name for path in (folder / "cache" / "capgen" / "preview").iterdir()] == ["bundle.lock"], (
        "nothing half made"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere.json"], 2, "nowhere.json cannot be read"),
        (["other.json"], 2, "no classic dashboard"),
        (["shop.json", "--from", "live"], 2, "give --prometheus URL"),
        (["shop.json", "--from", "sample", "--prometheus", "http://localhost:1"], 2, "leave out --from sample"),
        (["shop.json", "--prometheus", "http://127.0.0.1:9"], 1, "127.0.0.1:9 cannot be asked"),
        (["shop.json", "specs"], 2, "either specs or dashboards"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_anything_is_written(
    folder: Path, arguments: list[str], code: int, says: str
) -> None:
    (folder / "other.json").write_text('{"panels": 1}')
    done = run("preview", *arguments, cwd=folder)
    assert (done.code, done.out) == (code, ""), done.err
    assert says in done.err and "Traceback" not in done.err
    assert not (folder / "preview").exists()


def test_the_packages_are_pinned_by_digest_and_none_is_under_a_licence_that_binds_its_user() -> None:
    packages = json.loads((APP / VERSIONS).read_text())["packages"]
    wanted = json.loads((APP / "package.json").read_text())["dependencies"]
    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
    assert [name for name, package in packages.items() if "resolved" in package] == [], (
        "the registry is the user's choice"
    )
    bound = re.compile(r"\bA?GPL|SSPL|BUSL|Elastic", re.IGNORECASE)
    assert [name for name, package in packages.items() if bound.search(str(package.get("license", "")))] == []
    assert "node_modules/@grafana/prometheus" not in packages
    copies = [name for name in packages if name.endswith("node_modules/@grafana/data")]
    assert len(copies) == 1, "two copies of it are two themes: panels would be dark on a light page"


def test_a_changed_source_is_another_bundle(tmp_path: Path, preview_bundle: Bundle) -> None:
    from capgen.preview import bundle as module

    app = tmp_path / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules"))
    assert module._key(app) == module._key(APP)
    (app / "src" / "nothing.js").write_text("export default 1;\n")
    assert module._key(app) != module._key(APP)
    assert bundle(cache_folder("preview")) == preview_bundle
