"""History from a real Prometheus with months of backfilled blocks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from cli.command import run
from harness.prometheus import backfilled, serving_history
from history.answering import of_tenant, recording
from history.pods import POD
from jobs.running import Script, serving_webhook
from planning.shapes import HOUR, START, WEEK, weekly

from capgen.api.preview import contents
from capgen.history.cache import Cache
from capgen.history.prometheus import Server, query_range
from capgen.targets.rules import rule_groups

WEEKS = 13
VALUES = weekly(WEEKS, seed=21)
END = START + HOUR * (len(VALUES) - 1)
GAP = slice(500, 520)
SPECS = {
    "specs/shop.yaml": """
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop}
sources:
  app: {exporter: http, job: shop-app, targets: ["localhost:8080"]}
signals:
  app.backlog:
    title: Backlog
    source: app
    expr: sum by (queue) (queue_depth{$selector})
    unit: short
    ladder: utilisation
    levels: {warning: 150, critical: 100000}
planning: {forecast: {history: 91d, horizon: 28d}}
""",
    "specs/environments/live.yaml": """
apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
directory: {root: ./deploy}
prometheus: {url: "URL"}
""",
}


def containers() -> Iterator[str]:
    """Six days of what pods used, every four minutes: two of ours at 0.5 and 0.7 cores, and others that are not."""
    pods = {"web-5d9f7c-bb4zk": 0.5, "web-5d9f7c-x2wvq": 0.7, "web-admin-0": 9.0}
    times = [END - 240.0 * step for step in range(6 * 360)][::-1]
    yield "# TYPE container_cpu_usage_seconds counter"
    for pod, cores in pods.items():
        for container, image in (("app", "shop/app"), ("", "")):  # the pod as a whole is listed beside its containers
            labels = f'namespace="shop",pod="{pod}",container="{container}",image="{image}",id="{pod}{container}",cpu="total"'
            for at in times:
                yield f"container_cpu_usage_seconds_total{{{labels}}} {cores * (at - times[0]):.3f} {at:.0f}"
    yield "# TYPE container_memory_working_set_bytes gauge"
    for pod, share in pods.items():
        labels = f'namespace="shop",pod="{pod}",container="app",image="shop/app",id="{pod}app"'
        for at in times:
            peak = 2 if at % 3600 == 1920 else 1  # between the hours at which history is asked for
            yield f"container_memory_working_set_bytes{{{labels}}} {share * peak * (1 << 30):.0f} {at:.0f}"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has been there for three months, with a gap of twenty hours."""
    folder = tmp_path_factory.mktemp("history")
    rows = [
        f'queue_depth{{job="shop-app",queue="{queue}"}} {share * value:.6f} {START + HOUR * hour:.0f}'
        for queue, share in (("a", 1.0), ("b", 0.5))
        for hour, value in enumerate(VALUES)
        if not GAP.start <= hour < GAP.stop
    ]
    backfilled(folder, ["# TYPE queue_depth gauge", *rows, *containers()])
    with serving_history(folder) as url:
        yield url


def test_months_come_back_as_they_were_with_the_gap_as_a_gap(live: str) -> None:
    series = query_range(Server(live), "max(queue_depth)", START, END, HOUR)
    known = np.delete(np.arange(len(VALUES)), GAP)
    assert series.times == pytest.approx(START + HOUR * known)
    assert series.values == pytest.approx(VALUES[known], abs=1e-5)


def test_a_range_longer_than_a_server_takes_is_split(live: str) -> None:
    """13 weeks of 5-minute steps are 26,208: Prometheus refuses more than 11,000 at once."""
    series = query_range(Server(live), "max(queue_depth)", START, END, 300.0)
    # A sample counts for five minutes, so a step sees it at its time alone (from Prometheus 3 on).
    assert set(START + HOUR * np.delete(np.arange(len(VALUES)), GAP)) <= set(series.times)


