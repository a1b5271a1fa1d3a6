"""Autoscalers and monitoring objects, from the specs through the command line onto a real API server with the real CRDs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.command import run
from harness.controlplane import ControlPlane

SPECS = Path(__file__).parents[2] / "specs"
NAMESPACES = ("apm", "monitoring", "payments", "shop")
KINDS = (
    "AlertmanagerConfig", "ConfigMap", "CronJob", "HorizontalPodAutoscaler", "PrometheusRule", "Role", "RoleBinding", "ScrapeConfig",
    "ServiceAccount", "ServiceMonitor", "VerticalPodAutoscaler",
)  # fmt: skip
CLUSTER = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: plain}
kubernetes: {namespace: monitoring}
deliver: {prometheus: operator}
"""
# The manifests of the runbook that the service APM started from.
HPA = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "apm-service"},
    "minReplicas": 2,
    "maxReplicas": 10,
    "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
        {
            "type": "Resource",
            "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}},
        },
    ],
    "behavior": {
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
        },
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    },
}
VPA = {
    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "apm-service"},
    "updatePolicy": {"updateMode": "Off"},  # was Auto: it fights the HPA, and the API has deprecated it
    "resourcePolicy": {
        "containerPolicies": [
            {
                "containerName": "apm-service",
                "maxAllowed": {"cpu": "2", "memory": "4Gi"},
                "minAllowed": {"cpu": "100m", "memory": "128Mi"},
            }
        ]
    },
}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A project with the example service in an environment that overrides nothing."""
    specs = tmp_path / "plain" / "specs"
    (specs / "environments").mkdir(parents=True)
    for name in ("apm.yaml", "defaults.yaml"):
        shutil.copy(SPECS / name, specs / name)
    (specs / "environments" / "plain.yaml").write_text(CLUSTER)
    return specs.parent


def manifest(project: Path, name: str) -> dict[str, Any]:
    """A generated manifest of the service."""
    found: dict[str, Any] = yaml.safe_load((project / "generated" / "plain" / "apm" / name).read_text())
    return found


def test_the_runbooks_autoscalers_come_out_field_for_field(plain: Path, control_plane: ControlPlane) -> None:
    built = run("build", cwd=plain)
    assert built.code == 0, built.err
    hpa, vpa = manifest(plain, "hpa-apm-service.yaml"), manifest(plain, "vpa-apm-service.yaml")
    assert (hpa["apiVersion"], hpa["kind"], hpa["metadata"]["name"], hpa["metadata"]["namespace"]) == (
        "autoscaling/v2", "HorizontalPodAutoscaler", "apm-service-hpa", "apm",
    )  # fmt: skip
    assert (vpa["apiVersion"], vpa["kind"], vpa["metadata"]["name"], vpa["metadata"]["namespace"]) == (
        "autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "apm-service-vpa", "apm",
    )  # fmt: skip
    assert hpa["spec"] == HPA
    assert vpa["spec"] == VPA
    # And the API server understands each field as it is meant: nothing is dropped, nothing else is put in its place.
    namespace = control_plane.new_namespace()
    for document in (hpa, vpa):
        document["metadata"]["namespace"] = namespace
        live = json.loads(
            control_plane.kubectl("apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-", stdin=document)
        )
        assert holds(live["spec"], document["spec"])


def holds(live: Any, wanted: Any) -> bool:
    """Whether everything wanted is live; the server may add defaults."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(key in live and holds(live[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(live) == len(wanted) and all(map(holds, live, wanted))
    return bool(live == wanted)


# --- the example specs, delivered by the command line


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example specs in a project of their own."""
    shutil.copytree(SPECS, tmp_path / "project" / "specs")
    return tmp_path / "project"


@pytest.fixture
def production(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The API server with the examples' namespaces, and nothing of the examples' in them before and after."""
    for namespace in NAMESPACES:
        control_plane.kubectl("create", "namespace", namespace, check=False)
    clear(control_plane)
    yield control_plane
    clear(control_plane)


def clear(plane: ControlPlane) -> None:
    """Removes what capgen has delivered, so that the tests of one session do not meet."""
    for namespace in NAMESPACES:
        plane.kubectl("delete", ",".join(KINDS), "-n", namespace, "-l", "app.kubernetes.io/managed-by=capgen")


