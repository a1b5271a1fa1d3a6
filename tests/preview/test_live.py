"""Live data: a real Prometheus is asked as Grafana asks it, and what it refuses is told where it belongs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from harness.processes import free_port
from harness.prometheus import Running, Start
from preview.boards import board, panel

from capgen.errors import TargetError, UsageError
from capgen.preview.content import content
from capgen.preview.live import Prometheus

CONFIG = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["ADDRESS"], labels: {cluster: one}}]
"""
RULES = """\
groups:
  - name: one
    rules:
      - {alert: Always, expr: 'up{job="prometheus"} == 1', labels: {service: shop}, annotations: {summary: "It is up"}}
"""
INSTANCE = {
    "name": "instance", "type": "query", "query": 'label_values(up{job="prometheus"}, instance)', "multi": True,
    "includeAll": True, "allValue": ".+",
}  # fmt: skip


@pytest.fixture
def server(prometheus: Start, tmp_path: Path) -> Any:
    (tmp_path / "rules.yml").write_text(RULES)
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.replace("ADDRESS", f"127.0.0.1:{free_port()}"))
    with prometheus(config) as running:
        # Its own address is only known now.
        config.write_text(CONFIG.replace("ADDRESS", running.url.removeprefix("http://")))
        running.server.process.send_signal(1)
        yield running


def scraped(server: Running, dashboard: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        made = content(dashboard, Prometheus(server.url, time.time()), now=time.time(), theme="light")
        if (
            all(item["frames"] or item["alerts"] or item["problems"] for item in made["items"])
            or time.monotonic() > deadline
        ):
            return made
        time.sleep(0.3)


def test_curves_tables_variables_and_alerts_come_from_prometheus(server: Running) -> None:
    dashboard = board(
        panel(1, "timeseries", "Up", {"expr": 'up{instance=~"$instance"}', "legendFormat": "{{instance}} in {{cluster}}"},
              place=(0, 0, 12, 8)),
        panel(2, "table", "Now", {"expr": "sum by (job) (up)", "format": "table", "instant": True}, place=(12, 0, 12, 8)),
        panel(3, "timeseries", "Broken", {"expr": "sum by ("}, place=(0, 8, 12, 8)),
        panel(4, "timeseries", "Rate", {"expr": "sum(rate(prometheus_http_requests_total[$__rate_interval]))"}, place=(12, 8, 12, 8)),
        panel(5, "alertlist", "Alerts", place=(0, 16, 12, 8), options={"alertInstanceLabelFilter": '{service=~"sho.*"}'}),
        panel(6, "heatmap", "Buckets", {"expr": "sum by (le) (prometheus_http_request_duration_seconds_bucket)", "format": "heatmap"},
              place=(12, 16, 12, 8)),
        annotations={"list": [{"name": "Alerts", "enable": True, "iconColor": "red", "expr": 'ALERTS{alertstate="firing"}',
                               "titleFormat": "{{alertname}}"},
                              {"name": "Broken", "enable": True, "iconColor": "red", "expr": "sum by ("}]},
        templating={"list": [INSTANCE]}, time={"from": "now-5m", "to": "now"},
    )  # fmt: skip
    made = scraped(server, dashboard)
    up, now, broken, rate, alerts, buckets = made["items"]
    address = server.url.removeprefix("http://")
    assert made["variables"] == [{"name": "instance", "label": "instance", "value": "All"}]
    assert f"live data of {address}" == made["source"]
    assert up["frames"][0]["fields"][1]["config"] == {"displayNameFromDS": f"{address} in one"}
    assert up["frames"][0]["fields"][1]["values"][-1] == 1.0
    assert [field["name"] for field in now["frames"][0]["fields"]] == ["Time", "job", "Value"]
    assert now["frames"][0]["fields"][1]["values"] == ["prometheus"]
    assert "parse error" in broken["problems"][0] and broken["frames"] == []
    assert rate["problems"] == []
    assert [(a["name"], a["state"], a["summary"]) for a in alerts["alerts"]] == [("Always", "firing", "It is up")]
    fires, wrong = made["marks"]
    assert [span["title"] for span in fires["spans"]] == ["Always"]
    assert made["range"]["from"] <= fires["spans"][0]["from"] <= fires["spans"][0]["to"] <= made["range"]["to"]
    assert "parse error" in wrong["problem"]
    bounds = [field["name"] for field in buckets["frames"][0]["fields"][1:]]
    assert bounds[-1] == "+Inf" and bounds[0] == "0.1"
    for column in zip(*(field["values"] for field in buckets["frames"][0]["fields"][1:]), strict=True):
        assert min(column) >= 0, "buckets hold what is not in the smaller ones"


def test_a_server_that_is_not_there_is_no_empty_dashboard(tmp_path: Path) -> None:
    dashboard = board(panel(1, "stat", "Up", {"expr": "up"}, place=(0, 0, 4, 4)))
    nobody = Prometheus(f"http://user:secret@127.0.0.1:{free_port()}", 1e9)
    with pytest.raises(TargetError, match="cannot be asked") as told:
        content(dashboard, nobody, now=1e9, theme="light")
    assert "secret" not in str(told.value)
    with pytest.raises(UsageError, match="no http"):
        content(dashboard, Prometheus("file:///etc", 1e9), now=1e9, theme="light")
