"""Whatever a text of a spec holds, a plan shows it as that text, in every form.

That the bytes are the same on any hash seed is tests/cli/test_plan.py's.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from harness import markdown
from hypothesis import Phase, given, settings
from properties.strangers import LINES, TEXTS, TOKEN, spec, write_project
from properties.test_hostile_pages import PROSE, shown

from capgen import api
from capgen.api import planning
from capgen.markdown import one_line
from capgen.planning.plan import ServicePlan
from capgen.report import ahead, document, planned

HISTORY = "timestamp,value\n" + "".join(
    f"{1_767_600_000 + 3600 * hour},{100 + hour % 24 + hour / 50}\n" for hour in range(1008)
)


def plans_of(folder: Path, text: str, line: str) -> tuple[ServicePlan, ...]:
    write_project(folder, spec(text, line))
    (folder / "history").mkdir(exist_ok=True)
    (folder / "history" / "own.queue.csv").write_text(HISTORY)
    return planning.plan([folder / "specs"], "files", history=folder / "history")


def rendered(plans: tuple[ServicePlan, ...], form: str) -> str:
    return document.shown(ahead.document(plans), form, color=False, width=80)


class _Page(HTMLParser):
    """The elements of a page in order with their attributes' names, and what a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> tuple[ServicePlan, ...]:
    return plans_of(tmp_path_factory.mktemp("benign"), TOKEN, TOKEN)


@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    text=PROSE.filter(lambda text: bool(one_line(text))) | TEXTS.filter(lambda text: bool(one_line(text))), line=LINES
)
def test_hostile_text_is_data_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, benign: tuple[ServicePlan, ...], text: str, line: str
) -> None:
    plans = plans_of(tmp_path_factory.mktemp("hostile"), text, line)
    found, wanted = (
        json.loads("".join(planned.as_json([planned.piece(one[0])[0]])))["services"][0] for one in (plans, benign)
    )
    (item,) = found["roadmap"]
    assert (item["theme"], item["title"], item["owner"]) == (text, text, text)
    assert found["cost"]["source"] == text
    assert found["cost"]["savings"][0]["assumes"].endswith(f"; {text}")
    assert [one["code"] for one in found["findings"]] == [one["code"] for one in wanted["findings"]]
    assert _Page(rendered(plans, "html")).elements == _Page(rendered(benign, "html")).elements
    assert tags(rendered(plans, "markdown")) == tags(rendered(benign, "markdown"))
    for form in ("text", "markdown", "html"):
        assert not [c for c in rendered(plans, form) if c < " " and c != "\n"]


def tags(page: str) -> list[object]:
    """What a page consists of but for its texts."""
    return [part for part in shown(markdown.parts(page)) if not isinstance(part, str)]


def test_hostile_texts_reach_the_alerts_that_look_ahead(tmp_path: Path) -> None:
    built = api.build([write_project(tmp_path, spec("{{ $value }} `x`", "line"))])
    groups = [group for fleet in built.compiled.fleets for one in fleet.services for group in one.groups if group.ahead]
    assert groups
    for group in groups:
        summary = dict(group.alerts[0].annotations)["summary"]
        assert '{{ "{{" }} $value' in summary
