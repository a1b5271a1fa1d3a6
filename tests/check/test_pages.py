"""Each code's page shows what it says: its bad example gives exactly that code, its good one nothing."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from check.conftest import HERE

from capgen.check import lint

CODES = HERE.parents[1] / "capgen" / "codes"
PAGES = sorted(CODES.glob("CG5*.md"))
SHAPE = re.compile(
    r"# (CG5\d\d): [^\n]+\n\n[^\n#]+\n\n## Bad\n\n```yaml\n(.+?)```\n\n## Good\n\n```yaml\n(.+?)```\n(?:\n## What to do\n\n[^\n]+\n)?",
    re.DOTALL,
)


ERRORS = {"CG500", "CG501", "CG502", "CG504", "CG505", "CG506", "CG507", "CG508", "CG517", "CG522", "CG523", "CG533"}
"""What never works; the rest is fragile."""
NOTES = {"CG531"}


def checks() -> dict[str, str]:
    """The code of each file in `lint`."""
    modules = (
        importlib.import_module(f"capgen.check.lint.{module.name}") for module in pkgutil.iter_modules(lint.__path__)
    )
    return {module.__name__.rpartition(".")[2]: module.CODE for module in modules}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_shows_what_it_says(page, check):
    found = SHAPE.fullmatch(page.read_text())
    assert found, "the page is not of the shape: title, why, Bad, Good, What to do"
    code, bad, good = found.groups()
    assert code == page.stem
    found = check(bad)
    assert {d.code for d in found} == {code}
    assert {d.severity for d in found} == {"error" if code in ERRORS else "note" if code in NOTES else "warning"}
    assert check(good) == ()


def test_every_check_has_a_page_and_a_code_of_its_own():
    codes = checks()
    assert len(set(codes.values())) == len(codes)
    assert {page.stem for page in PAGES} == {*codes.values(), "CG500", "CG501"}


def test_every_check_runs():
    listed = {
        run.__module__.rpartition(".")[2] for run in (*lint.EXPRESSION_CHECKS, *lint.RULE_CHECKS, *lint.FILE_CHECKS)
    }
    assert listed == set(checks())
