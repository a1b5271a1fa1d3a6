"""Jobs compiled: what is read where, which schedules mean something, and what is said about the rest."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from compile.service import compiled, service

from capgen.blueprint.jobs import Probe, Resize, Scale, Watch
from capgen.cli.explain import command
from capgen.schedules import runs, sentence

ENVIRONMENT = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: there}\n"
CLUSTER = ENVIRONMENT + "kubernetes: {namespace: monitoring}\ndeliver: {jobs: cronjob}\n"
ASKED = 'prometheus: {url: "http://prometheus:9090/"}\n'


def codes(spec: str, environment: str) -> list[str]:
    return [finding.code for finding in compiled(spec, environment)[1]]


def test_only_signals_of_this_machine_are_read_from_it() -> None:
    spec = """
sources:
  here: {exporter: node, targets: ["localhost:9100", "127.0.0.1:9101"]}
  there: {exporter: node, targets: ["db1:9100"]}
  app: {exporter: http, targets: ["localhost:80"]}
signals:
  here.memory: {expr: "max by (instance) (node_memory_MemFree_bytes{$selector}) / max by (instance) (node_memory_MemTotal_bytes{$selector})"}
jobs:
  look: {schedule: "@hourly", watch: [here.cpu, here.memory, here.load, there.cpu, app.latency]}
"""
    (job,) = service(spec, ENVIRONMENT + ASKED).jobs
    assert isinstance(job.task, Watch)
    assert {m.signal: m.reading for m in job.task.measures} == {
        "here.cpu": "cpu",
        "here.memory": None,
        "here.load": None,
        "there.cpu": None,
        "app.latency": None,
    }
    queries = {m.signal: m.query for m in job.task.measures}
    assert queries["there.cpu"] == 'capgen:node_cpu:ratio{service="shop",source="there"}'
    assert queries["app.latency"].endswith("capgen:http_latency:traffic" + '{service="shop",source="app"} >= 0.5')
    assert codes(spec, ENVIRONMENT) == ["CG361"] * 4
    (clustered,) = service(spec, CLUSTER + ASKED).jobs
    assert isinstance(clustered.task, Watch)
    assert all(m.query for m in clustered.task.measures), "a pod has no machine to read"


def test_a_probe_knows_the_counter_of_the_page_it_asks() -> None:
    spec = """
sources: {app: {exporter: http, targets: ["localhost:8080"], path: /m, params: {status_label: status}}}
jobs: {ask: {schedule: "@hourly", probe: {url: "http://localhost:8080/", metrics: /m}}}
"""
    (job,) = service(spec, ENVIRONMENT).jobs
    assert isinstance(job.task, Probe)
    assert job.task.counters is not None
    assert (job.task.counters.metric, job.task.counters.label, job.task.counters.pattern) == (
        "http_requests_total",
        "status",
        "5..",
    )
    (other,) = service(spec.replace("metrics: /m}", "metrics: /n}"), ENVIRONMENT).jobs
    assert isinstance(other.task, Probe)
    assert other.task.counters is None


SCALED = """
workloads:
  web:
    kind: Deployment
    namespace: shop
    horizontal: {by: script, replicas: {max: 9}, targets: {cpu: 60%, memory/web: 1Gi, app.throughput: 40, host.cpu: 80%}}
jobs: {scale: {schedule: "@hourly", scale: web}}
"""


def test_a_share_is_held_as_it_is_and_everything_else_for_each_replica() -> None:
    (job,) = service(SCALED, ENVIRONMENT + ASKED).jobs
    assert isinstance(job.task, Scale)
    assert [(t.name, t.of, t.target) for t in job.task.targets] == [
        ("app.throughput", "each", 40),
        ("cpu", "request", 0.6),
        ("host.cpu", "whole", 0.8),
        ("memory", "each", 1 << 30),
    ]
    assert codes(SCALED, ENVIRONMENT) == ["CG361", "CG361"]


def test_a_resize_aims_at_what_the_workload_is_scaled_by() -> None:
    spec = """
workloads:
  web:
    kind: Deployment
    namespace: shop
    horizontal: {replicas: {max: 9}, targets: {cpu: 60%}}
