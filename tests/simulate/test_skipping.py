"""Ticks that are skipped say the same as ticks that are taken one by one, wherever what is known of them ends."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from simulate.comparison import ours
from simulate.random_scenarios import demands, manifests, models, rolled

from capgen.simulate import replay, settled
from capgen.simulate.pods import Model


@settings(max_examples=100, deadline=None)
@given(manifest=manifests(), model=st.one_of(models(), rolled(models())), series=demands())
def test_nothing_is_different_for_being_skipped(manifest: Any, model: Model, series: Any) -> None:
    one_by_one = _told(manifest, model, series, patch.object(replay._Run, "_stretch", lambda run, count: 0))
    for ticks in (7, settled.PIECE):
        pieces = (patch.object(module, "PIECE", ticks) for module in (replay, settled))
        assert _told(manifest, model, series, *pieces, patch.object(replay, "_AT_ONCE", 3)) == one_by_one, ticks


def _told(manifest: Any, model: Model, series: Any, *changed: AbstractContextManager[Any]) -> Any:
    with ExitStack() as stack:
        for one in changed:
            stack.enter_context(one)
        done = ours(manifest, model, series)
    return done.replicas.tolist(), done.limited.tolist(), done.able.tolist(), done.events, done.rolled
