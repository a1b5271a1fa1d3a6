"""Rules that were published and never worked, in words of our own: each is found, and its corrected form passes."""

from __future__ import annotations

import pytest
from check.conftest import HERE

CASES = sorted(folder.name for folder in (HERE / "corpus").iterdir())


@pytest.mark.parametrize("case", CASES)
def test_bad_is_found_where_it_stands(case, check, expected, pairs):
    text = (HERE / "corpus" / case / "bad.yml").read_text()
    assert expected(text), "the file announces nothing"
    assert pairs(check(text)) == expected(text)


@pytest.mark.parametrize("case", CASES)
def test_corrected_form_has_no_findings(case, check):
    assert check((HERE / "corpus" / case / "good.yml").read_text()) == ()


def test_corpus_is_whole():
    assert len(CASES) == 11