def test_a_rerun_asks_only_for_what_is_new(live: str, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", now=END + 10 * HOUR)
    half = START + 1000 * HOUR
    with recording(live) as (proxy, asked):
        first, _, whole = (
            query_range(Server(proxy), "max(queue_depth)", START, end, HOUR, cache=cache) for end in (half, END, END)
        )
    spans = [(float(form["start"]), float(form["end"])) for form, _ in asked]
    assert spans == [(START, half), (half + HOUR, END)]
    assert len(whole.times) == len(VALUES) - 20
    assert len(first.times) == 1001 - 20


def test_capgen_plan_asks_the_environments_prometheus(live: str, tmp_path: Path) -> None:
    for name, text in SPECS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("URL", live))
    arguments = ["plan", "--env", "live", "--prometheus", "--now", str(int(END)), "--format", "json"]
    done = run(*arguments, cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert done.code == 0, done.err
    signals = {signal["signal"]: signal for signal in json.loads(done.out)["services"][0]["signals"]}
    backlog = signals["app.backlog"]
    assert backlog["backtest"]["origins"] >= 8
    assert backlog["peak"]["last_four_weeks"] == pytest.approx(float(np.quantile(VALUES[-4 * WEEK :], 0.95)), rel=0.02)
    assert [level["already"] for level in backlog["levels"]] == [True, False]
    assert backlog["levels"][1]["p50"] is None
    again = run(*arguments, cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert again.out == done.out


def test_every_reader_names_the_tenant(live: str, tmp_path: Path) -> None:
    """What Mimir and Cortex want: plan, report, back-test, status, preview and the shell of a job, through one declaration."""
    tenant = "team-a|team-b"
    with of_tenant(live, tenant) as front:
        endpoint = f'prometheus: {{url: "{front}", headers: {{X-Scope-OrgID: {tenant}}}}}\n'
        declared = SPECS["specs/environments/live.yaml"].replace('prometheus: {url: "URL"}\n', endpoint)
        more = "jobs:\n  watch: {schedule: '* * * * *', watch: [app.backlog]}\n"
        for name, text in {**SPECS, "specs/environments/live.yaml": declared}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text + (more if "shop" in name else ""))
        env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        at = ["--env", "live", "--now", str(int(END)), "--format", "json"]
        planned = run("plan", "--prometheus", *at, cwd=tmp_path, env=env)
        assert planned.code == 0, planned.err
        assert "last_four_weeks" in planned.out
        for words in (
            ["report", "weekly", "--prometheus", *at],
            ["backtest", "--env", "live", "--prometheus", "--from", "2026-03-01", "--to", "2026-03-03"],
        ):
            done = run(*words, cwd=tmp_path, env=env)
            assert done.code == 0, (words, done.err)
            assert "no org id" not in done.out
        (drawn, *_) = contents([tmp_path / "specs"], environments=["live"], data="live", now=END)
        assert "no org id" not in str(drawn.content)
        assert rule_groups(front, {"X-Scope-OrgID": tenant}) == ()
        built = run("build", "--env", "live", cwd=tmp_path)
        assert built.code == 0, built.err
        script = next((tmp_path / "generated").rglob("watch.sh")).read_text()
        asking = script[
            script.index("prometheus=http") : script.index('}\' "$work/answer"\n}\n') + len('}\' "$work/answer"\n}\n')
        ]
        shell = f'work=$(mktemp -d)\n{asking}ask "vector(7)"\nrm -r "$work"\n'
        said = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
        assert said.stdout == "-\t7\n", said.stderr
        other = declared.replace(tenant, "team-c")
        (tmp_path / "specs/environments/live.yaml").write_text(other)
        refused = run("plan", "--prometheus", *at, cwd=tmp_path, env=env)
        assert refused.code == 1, "what another tenant was answered is not remembered for this one"
        assert "no org id" in refused.err


def test_a_reports_pod_has_all_that_the_report_is_made_from(live: str, tmp_path: Path) -> None:
    """Its ConfigMap, laid out as kubelet mounts it, and busybox: the report that the project itself would give."""
    project, mount = tmp_path / "project", tmp_path / "jobs"
    for name, text in POD.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text.replace("URL", live))
    built = run("build", "--env", "live", cwd=project)
    assert built.code == 0, built.err
    folder = project / "generated" / "live" / "shop" / "jobs" / "report-weekly"
    pod = yaml.safe_load((folder / "cronjob.yaml").read_text())["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    data = yaml.safe_load((folder / "script.yaml").read_text())["data"]
    for item in pod["volumes"][0]["configMap"]["items"]:
        at = mount / "..2026_11_24" / item["path"]
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(data.pop(item["key"]))
    assert data == {}
    (mount / "..data").symlink_to("..2026_11_24")
    for name in ("job.sh", "specs", "catalog"):
        (mount / name).symlink_to(f"..data/{name}")
    assert {
        e["name"]: e["valueFrom"]["secretKeyRef"]["key"] for e in pod["containers"][0]["env"] if "valueFrom" in e
    } == {
        "CHAT": "CHAT",
        "CAPGEN_PROMETHEUS": "token",
    }
    assert (pod["automountServiceAccountToken"], sorted(p.name for p in folder.iterdir())) == (
        False,
        ["cronjob.yaml", "script.yaml", "serviceaccount.yaml"],
    ), "it has no rights"
    secret = {"CAPGEN_PROMETHEUS": "t0ken"}
    (project / "specs/environments/live.yaml").write_text(
        POD["specs/environments/live.yaml"]
        .replace("URL", live)
        .replace("secret: {name: metrics, key: token}", "env: CAPGEN_PROMETHEUS")
    )
    asked = ["report", "weekly", "--env", "live", "--prometheus", "--now", str(int(END)), "--no-cache", "--format"]
    known = run(*asked, "text", cwd=project, env=secret)
    assert known.code == 0, known.err
    assert "120" in known.out
    tools = tmp_path / "tools"
    tools.mkdir()
    # The clock of the data, and not today's.
    (tools / "capgen").write_text(f'#!/bin/sh\nexec {sys.executable} -m capgen "$@" --now {int(END)}\n')
    (tools / "capgen").chmod(0o755)
    with serving_webhook() as chat:
        script = Script(mount / "job.sh", {"CAPGEN_PROJECT": str(mount), "CHAT": chat.url, **secret}, "busybox")
        command, variables = script.command()
        variables["PATH"] = f"{tools}:{variables['PATH']}"
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert known.out in done.stdout
        assert [text.strip() for text in chat.heard()] == [known.out.strip()]
        variables["CAPGEN_PROMETHEUS"] = ""
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, chat.heard()) == (5, [])
        assert "CAPGEN_PROMETHEUS holds no secret" in done.stdout


