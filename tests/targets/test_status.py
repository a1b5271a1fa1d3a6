"""Whether Prometheus and Grafana have taken what was delivered, as `capgen status` tells it.

Prometheus is a real one. No Grafana is built here: a small server answers as Grafana's HTTP API documents it
(`GET /api/dashboards/uid/:uid`).
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from cli.command import run
from harness.prometheus import Start

from capgen.errors import TargetError
from capgen.targets.grafana import Shown, dashboards
from capgen.targets.rules import RuleGroup, rule_groups

SPEC = """apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, title: Shop}
sources: {web: {exporter: http, targets: ["localhost:1"]}}
"""


NEW = "/apis/dashboard.grafana.app/v2/namespaces/default/dashboards/"


class Grafana(http.server.BaseHTTPRequestHandler):
    """Below /ops, as behind a sub-path: dashboards by uid, as (title, version, what `meta` says of it)."""

    has: ClassVar[dict[str, tuple[str, int, dict[str, object]]]] = {}

    def do_GET(self) -> None:
        path = self.path.removeprefix("/ops")
        uid = path.rpartition("/")[2]
        status, body = 404, {"message": "Dashboard not found"}
        if path == self.path:
            status, body = 404, "<html>no such page</html>"  # type: ignore[assignment]
        elif self.headers.get("Authorization") != "Bearer opensesame":
            status, body = 401, {"message": "Unauthorized"}
        elif uid == "secret":
            status, body = 403, {"message": "Access denied to this dashboard"}
        elif path == f"{NEW}new":
            spec, notes = {"title": "New"}, {"grafana.app/managedBy": "kubectl"}
            status, body = 200, {"kind": "Dashboard", "metadata": {"generation": 7, "annotations": notes}, "spec": spec}  # type: ignore[dict-item]
        elif uid == "new":
            status, body = 406, {"message": f"dashboard api version not supported, use {NEW}new instead"}
        elif uid in self.has:
            title, version, meta = self.has[uid]
            status, body = 200, {"dashboard": {"uid": uid, "title": title, "version": version}, "meta": meta}  # type: ignore[dict-item]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode() if isinstance(body, str) else json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def grafana() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Grafana) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/ops/"
        server.shutdown()


def until(done: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


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
    monkeypatch.setitem(Grafana.has, "capgen_host_shop", (title, 4, {"folderTitle": "Capacity", "provisioned": True}))
    monkeypatch.setitem(Grafana.has, "capgen-overview_host", ("Renamed by hand", 1, {}))
    with prometheus(tmp_path / "deploy/prometheus.yml") as running:
        place.write_text(yaml.safe_dump({**environment, "prometheus": {"url": running.url}}))
        env = {"GRAFANA_TOKEN": "opensesame"}
        asked = ("status", "--env", "host")
        said = run(*asked, cwd=tmp_path, env=env)
        assert said.code == 0, said.err
        assert re.search(r"[=?] capgen/shop/web.latency: \d+ rules, (evaluated 2|not evaluated yet)", said.out)
        assert f"= dashboard capgen_host_shop: {title}, version 4, in the folder Capacity, provisioned" in said.out
        silent = run(*asked, "--no-rules", "--no-dashboards", cwd=tmp_path)
        assert silent.code == 0 and "capgen/shop/" not in silent.out and "dashboard capgen" not in silent.out
        assert "! dashboard capgen-overview_host: Grafana has 'Renamed by hand' under this uid" in said.out
        assert "! dashboard capgen-kpi_host: Grafana has no dashboard of this uid" in said.out

        # A group that was delivered and that Prometheus has not read is told, and so is one that it has in part.
        rules = tmp_path / "deploy/shop/rules.yml"
        file = yaml.safe_load(rules.read_text())
        cut = next(group for group in file["groups"] if group["name"] == "capgen/shop/web.errors")
        cut["rules"] = cut["rules"][:1]
        twice = 'vector(1) + on () (vector(1) or label_replace(vector(2), "a", "b", "", ""))'
        slow = next(group for group in file["groups"] if group["name"] == "capgen/shop/web.throughput")
        slow["interval"], slow["rules"][0]["expr"] = "1s", twice
        file["groups"].append({"name": "capgen/shop/web.gone", "rules": [{"record": "a:b", "expr": "1"}]})
        file["groups"] = [group for group in file["groups"] if group["name"] != "capgen/shop/web.latency"]
        rules.write_text(yaml.safe_dump(file))
        urllib.request.urlopen(urllib.request.Request(f"{running.url}/-/reload", method="POST"), timeout=10)
        said = run(*asked, "--format", "json", cwd=tmp_path, env=env)
        groups = {group["name"]: group for group in json.loads(said.out)["rule_groups"]}
        assert groups["capgen/shop/web.latency"]["problems"] == ["Prometheus does not evaluate it"]
        assert groups["capgen/shop/web.errors"]["problems"][0].startswith("Prometheus has 1 rules of it")
        gone = "Prometheus evaluates it, and no spec asks for it any more"
        assert groups["capgen/shop/web.gone"]["problems"] == [gone]
        until(lambda: failing(running.url), "no rule fails")
        (failed,) = failing(running.url)
        assert (failed.name, failed.evaluated[:3]) == ("capgen/shop/web.throughput", "202")
        (*_, told) = groups["capgen/shop/web.throughput"]["problems"]
        assert "Prometheus evaluates another expression: vector(1) + on () (vector(1) or" in told

        # What Prometheus cannot read leaves it with the rules of before, which look well.
        rules.write_text("groups: [{name: broken}")
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(urllib.request.Request(f"{running.url}/-/reload", method="POST"), timeout=10)
        said = run(*asked, cwd=tmp_path, env=env)
        assert f"! Prometheus at {running.url} could not read its configuration" in said.out

    # A server that cannot be asked hides nothing of the others, and is an error only for whoever named it.
    said = run(*asked, cwd=tmp_path, env=env)
    assert (
        said.code == 0
        and f"? nobody knows of the rules: {running.url}/api/v1/rules?exclude_alerts=true gives no answer" in said.out
    )
    assert "= shop/scrape.yml: as the spec says" in said.out and "= dashboard capgen_host_shop" in said.out
    refused = run(*asked, "--dashboards", "--format", "json", cwd=tmp_path, env={"GRAFANA_TOKEN": "wrong"})
    assert (refused.code, "log in: grafana.auth" in refused.err) == (1, True), refused.err
    assert "wrong" not in refused.err + refused.out and json.loads(refused.out)["objects"]
    assert [why.partition(":")[0] for why in json.loads(refused.out)["unasked"]] == ["the rules", "the dashboards"]


def failing(url: str) -> list[RuleGroup]:
    return [group for group in rule_groups(url) if any("duplicate series" in problem for problem in group.problems)]


def test_a_grafana_s_answers_are_told_apart(grafana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Grafana.has, "old", ("Old", 3, {"folderTitle": "General", "provisioned": False}))
    login = {"Authorization": "Bearer opensesame"}
    wanted = [("old", "Old"), ("new", "New"), ("secret", "Secret"), ("none", "None")]
    old, new, secret, none = dashboards(grafana, wanted, login, "Ops/Capacity")
    assert old == Shown(
        "old", "Old", 3, "it lies in the folder 'General', and grafana.folder says 'Ops/Capacity'", "General"
    )
    assert new == Shown("new", "New", 7, "", "", provisioned=True)
    assert secret.problem == "Grafana does not show it to this login (grafana.auth): Access denied to this dashboard"
    assert none.problem == "Grafana has no dashboard of this uid"
    with pytest.raises(TargetError, match=r"answers 404 with no JSON: is the address right, up to the path\?"):
        dashboards(grafana.removesuffix("/ops/"), wanted, login)


def test_a_login_page_is_no_answer_and_an_old_evaluation_no_good_one() -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        said = b"<html>log in</html>"

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.said)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for ask in (lambda: dashboards(url, [("x", "")], {}), lambda: rule_groups(url)):
            with pytest.raises(TargetError, match="a page and not with JSON: a login stands before it"):
                ask()
        old = (datetime.now(UTC) - timedelta(seconds=300)).isoformat()
        group = {"name": "capgen/shop/web", "interval": 30, "lastEvaluation": old, "rules": [{"health": "ok"}]}
        Page.said = json.dumps({"data": {"groups": [group]}}).encode()
        (late,) = rule_groups(url)
        assert re.fullmatch(r"it was evaluated 30\d s ago, and is to be every 30 s", late.problems[0])
        server.shutdown()


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
