"""Importing: what capgen wrote comes back as it was, what others wrote is said exactly or named, and nothing leaks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from cli.command import run
from harness.controlplane import ControlPlane

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
VOLUME = "the size of append_only_files"
"""What a volume is called stands in no rule but in this text: an import calls it the signal's capacity."""
COMPARED = ("hpa-", "vpa-", "prometheusrule", "servicemonitor-", "scrapeconfig-", "rules.yml", "scrape.yml")


def rules(file: Path) -> dict[str, str]:
    """What is compared of a service: every autoscaler, rule and scrape job, without the line that names the spec."""
    return {
        path.name: re.sub(r"\A#.*\n", "", path.read_text()).replace(VOLUME, "its capacity")
        for path in sorted(file.glob("*"))
        if path.name.startswith(COMPARED)
    }


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, imported from what they compile to in production, and compiled again."""
    project = tmp_path_factory.mktemp("again")
    shutil.copytree(ROOT / "specs" / "environments", project / "specs" / "environments")
    for environment in (project / "specs" / "environments").glob("*"):
        environment.write_text(environment.read_text().partition("# Changes to single specs")[0])
    for service in ("apm", "cache", "ledger", "shop"):
        done = run("import", service, "--env", "production", "--from", str(ROOT / "generated/production"), cwd=project)
        assert done.code == 0, done.err
        assert "rules that capgen wrote" in " ".join(done.out.split())
        changes = re.findall(r"^  [-+~] (.*)", done.out, re.MULTILINE)
        assert changes == (
            ["rule CachePodsVolumeSpaceFullSoon of capgen/cache/pods.volume_space/ahead"] if service == "cache" else []
        )
    assert run("validate", cwd=project).code == 0
    assert run("build", cwd=project).code == 0
    return project


@pytest.mark.parametrize("service", ["apm", "cache", "ledger", "shop"])
def test_what_capgen_wrote_comes_back_as_it_was(again: Path, service: str) -> None:
    before = rules(ROOT / "generated" / "production" / service)
    assert len(before) > 2
    assert rules(again / "generated" / "production" / service) == before


def test_the_files_of_a_host_come_back_too(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs" / "environments", tmp_path / "specs" / "environments")
    (tmp_path / "specs/environments/production.yaml").unlink()
    done = run("import", "apm", "--env", "host", "--from", str(ROOT / "generated/host/prometheus.yml"), cwd=tmp_path)
    assert done.code == 0, done.err
    assert run("build", cwd=tmp_path).code == 0
    assert rules(tmp_path / "generated/host/apm") == rules(ROOT / "generated/host/apm")


def test_live_objects_of_others_become_a_draft_that_applies_beside_nothing_twice(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """kube-prometheus' shapes, an HPA of four kinds of metrics, on a real API server."""
    objects = [d for d in yaml.safe_load_all((HERE / "others.yaml").read_text().replace("SPACE", namespace)) if d]
    control_plane.kubectl("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": objects})
    env = {"KUBECONFIG": str(control_plane.kubeconfig())}
    with control_plane.recorded() as requests:
        done = run("import", "shop", "--namespace", namespace, cwd=tmp_path, env=env)
    assert done.code == 0, done.err
    assert {request.verb for request in requests} <= {"list", "get"}
    assert not [request for request in requests if "secrets" in request.uri]
    spec = yaml.safe_load((tmp_path / "specs/shop.yaml").read_text())
    said = " ".join(done.out.split())

    horizontal = spec["workloads"]["frontend"]["horizontal"]
    assert horizontal["targets"] == {
        "cpu": "70%",
        "http_requests_per_second": {"average": 0.5, "pods": "http_requests_per_second"},
        "queue_messages_ready": {"average": 30, "external": "queue_messages_ready", "selector": {"queue": "worker"}},
        "requests_per_second": {
            "value": 2000, "object": "requests-per-second",
            "of": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"},
        },
    }  # fmt: skip
    assert spec["workloads"]["frontend"]["containers"] == {"web": {"requests": {"cpu": "500m", "memory": "256Mi"}}}
    assert spec["workloads"]["cache"]["vertical"]["mode"] == "recreate"
    assert "odd" not in spec["workloads"]
    assert ".spec.metrics[0].external.metric.selector.matchExpressions: the language has no word for it" in said

    latency = spec["signals"]["frontend_metrics.latency"]
    assert latency["quantile"] == 0.99
    assert latency["levels"] == {"acceptable": None, "poor": "500ms", "unacceptable": "2s"}
    assert latency["for"] == "10m"
    assert spec["signals"]["frontend_metrics.errors"]["levels"]["unacceptable"] == "5%"
    assert spec["signals"]["node.memory"]["levels"]["warning"] == "90%"
    assert spec["signals"]["node.cpu"] == {"levels": None}
    assert spec["signals"]["frontend_metrics.queue_stuck"]["expr"] == (
        'sum by (queue) (work_queue_depth{$selector,queue!="dead"})'
    )
    assert spec["metadata"]["owner"] == "web"
    assert "rules[8] (Mismatch): it is no comparison of a measurement with a number" in said
    assert "ServiceMonitor shop/frontend: it scrapes".replace("shop/", f"{namespace}/") in said

    redis = spec["sources"]["redis"]
    assert redis == {"exporter": "redis", "job": "redis", "existing": True}
    assert spec["sources"]["frontend_metrics"]["service"]["labels"] == {"app": "frontend"}

    # Applied, the draft changes the very HPA that was there, and makes no second one for the workload.
    (tmp_path / "specs/environments").mkdir()
    environment = {
        "apiVersion": "capgen/v1", "kind": "Environment", "metadata": {"name": "test"},
        "kubernetes": {"namespace": namespace}, "deliver": {"prometheus": "operator", "alertmanager": "none", "grafana": "none"},
    }  # fmt: skip
    (tmp_path / "specs/environments/test.yaml").write_text(yaml.safe_dump(environment))
    before = control_plane.get("hpa", "frontend", namespace)
    assert run("validate", cwd=tmp_path).code == 0
    applied = run("apply", "--env", "test", "--yes", "--adopt", "kubectl-create", cwd=tmp_path, env=env)
    assert applied.code == 0, applied.out + applied.err
    after = control_plane.get("hpa", "frontend", namespace)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
    names = control_plane.kubectl("get", "hpa", "-n", namespace, "-o", "name").split()
    assert sorted(names) == ["horizontalpodautoscaler.autoscaling/frontend", "horizontalpodautoscaler.autoscaling/odd"]
    assert run("diff", "--env", "test", "--exit-code", cwd=tmp_path, env=env).code == 0