def test_what_containers_use_is_read_pod_by_pod(live: str, tmp_path: Path) -> None:
    """The busiest pod sizes the request, all pods together are what the HPA is replayed with; peaks between hours count."""
    for name, text in SPECS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("URL", live) + (SCALED if "shop" in name else ""))
    now = f"--now={END:.0f}"
    done = run("plan", "--env", "live", "--prometheus", "--no-cache", "--format", "json", now, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    (sized,) = json.loads(done.out)["services"][0]["right_sizing"]
    cpu, memory = sized["containers"]
    assert float(cpu["used"]) == pytest.approx(0.7, abs=0.01)
    assert int(memory["used"]) == pytest.approx(0.7 * 2 * (1 << 30), rel=0.01)
    # 1.2 cores at half of a core each are three pods, and a request of 0.7 at 71 % holds the same three.
    joint = sized["joint"]
    assert (joint["request"], joint["target"], joint["advised_request"], joint["advised_target"]) == (
        "1",
        50,
        "0.7",
        71,
    )
    assert (joint["today"]["most"], joint["together"]["most"]) == (3, 3)


SCALED = """
workloads:
  web:
    kind: Deployment
    namespace: shop
    containers: {app: {requests: {cpu: "1", memory: 4Gi}}}
    horizontal: {replicas: {min: 1, max: 9}, targets: {cpu: 50%}}
"""
