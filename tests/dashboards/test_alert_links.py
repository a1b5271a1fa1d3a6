"""Each alert of a level leads to the panel of its signal, by Grafana's annotations and, where known, by an address."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from compile.service import service
from dashboards.examples import services

from capgen.blueprint import Alert, Blueprint

URL = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: host}\n"


def alerts(blueprint: Blueprint) -> list[Alert]:
    return [alert for group in blueprint.groups for alert in group.alerts]


def test_no_link_dangles_and_nothing_about_a_signal_is_without_one() -> None:
    for blueprint in services():
        (dashboard,) = blueprint.dashboards
        known = {(dashboard.uid, str(panel.id)): panel.signal for row in dashboard.rows for panel in row.panels}
        for alert in alerts(blueprint):
            texts = dict(alert.annotations)
            pair = texts.get("__dashboardUid__"), texts.get("__panelId__")
            if alert.kind in ("level", "ahead", "budget"):
                assert known[pair] == alert.signal  # type: ignore[index]
            else:
                assert pair == (None, None), "Grafana takes both or neither"
            assert "dashboard_url" not in texts, "nobody said where Grafana is"


def test_the_address_of_the_panel() -> None:
    blueprint = service("metadata: {name: shop}\n", URL + "grafana: {url: 'https://grafana.example.com/'}\n")
    (dashboard,) = blueprint.dashboards
    for alert in alerts(blueprint):
        texts = dict(alert.annotations)
        address = urlsplit(texts["dashboard_url"])
        assert (address.netloc, address.path) == ("grafana.example.com", f"/d/{dashboard.uid}")
        assert parse_qs(address.query).get("viewPanel", [None]) == [texts.get("__panelId__")]


def test_without_dashboards_there_is_nothing_to_link_to() -> None:
    blueprint = service(
        "metadata: {name: shop}\n", URL + "deliver: {grafana: none}\ngrafana: {url: 'https://grafana.example.com'}\n"
    )
    assert blueprint.dashboards == ()
    assert not any("dashboard" in name.lower() for alert in alerts(blueprint) for name, _ in alert.annotations)


def test_an_address_is_text_for_prometheus() -> None:
    blueprint = service("metadata: {name: shop}\n", URL + "grafana: {url: 'https://grafana.example.com/{{$value}}'}\n")
    for alert in alerts(blueprint):
        assert not re.search(r"[{}]", dict(alert.annotations)["dashboard_url"])
