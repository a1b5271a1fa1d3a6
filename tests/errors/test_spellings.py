"""Every form that text may be asked to have is explained in words, and not by its regular expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from capgen.catalog.model import Exporter, Ladders
from capgen.spec.documents import KINDS
from capgen.spellings import SPELLINGS

QUANTITIES = ("^[+-]?(", "^([0-9]{1,15}", "^(?=.)")
"""How the patterns of quantities begin; the parser of units says what is wrong with those."""


def patterns(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        part = list(part.values())
    if isinstance(part, list):
        for inside in part:
            yield from patterns(inside)


@pytest.mark.parametrize("model", [*KINDS.values(), Exporter, Ladders], ids=lambda model: model.__name__)
def test_every_pattern_has_words(model: Any) -> None:
    wanted = {pattern for pattern in patterns(model.model_json_schema()) if not pattern.startswith(QUANTITIES)}
    assert wanted
    assert sorted(wanted - set(SPELLINGS)) == []