RULES = """groups:
- name: web
  rules:
  - {alert: A, expr: 'sum(rate(http_requests_total{job="web"}[5m])) > 100', for: 5m, labels: {severity: warning}}
"""
SCRAPES = """scrape_configs:
- job_name: web
  static_configs: [{targets: ["web:8080"]}]
- job_name: closed
  basic_auth: {username: u, password: hunter2-password}
  params: {token: [hunter2-token]}
  static_configs: [{targets: ["closed:8080"], labels: {url: "https://u:hunter2-label@x"}}]
rule_files: [rules/*.yml]
"""


def imported(folder: Path, *arguments: str) -> tuple[int, str]:
    done = run("import", "web", "--from", str(folder), *arguments, cwd=folder.parent)
    return done.code, done.out + done.err


def test_no_secret_of_a_prometheus_gets_into_the_draft_or_the_report(tmp_path: Path) -> None:
    source = tmp_path / "prometheus" / "prometheus.yml"
    (source.parent / "rules").mkdir(parents=True)
    source.write_text(SCRAPES)
    (source.parent / "rules/web.yml").write_text(RULES)
    done = run("import", "web", "--from", str(source), cwd=tmp_path)
    assert done.code == 0, done.err
    written = "".join(p.read_text() for p in tmp_path.rglob("*.yaml") if "prometheus" not in p.parts)
    assert "basic_auth: the language has no word for it" in " ".join(done.out.split())
    assert "hunter2" not in written + done.out + done.err
    assert "web.throughput" in written


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2", "x.yaml:1:4"),
        ("a: &x [1]\nb: !!python/object:os.system {}\n", "x.yaml:2:4"),
        ("kind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: many}\n", "x.yaml:3:21"),
        ("kind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: [1]\n", "x.yaml:3:7"),
        ("kind: PrometheusRule\nmetadata: {name: a}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '(('}]}]}\n", "x.yaml:3"),
        ("kind: List\nitems: {}\n", "x.yaml:2:8"),
        ("kind: VerticalPodAutoscaler\nmetadata: {}\n", "x.yaml:2:11"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_pointed_at(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x.yaml").write_text(text)
    code, said = imported(tmp_path / "in")
    assert (code, place in said) == (2 if "((" in text else 3, True), said
    assert "Traceback" not in said
    assert not (tmp_path / "specs").exists()


def test_a_file_that_is_there_is_not_overwritten_and_the_same_object_twice_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/rules.yml").write_text(RULES)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/web.yaml").write_text("# mine\n")
    code, said = imported(tmp_path / "in")
    assert (code, "exists already" in said) == (6, True), said
    assert (tmp_path / "specs/web.yaml").read_text() == "# mine\n"
    hpa = "kind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec: {maxReplicas: 2}\n"
    (tmp_path / "in/twice.yaml").write_text(f"{hpa}---\n{hpa}")
    code, said = imported(tmp_path / "in")
    assert (code, "CG441" in said) == (3, True), said


def test_what_the_language_refuses_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """A VPA that changes what the HPA scales by cannot be in a spec, and does run in clusters."""
    (tmp_path / "in").mkdir()
    target = "{apiVersion: apps/v1, kind: Deployment, name: web}"
    (tmp_path / "in/both.yaml").write_text(
        "kind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: n}\n"
        f"spec: {{maxReplicas: 5, scaleTargetRef: {target}}}\n---\n"
        "kind: VerticalPodAutoscaler\nmetadata: {name: web, namespace: n}\n"
        f"spec: {{targetRef: {target}, updatePolicy: {{updateMode: Recreate}}}}\n"
    )
    code, said = imported(tmp_path / "in")
    assert code == 0, said
    assert "both the HPA and the VPA of 'web' decide about cpu" in " ".join(said.split())
    drafted = yaml.safe_load((tmp_path / "specs/web.yaml").read_text())["workloads"]["web"]
    assert "vertical" not in drafted
    assert drafted["horizontal"]["targets"] == {"cpu": "80%"}
    assert run("validate", cwd=tmp_path).code == 0


def test_what_the_language_has_no_word_for_in_an_alert_and_its_group_is_told(tmp_path: Path) -> None:
    """Nothing of an alert that is taken over goes silently: annotations, and how its group is evaluated."""
    rule = {
        "alert": "QueueHigh", "expr": 'sum by (queue) (web_queue_depth{job="web"}) > 10',
        "annotations": {"summary": "{{ $value }}", "description": "kept", "dashboard": "https://g/d/x"},
    }  # fmt: skip
    group = {"name": "a", "interval": "5m", "limit": 10, "query_offset": "1m", "rules": [rule]}
    vpa = """apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: "Off"}
  resourcePolicy: {containerPolicies: [{containerName: web, maxAllowed: {cpu: "2"}}, {containerName: "*", mode: "Off"}]}
"""
    (tmp_path / "live").mkdir()
    (tmp_path / "live/rules.yaml").write_text(yaml.safe_dump({"groups": [group]}))
    (tmp_path / "live/vpa.yaml").write_text(vpa)
    code, out = imported(tmp_path / "live")
    said = " ".join(out.split())
    assert code == 0, out
    assert "evaluated every 5m → every 15s" in said
    assert "(QueueHigh): the annotation dashboard would be lost" in said and "description" not in said
    for name in ("limit", "query_offset"):
        assert (
            f".groups[0].{name}: the language has no word for it: alerts of a that are taken over go without it" in said
        )
    # A VPA looks its policies up by their names: their order is no difference.
    assert "the same as now: VerticalPodAutoscaler shop/web" in said