jobs: {advise: {schedule: "@hourly", resize: web}}
"""
    (job,) = service(spec, ENVIRONMENT).jobs
    assert isinstance(job.task, Resize)
    assert (job.task.aim_cpu, job.task.aim_memory, job.task.apply) == (0.6, 0.8, False)


LOOK = """
sources: {{host: {{exporter: node, targets: ["localhost:9100"]}}}}
jobs: {{look: {{schedule: "{}", watch: [host.cpu]}}}}
"""


@pytest.mark.parametrize(
    ("schedule", "cron", "kubernetes"),
    [
        ("0 3 * * 7", [], ["CG362"]), ("0 3 * * 5-7", [], ["CG362"]), ("0 3 * * SUN", [], []), ("0 3 */2 * 1", [], ["CG362"]),
        ("0 3 1 * */2", [], ["CG362"]), ("0 3 */2 * *", [], []), ("0 3 1 * 1", [], []), ("0 3 30 2 *", ["CG363"], ["CG363"]),
        ("0 3 31 4,6 *", ["CG363"], ["CG363"]), ("0 3 29 2 *", [], []), ("@weekly", [], []), ("0 25 * * *", ["CG205"], ["CG205"]),
    ],
)  # fmt: skip
def test_a_schedule_is_checked_for_who_runs_it(schedule: str, cron: list[str], kubernetes: list[str]) -> None:
    assert codes(LOOK.format(schedule), ENVIRONMENT) == cron
    assert codes(LOOK.format(schedule), CLUSTER + ASKED) == kubernetes
    assert codes(LOOK.format(schedule), ENVIRONMENT + "deliver: {jobs: none}\n") == cron


@pytest.mark.parametrize(
    ("schedule", "zone", "found"),
    [
        ("30 2 * * *", "Europe/Berlin", ["CG364"]), ("30 3 * * *", "Europe/Berlin", []), ("30 2 * * *", "UTC", []),
        ("*/5 * * * *", "Europe/Berlin", []), ("30 2 1 7 *", "Europe/Berlin", []), ("30 2 * * 0", "America/New_York", ["CG364"]),
        ("30 2 * * 1", "America/New_York", []), ("0 9 * * *", "Europe/Berlyn", ["CG364"]),
    ],
)  # fmt: skip
def test_times_that_clocks_skip_are_warned_of(schedule: str, zone: str, found: list[str]) -> None:
    assert codes(LOOK.format(schedule), ENVIRONMENT + f"jobs: {{time_zone: {zone}}}\n") == found


def test_a_schedule_is_told_in_words_and_times() -> None:
    assert sentence("*/5 8-17 * * 1-5") == "Every fifth minute from 08:00 through 17:59 on Monday through Friday"
    assert [f"{at:%d %H:%M}" for at in runs("@daily", datetime(2026, 11, 24, 12, tzinfo=UTC), 3)] == [
        "25 00:00",
        "26 00:00",
        "27 00:00",
    ]
    assert runs("0 0 30 2 *", datetime(2026, 1, 1, tzinfo=UTC), 1) == ()


def test_explain_shows_the_next_runs_of_a_job() -> None:
    specs = Path(__file__).parents[2] / "specs"
    arguments = [
        "apm:jobs.adjust-resource-limits",
        "--specs",
        str(specs),
        "--env",
        "host",
        "--at",
        "2026-03-27 12:00:00",
    ]
    run = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert run.exception is None
    assert "At 03:00 every day" in run.output
    assert "next: Sat 2026-03-28 03:00, Sun 2026-03-29 03:00, Mon 2026-03-30 03:00" in run.output


@pytest.mark.parametrize("environment", ["host", "production"])
def test_explain_knows_where_a_line_of_a_script_comes_from(environment: str) -> None:
    root = Path(__file__).parents[2]
    end = ".sh" if environment == "host" else "/script.yaml"
    path = root / "generated" / environment / "apm/jobs" / f"monitor-resources{end}"
    lines = path.read_text().splitlines()
    (row,) = [number for number, line in enumerate(lines, start=1) if " host.cpu emergency " in line]
    run = CliRunner().invoke(command, [f"{path}:{row}", "--specs", str(root / "specs")], standalone_mode=False)
    assert run.exception is None, run.output
    assert f"environment {environment}, service apm" in run.output
    assert "jobs.monitor-resources" in run.output
    assert re.search(r"host\.cpu emergency +95% +\[\S*specs/apm.yaml:", run.output)
