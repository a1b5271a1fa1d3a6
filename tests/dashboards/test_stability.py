"""Ids and bytes stay as they are when something else is added: links keep working, and a diff shows what changed."""

from __future__ import annotations

import difflib
import json
import re
from functools import cache
from typing import Any

import pytest
from compile.service import service
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from capgen import naming
from capgen.blueprint.dashboards import Dashboard, Grafana, Override
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.deliver import dashboard_file

BASE = """metadata: {name: shop}
signals:
  app.depth: {source: app, expr: 'sum by (queue) (depth{$selector})', levels: {warning: 5, critical: 9}}
"""
ADDED = {
    "a signal of one's own": "  app.mail: {source: app, expr: 'sum by (queue) (mail{$selector})', levels: {warning: 7, critical: 11}}\n",
    "one before the others": "  app.about: {source: app, expr: 'sum by (queue) (about{$selector})', levels: {warning: 7, critical: 11}}\n",
    "one of the catalogue": "  host.cpu_pressure: {levels: {warning: 7%}}\n",
}


def ids(text: str) -> dict[str, int]:
    (dashboard,) = service(text).dashboards
    panels = [panel for row in dashboard.rows for panel in row.panels]
    return {item.key: item.id for item in (*dashboard.rows, *panels)}


@pytest.mark.parametrize("added", ADDED)
def test_the_other_ids_stay(added: str) -> None:
    before, after = ids(BASE), ids(BASE + ADDED[added])
    assert {key: id_ for key, id_ in after.items() if key in before} == before


@pytest.mark.parametrize("added", ADDED)
def test_the_other_lines_stay(added: str) -> None:
    """But for the places of panels behind it in its row, and the one line of the table of levels."""
    before, after = (printed(text) for text in (BASE, BASE + ADDED[added]))
    gone = [line[2:] for line in difflib.ndiff(before, after) if line.startswith("- ")]
    moved = re.compile(r'\s+"gridPos": \{"h":\d+,"w":\d+,"x":\d+,"y":\d+\},?')
    rest = [line for line in gone if not moved.fullmatch(line) and '"content":' not in line]
    assert rest == [] or added == "one of the catalogue", rest
    bands = {int(number) // 100 for line in gone for number in re.findall(r'"y":\s?(\d+)', line)}
    assert len(bands) <= (1 if added != "one of the catalogue" else 2), "rows have lines of their own"


def printed(text: str) -> list[str]:
    blueprint = service(text)
    (dashboard,) = blueprint.dashboards
    return dashboard_file(dashboard, blueprint.delivery.grafana).splitlines()


WORDS = st.text('a%"é\u2028 ', max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from((0.5, 1.0)) | WORDS,
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(WORDS, inner, max_size=12),
    max_leaves=40,
)


@cache
def base() -> Dashboard:
    return service(BASE).dashboards[0]


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_whatever_a_panel_holds_reads_back(value: Any) -> None:
    """Wherever lines are broken, and whatever was written before: 1, 1.0 and true are three values."""
    dashboard, grafana = base(), Grafana()
    first = dashboard.rows[0].panels[0]
    drawn = replace(first, overrides=(Override("byName", "all", (("custom", value), ("again", [value, value]))),))
    dashboard = replace(dashboard, rows=(replace(dashboard.rows[0], panels=(drawn,)),))
    read = json.loads(dashboard_file(dashboard, grafana))
    assert json.dumps(read) == json.dumps(classic(dashboard, grafana))


@given(st.lists(st.text(min_size=1, max_size=12), max_size=50))
def test_ids_are_numbers_that_grafana_takes_and_each_is_used_once(keys: list[str]) -> None:
    found = naming.panels(keys)
    assert set(found) == set(keys)
    assert len(set(found.values())) == len(found)
    assert all(0 < id_ < 2**31 for id_ in found.values())
    assert found == naming.panels(reversed(keys))


def test_two_that_would_meet_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "panel", lambda key, turn=0: 7 + turn)
    assert naming.panels(["c", "a", "b"]) == {"a": 7, "b": 8, "c": 9}


def test_a_uid_fits_and_is_nobody_elses() -> None:
    pairs = [("production", "apm"), ("p" * 60, "a" * 63), ("p" * 60, "a" * 62 + "b"), ("a-b", "c"), ("a", "b-c")]
    uids = {naming.dashboard(*pair) for pair in pairs} | {naming.fleet_dashboard("production", "overview")}
    assert len(uids) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid) for uid in uids)
