"""Files are not read again while the file system says that nobody touched them, and are in every doubt."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from capgen.incremental import index

NAMES = ("a.yml", "b.yml", "newest.yml")


class Reads(list[str]):
    """The names of the files that were read."""


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    seen, read = Reads(), index._read

    def watched(path: str) -> object:
        seen.append(Path(path).name)
        return read(path)

    monkeypatch.setattr(index, "_read", watched)
    return seen


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three files, of which the last was changed when the clock had gone on."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name in NAMES[:2]:
        (folder / name).write_text(f"text of {name}")
    later(folder)
    return folder


def later(folder: Path) -> None:
    """Writes the newest file until the file system's clock has gone on since all others were changed."""
    newest, others = folder / NAMES[2], [folder / name for name in NAMES[:2]]
    newest.write_text("newest")
    while newest.stat().st_ctime_ns <= max(path.stat().st_ctime_ns for path in others if path.exists()):
        newest.write_text("newest")


def look(out: Path, names: tuple[str, ...] = NAMES) -> dict[str, str]:
    """What is found, checked against what is there."""
    found = index.digests(out, names, out.parent / "index")
    assert found == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names if (out / name).is_file()
    }
    return found


def test_what_has_not_changed_is_not_read_again(out: Path, reads: Reads) -> None:
    look(out)
    assert reads == list(NAMES)
    reads.clear()
    look(out)
    assert reads == ["newest.yml"], "it could have changed again within the same tick"


def test_an_edit_shows_though_size_and_time_are_what_they_were(out: Path, reads: Reads) -> None:
    look(out)
    path = out / "a.yml"
    before = path.stat()
    path.write_text("TEXT of a.yml")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    reads.clear()
    look(out)
    assert "a.yml" in reads


def test_another_file_in_its_place_shows(out: Path) -> None:
    look(out)
    path, other = out / "a.yml", out / "other"
    other.write_text("TEXT of a.yml")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    look(out)
    path.unlink()
    path.symlink_to(out / "b.yml")
    look(out)
    path.unlink()
    look(out)


@pytest.mark.parametrize("damage", [b"", b"{}", b"no digest\n{}"])
def test_a_damaged_index_is_none(out: Path, reads: Reads, damage: bytes) -> None:
    look(out)
    [path] = (out.parent / "index").iterdir()
    path.write_bytes(damage)
    reads.clear()
    look(out)
    assert reads == list(NAMES)


def test_looking_at_some_files_forgets_no_others(out: Path, reads: Reads) -> None:
    """Somebody who builds one spec by itself does not make the next build of all slower."""
    look(out, ("a.yml", "newest.yml"))
    look(out, ("b.yml", "newest.yml"))
    reads.clear()
    look(out)
    assert reads == ["newest.yml"]


def test_two_checkouts_are_not_taken_for_each_other(out: Path, reads: Reads) -> None:
    look(out)
    moved = out.rename(out.parent / "moved")
    out.mkdir()
    (out / "a.yml").write_text("another's")
    look(out)
    reads.clear()
    look(moved)
    assert reads == list(NAMES)
