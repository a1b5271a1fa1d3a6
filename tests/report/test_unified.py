"""Differences of text: what is shown is a patch that makes one file of the other."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen.report.unified import unified

TEXTS = st.lists(st.sampled_from(("a: 1", "b: 2", "", "\tc", "--- d", "+e")), max_size=6).map("\n".join)


@given(TEXTS, TEXTS)
def test_patch_makes_one_of_the_other(tmp_path_factory: pytest.TempPathFactory, before: str, after: str) -> None:
    folder = tmp_path_factory.mktemp("patch")
    file = folder / "x.yaml"
    file.write_text(before)
    patch = unified(before, after, "x.yaml")
    assert bool(patch) == (before != after)
    if patch:
        subprocess.run(["git", "apply", "--unidiff-zero"], cwd=folder, input=patch, text=True, check=True, timeout=30)
        assert file.read_text() == after


@pytest.mark.parametrize(("before", "after"), [(None, "a\n"), ("a\n", None), (None, "")])
def test_a_new_or_removed_file_is_named_as_git_has_it(before: str | None, after: str | None, tmp_path: Path) -> None:
    patch = unified(before, after, "x.yaml")
    assert ("--- /dev/null\n" in patch) == (before is None)
    assert ("+++ /dev/null\n" in patch) == (after is None)


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    shown = unified("a: 1\n", "a: \x1b]0;evil\x07\u202e\n", "x\n+y.yaml", color=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", shown) == (
        "--- a/x␊+y.yaml\n+++ b/x␊+y.yaml\n@@ -1 +1 @@\n-a: 1\n+a: ␛]0;evil␇\ufffd\n"
    )


def test_a_hostile_name_of_an_empty_file_stays_on_its_line() -> None:
    assert unified(None, "", "x\n+y") == "--- /dev/null\n+++ b/x␊+y\n"


def test_equal_texts_have_no_difference() -> None:
    assert unified("a\n", "a\n", "x") == ""
