"""The page of a service: every link on it leads somewhere, alerts lead to it, and it says what the spec says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from harness import markdown

from capgen import api, units

ROOT = Path(__file__).parents[2]
PAGES = "https://git.example.com/capacity/generated/test"
SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, owner: web}
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
signals:
  host.memory: {runbook: "https://runbooks.example.com/memory"}
notify: {slack: {webhook: {env: SLACK}}}
"""
ENVIRONMENT = f"""\
apiVersion: capgen/v1
kind: Environment
metadata: {{name: test}}
directory: {{root: deploy}}
alertmanager: {{url: "http://localhost:9093"}}
grafana: {{url: "https://grafana.example.com"}}
pages: {{url: "{PAGES}/"}}
"""


@pytest.fixture(scope="module")
def examples() -> api.Built:
    return api.build([ROOT / "specs"])


@pytest.fixture
def shop(tmp_path: Path) -> api.Built:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "shop.yaml").write_text(SPEC)
    (tmp_path / "specs" / "environment.yaml").write_text(ENVIRONMENT)
    return api.build([tmp_path / "specs"])


def test_every_link_of_the_examples_pages_leads_somewhere(examples: api.Built) -> None:
    files = api.generated_files(examples)
    pages = {path: text for path, text in files.items() if path.endswith("/README.md")}
    assert len(pages) == 5
    for path, text in pages.items():
        places = markdown.anchors(text)
        assert len(places) == len(set(places)), "an anchor names one place"
        found = markdown.links(text)
        assert len(found) > 20
        for link in found:
            file, _, anchor = unquote(link).partition("#")
            if link.startswith("https://"):
                continue
            there = f"{path.rpartition('/')[0]}/{file}"
            assert not file or there in files or (file.endswith("/") and any(p.startswith(there) for p in files)), link
            assert not anchor or anchor in places, link


def test_every_file_of_a_service_is_linked(examples: api.Built) -> None:
    for environment, artifacts in examples.artifacts:
        for page in (artifact for artifact in artifacts if artifact.kind == "page"):
            own = {a.path for a in artifacts if a.service == page.service and a is not page}
            linked = {f"{page.service}/{unquote(link)}" for link in markdown.links(page.text) if "#" not in link}
            read = {path for path in own if not path.rpartition("/")[2].startswith(".")}
            assert all(path in linked or f"{path.rpartition('/')[0]}/" in linked for path in read), environment


def test_every_level_is_on_the_page_with_what_to_do(examples: api.Built) -> None:
    for fleet in examples.compiled.fleets:
        files = api.generated_files(examples)
        for service in fleet.services:
            text = files[f"{fleet.environment}/{service.name}/README.md"]
            shown = [part for part in markdown.parts(text) if isinstance(part, str)]
            for signal in (signal for signal in service.signals if signal.levels):
                section = shown[shown.index(signal.title, shown.index("Signals")) :]
                assert any(signal.action.split(".")[0] in part.replace("\u2060", "") for part in section), signal.id
                for level in signal.levels:
                    side = "at or above" if signal.worse == "above" else "at or below"
                    begins = f"{side} {units.human(level.threshold, signal.unit)}"
                    assert (level.name.replace("_", " "), begins) in set(pairwise(section))


def test_every_alert_leads_to_its_place(shop: api.Built) -> None:
    (service,) = shop.compiled.fleets[0].services
    text = api.generated_files(shop)["test/shop/README.md"]
    places = markdown.anchors(text)
    alerts = [alert for group in service.groups for alert in group.alerts]
    assert {alert.kind for alert in alerts} == {"level", "down", "absent"}
    for alert in alerts:
        annotations = dict(alert.annotations)
        page, _, place = annotations["page_url"].partition("#")
        assert page == f"{PAGES}/shop/README.md"
        assert place in places
        # Without a runbook the page is one; a signal's own stays.
        own = "https://runbooks.example.com/memory" if alert.signal == "host.memory" else annotations["page_url"]
        assert annotations["runbook_url"] == own
    assert any(link.startswith("https://grafana.example.com/d/") for link in markdown.links(text))
    assert "https://runbooks.example.com/memory" in markdown.links(text)


def test_without_an_address_alerts_link_to_no_page(examples: api.Built) -> None:
    for fleet in examples.compiled.fleets:
        for service in fleet.services:
            assert not [a for g in service.groups for a in g.alerts if "page_url" in dict(a.annotations)]
