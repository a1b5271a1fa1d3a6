"""Who is told: a route a team and receiver, nobody left out, and a word about whoever would be."""

from __future__ import annotations

import pytest
from compile.service import compiled, fleet, said

from capgen.blueprint import Fleet
from capgen.blueprint.notifications import Route

HOST = """apiVersion: capgen/v1
kind: Environment
metadata: {name: host}
directory: {root: ./deploy}
"""
SLACK = "notify: {slack: {webhook: {env: SLACK}}}"


def service(name: str, *parts: str, owner: str = "") -> str:
    metadata = f"metadata: {{name: {name}{f', owner: {owner}' if owner else ''}}}"
    target = f'sources: {{host: {{exporter: node, targets: ["{name}:9100"]}}}}'
    return "\n".join((metadata, target, *parts))


def receivers(found: Fleet, **labels: str) -> list[str]:
    """The receivers of an alert with these labels, as Alertmanager finds them."""
    return list(_receivers(found.routing.root, {"kind": "level", **labels}) or [])


def _receivers(route: Route, labels: dict[str, str]) -> list[str] | None:
    if route.matchers and not all(_matches(matcher, labels) for matcher in route.matchers):
        return None
    told: list[str] = []
    for inside in route.routes:
        if (found := _receivers(inside, labels)) is not None:
            told += found
            if not inside.goes_on:
                break
    return told or [route.receiver]


def _matches(matcher: tuple[str, str, str], labels: dict[str, str]) -> bool:
    label, operator, value = matcher
    options = value.split("|") if operator == "=~" else [value]
    return labels.get(label, "") in options


def test_services_of_a_team_share_its_route() -> None:
    found, _ = fleet(*(service(name, SLACK, owner="web") for name in ("a", "b", "c")))
    (route,) = found.routing.root.routes
    assert (route.matchers, route.receiver, route.routes) == ((("team", "=", "web"),), "web/slack", ())
    assert [name for name, _ in found.routing.receivers] == ["nobody", "web/slack"]


def test_a_service_that_declares_no_receiver_is_its_teams() -> None:
    found, _ = fleet(
        service("a", SLACK, owner="web"),
        service("b", "notify: {pager: {pagerduty: {env: KEY}}}", owner="web"),
        service("c", owner="web"),
        service("d", owner="ops"),
    )
    assert receivers(found, team="web", service="a") == ["web/slack"]
    assert receivers(found, team="web", service="b") == ["web/pager"]
    assert receivers(found, team="web", service="c") == ["web/pager", "web/slack"]
    assert receivers(found, team="ops", service="d") == [], "it is left to whoever else routes"


def test_two_things_by_one_name_stay_two() -> None:
    found, _ = fleet(
        service("a", SLACK, owner="web"),
        service("b", SLACK.replace("SLACK", "OTHER"), owner="web"),
        service("c", SLACK),
    )
    assert receivers(found, team="web", service="a") == ["web/a/slack"]
    assert receivers(found, team="web", service="b") == ["web/b/slack"]
    assert receivers(found, service="c") == ["-/c/slack"]
    assert receivers(found, service="d") == ["nobody"]
    assert dict(found.routing.receivers)["web/b/slack"].secret.where == "OTHER"


def test_severities_choose_among_receivers_and_say_how_soon() -> None:
    found, _ = fleet(
        service(
            "a",
            "notify:\n  pager: {pagerduty: {env: K}, severities: [emergency, critical]}\n  mailing: {webhook: {env: M}, severities: [warning]}\n  log: {webhook: {env: L}}",
            owner="web",
        )
    )
    told = {
        severity: receivers(found, team="web", service="a", severity=severity)
        for severity in ("info", "warning", "critical", "emergency")
    }
    assert told == {
        "info": ["web/log"],
        "warning": ["web/log", "web/mailing"],
        "critical": ["web/log", "web/pager"],
        "emergency": ["web/log", "web/pager"],
    }
    waits = {route.receiver: route.timing.repeat for route in found.routing.root.routes[0].routes}
    assert waits["web/pager"] < waits["web/log"] < waits["web/mailing"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("slack", "slack"), ("slack_ops", "slack"), ("ops_slack", "slack"), ("slacker", "webhook"), ("team", "webhook")],
)
def test_a_webhook_by_the_name_of_slack_is_slacks(name: str, kind: str) -> None:
    found, _ = fleet(service("a", f"notify: {{{name}: {{webhook: {{env: A}}}}}}"))
    assert {receiver.kind for _, receiver in found.routing.receivers if receiver} == {kind}


@pytest.mark.parametrize(
    ("environment", "services", "unreached"),
    [
        (HOST, [service("a", owner="web"), service("b", owner="web")], [("0.yaml:3:21", "alerts of a and of 1 more service reach nobody")]),
        (HOST, [service("a", owner="web"), service("b", SLACK, owner="web")], []),
        (HOST, [service("a"), service("b", SLACK), service("c")], [("0.yaml:3:12", "alerts of a reach"), ("2.yaml:3:12", "alerts of c reach")]),
        (HOST + "deliver: {alertmanager: none}\n", [service("a")], []),
        ("", [service("a")], []),
    ],
)  # fmt: skip
def test_a_team_that_nobody_tells_is_told_so(
    environment: str, services: list[str], unreached: list[tuple[str, str]]
) -> None:
    _, found = fleet(*services, *([environment] if environment else []))
    assert {finding.code for finding in found} <= {"CG352"}
    assert [str(finding.span) for finding in found] == [place for place, _ in unreached]
    for finding, (_, words) in zip(found, unreached, strict=True):
        assert words in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "notify: {»pager«: {severities: [critical]}}",
        "notify: {»pager«: {webhook: {env: A}, email: [a@b.c]}}",
    ],
)
def test_one_way_to_be_told(text: str) -> None:
    assert said(text)[0] == ("CG351", "pager")


def test_places_of_secrets_and_options() -> None:
    assert said("notify: {slack: {»webhook«: {}}}") == [("CG328", "webhook")]
    assert said("notify: {team: {webhook: {env: A}, »token«: {env: B, file: /c}}}") == [("CG328", "token")]
    assert said('notify: {team: {webhook: {env: A}, »channel«: "#a"}}') == [("CG359", "channel")]
    assert said("notify: {slack: {webhook: {env: A}, »token«: {env: B}}}") == [("CG359", "token")]


def test_what_is_not_delivered_is_not_asked_of() -> None:
    none = HOST + "deliver: {alertmanager: none}\n"
    _, found = compiled(service("a", "notify: {people: {email: [a@b.c], severities: [info]}}"), none)
    assert found == ()
