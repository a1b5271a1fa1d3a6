"""The Alertmanager configuration as its readers take it: amtool routes every alert, the operator's object says the same."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.controlplane import ControlPlane

from capgen import api

SPECS = Path(__file__).parents[2] / "specs"
EVERY_KIND = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, owner: "web.shop team"}
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
notify:
  slack: {webhook: {env: SLACK_URL}, channel: "#a'b\\"c"}
  hook: {webhook: {secret: {name: hook, key: url}}, token: {env: HOOK_TOKEN}}
  pager: {pagerduty: {secret: {name: pager, key: key}}, severities: [critical, emergency]}
  people: {email: [a@example.com, b@example.com], severities: [info, warning]}
"""
ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: %s}
kubernetes: {namespace: monitoring}
deliver: {prometheus: operator, alertmanager: %s}
alertmanager:
  namespace_matcher: false
  secrets: /run/secrets
  labels: {alertmanager: main}
  smtp: {host: "mail.example.com:587", sender: alerts@example.com, user: alerts, password: {env: SMTP_PASSWORD}}
"""


def built(folder: Path, *specs: str) -> dict[str, str]:
    """The files of the specs for an Alertmanager that reads files and for the operator's."""
    (folder / "specs").mkdir()
    for number, text in enumerate(specs):
        (folder / "specs" / f"{number}.yaml").write_text(text)
    for name in ("files", "operator"):
        (folder / "specs" / f"{name}.yaml").write_text(ENVIRONMENT % (name, name))
    return api.generated_files(api.build([folder / "specs"]))


@pytest.fixture
def every_kind(tmp_path: Path) -> dict[str, str]:
    return built(tmp_path, EVERY_KIND)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[api.Built, Path]:
    """The example services of production with the routes as a file."""
    specs = tmp_path_factory.mktemp("examples") / "specs"
    (specs / "environments").mkdir(parents=True)
    for path in SPECS.rglob("*.yaml"):
        text = path.read_text().replace("alertmanager: operator", "alertmanager: files")
        (specs / path.relative_to(SPECS)).write_text(text)
    found = api.build([specs], environments=["production"])
    path = specs.parent / "alertmanager.yml"
    path.write_text(api.generated_files(found)["production/alertmanager.yml"])
    return found, path


def printed(program: Path, *arguments: object) -> str:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_alert_of_the_examples_reaches_its_team(examples: tuple[api.Built, Path], amtool: Path) -> None:
    found, path = examples
    (fleet,) = found.compiled.fleets
    sent = {
        tuple((label, dict(alert.labels)[label]) for label in ("kind", "service", "severity", "team"))
        for service in fleet.services for group in service.groups for alert in group.alerts
    }  # fmt: skip
    assert {dict(labels)["service"] for labels in sent} == {"apm", "cache", "ledger", "shop"}
    for labels in sorted(sent):
        team = dict(labels)["team"]
        arguments = [f"{label}={value}" for label, value in labels]
        verify = f"--verify.receivers={team}/slack"
        printed(amtool, "config", "routes", "test", f"--config.file={path}", verify, *arguments)
    assert printed(amtool, "config", "routes", "test", f"--config.file={path}", "alertname=Foreign").strip() == "nobody"