@pytest.fixture
def shell(control_plane: ControlPlane, tmp_path: Path) -> Mapping[str, str]:
    """The variables of a shell whose kubeconfig has the context `production`."""
    config = json.loads(control_plane.kubeconfig().read_text())
    config["contexts"] = [{"name": "production", "context": config["contexts"][0]["context"]}]
    config["current-context"] = ""
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    return {"KUBECONFIG": str(tmp_path / "kubeconfig")}


def manifests(project: Path) -> list[dict[str, Any]]:
    """Every manifest that the specs compile to for production."""
    paths = [
        p for p in sorted((project / "generated" / "production").rglob("*.yaml")) if p.name != "kustomization.yaml"
    ]
    return [document for path in paths for document in yaml.safe_load_all(path.read_text())]


def versions(plane: ControlPlane, documents: list[dict[str, Any]]) -> dict[str, str]:
    """The resource version of each object that is on the server."""
    found = {}
    for kind in sorted({document["kind"] for document in documents}):
        for item in json.loads(plane.kubectl("get", kind, "--all-namespaces", "-o", "json"))["items"]:
            metadata = item["metadata"]
            found[f"{kind}/{metadata['namespace']}/{metadata['name']}"] = metadata["resourceVersion"]
    return found


def test_the_example_specs_are_applied_once_and_then_nothing_is_left_to_do(
    project: Path, shell: Mapping[str, str], production: ControlPlane
) -> None:
    assert run("build", "--env", "production", cwd=project).code == 0
    documents = manifests(project)
    assert {document["kind"] for document in documents} >= set(KINDS)
    assert {document["metadata"]["namespace"] for document in documents} <= set(NAMESPACES)
    wanted = {f"{d['kind']}/{d['metadata']['namespace']}/{d['metadata']['name']}" for d in documents}
    for document in documents:
        production.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=document)

    diff = run("diff", "specs", "--env", "production", "--exit-code", cwd=project, env=shell)
    assert diff.code == 4, diff.err
    first = run("apply", "specs", "--env", "production", "--yes", cwd=project, env=shell)
    assert first.code == 0, first.err + first.out
    created = versions(production, documents)
    assert wanted <= created.keys()
    again = run("apply", "specs", "--env", "production", "--yes", "--format", "json", cwd=project, env=shell)
    assert again.code == 0, again.err
    assert versions(production, documents) == created, "nothing was written"
    diff = run("diff", "specs", "--env", "production", "--exit-code", cwd=project, env=shell)
    assert diff.code == 0, diff.out


def test_what_somebody_changes_on_the_server_is_a_difference(
    project: Path, shell: Mapping[str, str], production: ControlPlane
) -> None:
    assert run("apply", "specs", "--env", "production", "--yes", cwd=project, env=shell).code == 0
    change = json.dumps({"spec": {"maxReplicas": 99}})
    production.kubectl("patch", "hpa", "apm-service-hpa", "-n", "apm", "--type=merge", "-p", change)
    diff = run("diff", "specs", "--env", "production", "--exit-code", cwd=project, env=shell)
    assert diff.code == 4, diff.err
    assert "maxReplicas" in diff.out and "99" in diff.out and "40" in diff.out


def test_the_host_is_delivered_to_a_folder_once(project: Path, tmp_path: Path, promtool: Path) -> None:
    root, env = tmp_path / "root", {"PATH": f"{promtool.parent}:/usr/bin:/bin"}
    arguments = ("specs", "--env", "host", "--root", str(root))
    assert run("diff", *arguments, "--exit-code", cwd=project, env=env).code == 4
    assert not root.exists(), "a diff writes nothing"
    first = run("apply", *arguments, "--yes", cwd=project, env=env)
    assert first.code == 0, first.err
    subprocess.run([promtool, "check", "config", root / "prometheus.yml"], check=True, capture_output=True)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert len(before) >= 3
    assert run("diff", *arguments, "--exit-code", cwd=project, env=env).code == 0
    second = run("apply", *arguments, "--yes", cwd=project, env=env)
    assert second.code == 0, second.err
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
