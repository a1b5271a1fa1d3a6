"""What is requested and not used, and what it costs: nothing, unless prices are measured or declared."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from compile.service import service
from dashboards.test_panels import by_key
from harness.binaries import program


def test_what_is_requested_and_not_used_and_what_it_costs() -> None:
    text = """
workloads: {web: {kind: Deployment, namespace: shop}}
sources: {pods: {exporter: kubernetes, workload: web}%s}
"""
    priced, bare = (by_key(service(text % more))["waste/pods"] for more in (", cost: {exporter: opencost}", ""))
    names = [f"{what} {part}" for what in ("CPU", "Memory") for part in ("requested", "used", "unused")]
    renamed = priced.transformations[1].options["renameByName"]
    assert [renamed[f"Value #{letter}"] for letter in "ABCDEFG"] == [*names, "Unused, a month"]
    units_of = {one.which: dict(one.properties)["unit"] for one in priced.overrides}
    assert (units_of["Memory unused"], units_of["Unused, a month"]) == ("bytes", "currencyUSD")
    assert priced.targets[2].expr == f"{priced.targets[0].expr} - on (container) {priced.targets[1].expr}"
    cost = priced.targets[6].expr
    assert "_cpu_price:hourly{" in cost and "_memory_price:hourly{" in cost and cost.count("* 730") == 2
    assert f"clamp_min({priced.targets[5].expr}, 0) / {2**30}" in cost
    assert len(bare.targets) == 6, "without prices it has no cost"


PLANNED = """
workloads: {web: {kind: Deployment, namespace: shop}}
sources: {pods: {exporter: kubernetes, workload: web}%s}
planning:
  compute: {nodes: 3, node: {cpu: 4, memory: 16Gi}, used: {cpu: 60%%, memory: 70%%}, keep_below: 80%%, months: 12, growth: {cpu: {points: 1}, memory: {points: 1}}}
  cost: {currency: EUR, months: 12, source: price list, as_of: "2026-11-01"%s}
"""


def test_what_is_not_used_costs_what_the_plan_says_that_nodes_cost(tmp_path: Path) -> None:
    """By real PromQL: 2 cores asked for, 0.5 used, are 1.5 of a node's 4; its memory is a smaller part, but all a sidecar asks for."""
    priced = ", compute: {instances: 3, each: 120}"
    panel = by_key(service(PLANNED % ("", priced)))["waste/pods"]
    assert panel.transformations[1].options["renameByName"]["Value #G"] == "Unused, a month"
    assert dict(panel.overrides[-1].properties)["unit"] == "currencyEUR"
    assert "4 cores and 16Gi at 120.00 EUR a month (price list, as of 2026-11-01)" in panel.description
    pod = 'namespace="shop",pod="web-6f7c9d5b4-2xkqd"'
    requests = f'kube_pod_container_resource_requests{{job="kube-state-metrics",{pod}'
    series = {
        f'{requests},container="web",resource="cpu"}}': "2x60",
        f'{requests},container="web",resource="memory"}}': f"{2 << 30}x60",
        f'{requests},container="proxy",resource="memory"}}': f"{4 << 30}x60",
        f'container_cpu_usage_seconds_total{{job="kubelet",image="i",id="1",container="web",{pod}}}': "0+30x60",
        f'container_cpu_usage_seconds_total{{job="kubelet",image="i",id="2",container="proxy",{pod}}}': "0+0x60",
        f'container_memory_working_set_bytes{{job="kubelet",image="i",id="1",container="web",{pod}}}': f"{1 << 30}x60",
        f'container_memory_working_set_bytes{{job="kubelet",image="i",id="2",container="proxy",{pod}}}': f"{2 << 30}x60",
    }  # fmt: skip
    wanted = [{"labels": '{container="proxy"}', "value": 15}, {"labels": '{container="web"}', "value": 45}]
    case = {"expr": panel.targets[6].expr.replace("$__rate_interval", "5m"), "eval_time": "30m", "exp_samples": wanted}
    body = {"evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": [{"series": key, "values": value} for key, value in series.items()], "promql_expr_test": [case]}]}  # fmt: skip
    (tmp_path / "test.yml").write_text(json.dumps(body))
    told = subprocess.run(
        [program("promtool"), "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert len(by_key(service(PLANNED % ("", "")))["waste/pods"].targets) == 6, "nobody said what a node costs"
    measured = by_key(service(PLANNED % (", cost: {exporter: opencost}", priced)))["waste/pods"]
    assert "_cpu_price:hourly{" in measured.targets[6].expr, "what is measured is better than what is planned"