def test_amtool_takes_every_kind_of_receiver(every_kind: dict[str, str], amtool: Path, tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(every_kind["files/alertmanager.yml"])
    assert "5 receivers" in printed(amtool, "check-config", path)
    told = {
        severity: printed(amtool, "config", "routes", "test", f"--config.file={path}", 'team="web.shop team"', f"severity={severity}").strip()
        for severity in ("warning", "critical")
    }  # fmt: skip
    assert told == {
        "warning": "web.shop team/hook,web.shop team/people,web.shop team/slack",
        "critical": "web.shop team/hook,web.shop team/pager,web.shop team/slack",
    }


def test_the_api_server_takes_every_kind_of_receiver(
    every_kind: dict[str, str], control_plane: ControlPlane, namespace: str
) -> None:
    document = yaml.safe_load(every_kind["operator/alertmanagerconfig.yaml"])
    assert document["metadata"] | {"namespace": "monitoring", "name": "capgen"} == document["metadata"]
    assert document["metadata"]["labels"]["alertmanager"] == "main"
    document["metadata"]["namespace"] = namespace
    arguments = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")
    live = json.loads(control_plane.kubectl(*arguments, stdin=document))
    assert live["spec"] == document["spec"], "the server neither drops nor adds anything"


def test_the_operators_object_says_what_the_file_says(every_kind: dict[str, str]) -> None:
    """As the operator translates it (pkg/alertmanager/amcfg.go), but for the names that it puts before others."""
    file = yaml.safe_load(every_kind["files/alertmanager.yml"])
    spec = yaml.safe_load(every_kind["operator/alertmanagerconfig.yaml"])["spec"]
    theirs, ours = translated(spec["route"]), file["route"]
    matchers = theirs.pop("matchers")
    assert matchers == ['kind=~"absent|ahead|budget|down|level"', 'team=~"web[.]shop team"'], (
        "and nothing of anybody else's"
    )
    assert theirs == ours
    rules = [
        {"source_matchers": strings(rule["sourceMatch"]), "target_matchers": strings(rule["targetMatch"]), "equal": rule["equal"]}
        for rule in spec["inhibitRules"]
    ]  # fmt: skip
    assert rules == file["inhibit_rules"]
    texts = {"title", "text", "description", "severity", "component", "class", "channel", "to", "html"}
    for theirs, ours in zip(spec["receivers"], file["receivers"], strict=True):
        assert theirs["name"] == ours["name"]
        (mine,) = [config for key, configs in ours.items() if key != "name" for config in configs] or [{}]
        (other,) = [config for key, configs in theirs.items() if key != "name" for config in configs] or [{}]
        assert {key: mine[key] for key in texts & mine.keys()} == {key: other[key] for key in texts & other.keys()}
        assert bool(mine) == bool(other) and mine.get("send_resolved", True)


def strings(matchers: list[dict[str, str]]) -> list[str]:
    return [f'{m["name"]}{m["matchType"]}"{m["value"]}"' for m in matchers]


def translated(route: dict[str, Any]) -> dict[str, Any]:
    names = {
        "groupBy": "group_by",
        "groupWait": "group_wait",
        "groupInterval": "group_interval",
        "repeatInterval": "repeat_interval",
    }
    found = {names.get(key, key): value for key, value in route.items()}
    if "matchers" in found:
        found["matchers"] = strings(found["matchers"])
    if "routes" in found:
        found["routes"] = [translated(inside) for inside in found["routes"]]
    return found


def test_a_secret_is_named_by_its_place(every_kind: dict[str, str]) -> None:
    file, manifest = every_kind["files/alertmanager.yml"], every_kind["operator/alertmanagerconfig.yaml"]
    assert set(re.findall(r"(\w+_file): (.+)", file)) == {
        ("api_url_file", "/run/secrets/SLACK_URL"),
        ("url_file", "/run/secrets/hook/url"),
        ("credentials_file", "/run/secrets/HOOK_TOKEN"),
        ("routing_key_file", "/run/secrets/pager/key"),
        ("smtp_auth_password_file", "/run/secrets/SMTP_PASSWORD"),
    }
    assert set(re.findall(r"(\w+): \{name: ([\w-]+), key: (\w+)\}", manifest)) == {
        ("apiURL", "capgen-notify", "SLACK_URL"),
        ("urlSecret", "hook", "url"),
        ("credentials", "capgen-notify", "HOOK_TOKEN"),
        ("routingKey", "pager", "key"),
        ("authPassword", "capgen-notify", "SMTP_PASSWORD"),
    }


def test_a_hundred_services_of_five_teams_have_five_routes(tmp_path: Path, amtool: Path) -> None:
    service = 'apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: s%d, owner: team-%d}\nsources: {host: {exporter: node, targets: ["h%d:9100"]}}\nnotify: {slack: {webhook: {env: SLACK}}}\nsignals: {host.cpu: {for: 5m}}\n'
    few = built(tmp_path, *(service % (n, n % 5, n) for n in range(100)))
    many = yaml.safe_load(few["files/alertmanager.yml"])
    assert len(many["route"]["routes"]) == 5
    assert len(many["receivers"]) == 6
    assert len(many["inhibit_rules"]) < 15
    assert len(few["operator/alertmanagerconfig.yaml"]) < 30_000
    path = tmp_path / "alertmanager.yml"
    path.write_text(few["files/alertmanager.yml"])
    printed(amtool, "check-config", path)


@pytest.mark.parametrize(("url", "wanted"), [
    ("http://localhost:9093", {"scheme": "http", "static_configs": [{"targets": ["localhost:9093"]}]}),
    ("https://am.example.com/alertmanager/", {"scheme": "https", "path_prefix": "/alertmanager", "static_configs": [{"targets": ["am.example.com:443"]}]}),
    ("http://[::1]:9093", {"scheme": "http", "static_configs": [{"targets": ["[::1]:9093"]}]}),
])  # fmt: skip
def test_prometheus_is_told_where_alertmanager_is(
    url: str, wanted: dict[str, Any], tmp_path: Path, promtool: Path
) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "shop.yaml").write_text(EVERY_KIND.replace("  people", "  # people"))
    (specs / "host.yaml").write_text(
        f'apiVersion: capgen/v1\nkind: Environment\nmetadata: {{name: host}}\ndirectory: {{root: x}}\nalertmanager: {{url: "{url}"}}\n'
    )
    for path, text in api.generated_files(api.build([specs])).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    config = tmp_path / "host" / "prometheus.yml"
    assert yaml.safe_load(config.read_text())["alerting"]["alertmanagers"] == [wanted]
    printed(promtool, "check", "config", config)
