"""Whether Prometheus and Grafana have taken what was delivered, as `capgen status` tells it.

Prometheus is a real one. No Grafana is built here: a small server answers as Grafana's HTTP API documents it
(`GET /api/dashboards/uid/:uid`).
"""

from __future__ import annotations

import http.server
import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from cli.command import run
from harness.prometheus import Start

from capgen.errors import TargetError
from capgen.targets.grafana import dashboards
from capgen.targets.rules import rule_groups

SPEC = """apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, title: Shop}
sources: {web: {exporter: http, targets: ["localhost:1"]}}
"""


class Grafana(http.server.BaseHTTPRequestHandler):
    """One dashboard under its title, one under another, and no third."""

    has: ClassVar[dict[str, tuple[str, int]]] = {
        "capgen_host_shop": ("", 4),
        "capgen-overview_host": ("Renamed by hand", 1),
    }

    def do_GET(self) -> None:
        uid = self.path.removeprefix("/api/dashboards/uid/")
        status, body = 404, {"message": "Dashboard not found"}
        if self.headers.get("Authorization") != "Bearer opensesame":
            status, body = 401, {"message": "Unauthorized"}
        elif uid in self.has:
            title, version = self.has[uid]
            status, body = 200, {"dashboard": {"uid": uid, "title": title, "version": version}, "meta": {}}  # type: ignore[dict-item]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def grafana() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Grafana) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_prometheus_and_grafana_have_taken_is_told(
    prometheus: Start, grafana: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "specs/environments").mkdir(parents=True)
    (tmp_path / "specs/shop.yaml").write_text(SPEC)
    environment = {
        "apiVersion": "capgen/v1", "kind": "Environment", "metadata": {"name": "host"}, "directory": {"root": "./deploy"},
        "grafana": {"url": grafana, "auth": {"bearer": {"env": "GRAFANA_TOKEN"}}},
    }  # fmt: skip
    place = tmp_path / "specs/environments/host.yaml"
    place.write_text(yaml.safe_dump(environment))
    assert run("apply", "--env", "host", "--yes", cwd=tmp_path).code == 0
    title = json.loads((tmp_path / "deploy/shop/dashboard.json").read_text())["title"]
    monkeypatch.setitem(Grafana.has, "capgen_host_shop", (title, 4))
    with prometheus(tmp_path / "deploy/prometheus.yml") as running:
        place.write_text(yaml.safe_dump({**environment, "prometheus": {"url": running.url}}))
        env = {"GRAFANA_TOKEN": "opensesame"}
        asked = ("status", "--env", "host", "--rules", "--dashboards")
        said = run(*asked, cwd=tmp_path, env=env)
        assert said.code == 0, said.err
        assert "= capgen/shop/web.latency: " in said.out
        assert f"= dashboard capgen_host_shop: {title}, version 4" in said.out
        assert "! dashboard capgen-overview_host: Grafana has 'Renamed by hand' under this uid" in said.out
        assert "! dashboard capgen-kpi_host: Grafana has no dashboard of this uid" in said.out

        # A group that was delivered and that Prometheus has not read is told, and so is one that it has in part.
        rules = tmp_path / "deploy/shop/rules.yml"
        file = yaml.safe_load(rules.read_text())
        cut = next(group for group in file["groups"] if group["name"] == "capgen/shop/web.errors")
        cut["rules"] = cut["rules"][:1]
        file["groups"] = [group for group in file["groups"] if group["name"] != "capgen/shop/web.latency"]
        rules.write_text(yaml.safe_dump(file))
        urllib.request.urlopen(urllib.request.Request(f"{running.url}/-/reload", method="POST"), timeout=10)
        said = run(*asked, "--format", "json", cwd=tmp_path, env=env)
        groups = {group["name"]: group for group in json.loads(said.out)["rule_groups"]}
        assert groups["capgen/shop/web.latency"]["problems"] == ["Prometheus does not evaluate it"]
        assert groups["capgen/shop/web.errors"]["problems"][0].startswith("Prometheus has 1 rules of it")

    refused = run(*asked[:3], "--dashboards", cwd=tmp_path, env={"GRAFANA_TOKEN": "wrong"})
    assert (refused.code, "log in: grafana.auth" in refused.err) == (1, True), refused.err
    assert "wrong" not in refused.err


def test_a_token_goes_to_the_server_that_it_was_given_for_and_nowhere_else(grafana: str) -> None:
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{grafana}{self.path}")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    login = {"Authorization": "Bearer opensesame"}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(TargetError, match="302"):
            dashboards(url, [("capgen_host_shop", "")], login)
        with pytest.raises(TargetError, match="302"):
            rule_groups(url, login)
        server.shutdown()
