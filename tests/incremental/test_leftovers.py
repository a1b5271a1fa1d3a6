"""What a killed build leaves behind, and links among its files, must not decide what the next build does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capgen import disk
from capgen.errors import Refused


def change(path: str, text: str) -> disk.FileChange:
    return disk.FileChange(path, "missing", None, text)


def test_a_leftover_of_a_killed_build_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container every run may have the same process id."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", die)
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            disk.write(tmp_path, (change("a.yml", "x"),))
    assert len(list(tmp_path.glob(".capgen-*"))) == 1, "the killed build left its file"
    disk.write(tmp_path, (change("a.yml", "x"),))
    assert (tmp_path / "a.yml").read_text() == "x"


def test_a_file_that_the_system_takes_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does near a full disk, and beyond two gigabytes."""
    whole = os.write
    monkeypatch.setattr(os, "write", lambda handle, raw: whole(handle, raw[:7]))
    disk.write(tmp_path, (change("below/a.yml", "words with an é\n" * 3),))
    assert (tmp_path / "below/a.yml").read_bytes() == "words with an é\n".encode() * 3


def test_a_link_among_the_files_stops_all_of_them(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.write_text("theirs")
    (out / "b.yml").symlink_to(elsewhere)
    with pytest.raises(Refused, match="nothing was written"):
        disk.write(out, (change("a.yml", "x"), change("b.yml", "x")))
    assert elsewhere.read_text() == "theirs"
    assert not (out / "a.yml").exists()
