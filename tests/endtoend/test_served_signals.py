"""A signal reaches its autoscaler: through the real prometheus-adapter, or through KEDA's own CRD and queries.

Both read a real Prometheus. The adapter runs with the generated configuration beside a real API server, which says
who may ask, and gives the number that the generated HPA asks for.
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.command import run
from endtoend.test_autoscalers import holds
from endtoend.test_real_scrape import series, until
from harness.binaries import component, program
from harness.controlplane import ControlPlane
from harness.processes import free_port, serving
from harness.prometheus import Start
from jobs.cluster import workload

SPECS = Path(__file__).parents[2] / "specs"
OTHERS = {"service": "other", "source": "web"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shop in a cluster, built with each way of serving."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(
        (SPECS / "shop.yaml").read_text().replace("  environments: [production]\n", "")
    )
    login = ", auth: {bearer: {env: TOKEN}}, trigger_authentication: {name: prometheus-login}"
    for name in ("adapter", "keda"):
        (tmp_path / f"specs/{name}.yaml").write_text(
            f"apiVersion: capgen/v1\nkind: Environment\nmetadata: {{name: {name}}}\nkubernetes: {{namespace: monitoring}}\n"
            f'deliver: {{metrics: {name}}}\nprometheus: {{url: "http://prometheus.monitoring:9090"{login if name == "keda" else ""}}}\n'
        )
    built = run("build", cwd=tmp_path)
    assert built.code == 0, built.err
    return tmp_path / "generated"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def recording(folder: Path, record: str, values: list[tuple[dict[str, str], float]]) -> Path:
    """The configuration of a Prometheus that records these series under a name."""
    rules = [{"record": record, "expr": f"vector({value})", "labels": labels} for labels, value in values]
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": rules}]}))
    config = folder / "prometheus.yml"
    config.write_text(json.dumps({"rule_files": ["rules.yml"]}))
    return config


def record_of(rules: Any, metric: str) -> str:
    """The record behind the signal `web.throughput`, from the generated rules."""
    (group,) = [group for group in rules["groups"] if group["name"] == f"capgen/shop/{metric}"]
    found: str = next(rule["record"] for rule in group["rules"] if "record" in rule)
    return found


@contextmanager
def adapter(plane: ControlPlane, prometheus: str, config: str, folder: Path) -> Iterator[str]:
    """The real adapter at work; yields its address."""
    port, file, kubeconfig = free_port(), folder / "adapter.yaml", plane.kubeconfig()
    file.write_text(config)
    command = [
        program("adapter"), f"--config={file}", f"--prometheus-url={prometheus}", f"--lister-kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}",
        f"--secure-port={port}", "--bind-address=127.0.0.1", f"--cert-dir={folder / 'certificates'}",
        "--metrics-relist-interval=1s", "--metrics-max-age=1m", "--authentication-tolerate-lookup-failure=true",
    ]  # fmt: skip
    with serving("adapter", command, folder / "adapter.log"):
        yield f"https://127.0.0.1:{port}"


def asked(url: str) -> list[dict[str, Any]]:
    """What an HPA would be told; nothing while the adapter is not ready."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers={"Authorization": "Bearer admin-token"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=10) as answer:
            items: list[dict[str, Any]] = json.load(answer)["items"]
            return items
    except OSError:
        return []


def test_the_adapter_tells_the_hpa_the_value_of_its_signal(
    project: Path, control_plane: ControlPlane, prometheus: Start, tmp_path: Path
) -> None:
    hpa = loaded(project / "adapter/shop/hpa-shop-web.yaml")
    (external,) = [metric["external"]["metric"] for metric in hpa["spec"]["metrics"] if metric["type"] == "External"]
    config = loaded(project / "adapter/configmap-metrics-adapter.yaml")["data"]["config.yaml"]
    record = record_of(loaded(project / "adapter/shop/rules.yml"), "web.throughput")
    labels = external["selector"]["matchLabels"]
    selector = ",".join(f"{key}%3D{value}" for key, value in sorted(labels.items()))
    path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{hpa['metadata']['namespace']}/{external['name']}"
    with (
        prometheus(recording(tmp_path, record, [(labels, 1234), (OTHERS, 99)])) as server,
        adapter(control_plane, server.url, config, tmp_path) as address,
    ):
        found = until(lambda: asked(f"{address}{path}?labelSelector={selector}"), bool, 60)
        assert [(item["metricName"], item["value"]) for item in found] == [(external["name"], "1234")], (
            tmp_path / "adapter.log"
        ).read_text()[-2000:]
        others = asked(f"{address}{path}?labelSelector=service%3Dother")
        assert [item["value"] for item in others] == ["99"], "each service sees its own series"


@contextmanager
def aggregated(plane: ControlPlane, address: str) -> Iterator[None]:
    """The API server hands questions for external metrics on to the adapter, as it does in a cluster."""
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics-adapter", "namespace": "default"},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": 443}]},
    }  # fmt: skip
    told = {
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
        "spec": {
            "group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "metrics-adapter", "namespace": "default", "port": int(address.rpartition(":")[2])},
        },
    }  # fmt: skip
    documents = {"apiVersion": "v1", "kind": "List", "items": [service, told]}
    plane.kubectl("create", "-f", "-", stdin=documents)
    try:
        plane.kubectl(
            "wait", "--for=condition=Available", "apiservice/v1beta1.external.metrics.k8s.io", "--timeout=60s"
        )
        yield
    finally:
        plane.kubectl("delete", "--wait=true", "-f", "-", stdin=documents)


@pytest.mark.usefixtures("controllers")
def test_kubernetes_own_controller_scales_a_workload_by_the_signal(
    project: Path, control_plane: ControlPlane, prometheus: Start, tmp_path: Path
) -> None:
    """From the recorded series through the adapter and the API server to the number of replicas: 248 requests a second at 40
    for each pod are seven pods, and another service's are no part of it."""
    hpa = loaded(project / "adapter/shop/hpa-shop-web.yaml")
    config = loaded(project / "adapter/configmap-metrics-adapter.yaml")["data"]["config.yaml"]
    record = record_of(loaded(project / "adapter/shop/rules.yml"), "web.throughput")
    namespace = control_plane.new_namespace()
    hpa["metadata"]["namespace"] = namespace
    deployment = workload("Deployment", "shop-web", 4, requests={"cpu": "100m"}, limits={})
    control_plane.kubectl("create", "-n", namespace, "-f", "-", stdin=deployment)
    values = [({"service": "shop", "source": "web"}, 248.0), (OTHERS, 4000.0)]
    with (
        prometheus(recording(tmp_path, record, values)) as server,
        adapter(control_plane, server.url, config, tmp_path) as address,
        aggregated(control_plane, address),
    ):
        control_plane.apply_as("capgen", hpa)

        def live() -> dict[str, Any]:
            return control_plane.get("hpa", hpa["metadata"]["name"], namespace)["status"]

        def scaled() -> bool:
            return control_plane.get("deployment", "shop-web", namespace)["spec"]["replicas"] == 7

        until(scaled, bool, 60)
        assert live()["desiredReplicas"] == 7, live()
        (told,) = [one["external"] for one in live()["currentMetrics"] if one["type"] == "External"]
        assert told["metric"] == next(
            m["external"]["metric"] for m in hpa["spec"]["metrics"] if m["type"] == "External"
        )


def test_a_scaled_object_is_what_kedas_crd_takes_and_its_query_gives_the_value(
    project: Path, control_plane: ControlPlane, prometheus: Start, tmp_path: Path
) -> None:
    crds = component("keda")
    control_plane.kubectl("apply", "--server-side", f"--filename={crds / 'keda.sh_scaledobjects.yaml'}")
    control_plane.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=30s")
    document = loaded(project / "keda/shop/scaledobject-shop-web.yaml")
    assert not (project / "keda/shop/hpa-shop-web.yaml").exists(), "a workload has one owner"
    assert not (project / "keda/configmap-metrics-adapter.yaml").exists()
    document["metadata"]["namespace"] = control_plane.new_namespace()
    control_plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", stdin=document)
    live = control_plane.get("scaledobjects.keda.sh", document["metadata"]["name"], document["metadata"]["namespace"])
    assert holds(live["spec"], document["spec"])
    # What the HPA of the other environment says, KEDA's HPA says too.
    hpa = loaded(project / "adapter/shop/hpa-shop-web.yaml")
    own = document["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert own == {"name": hpa["metadata"]["name"], "behavior": hpa["spec"]["behavior"]}
    assert document["spec"]["scaleTargetRef"] == hpa["spec"]["scaleTargetRef"]
    assert document["spec"]["minReplicaCount"], document["spec"]["maxReplicaCount"] == (4, 60)
    (trigger,) = [trigger for trigger in document["spec"]["triggers"] if trigger["type"] == "prometheus"]
    assert (trigger["metricType"], trigger["metadata"]["threshold"]) == ("AverageValue", "40")
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no data is no reason to scale down"
    assert (trigger["metadata"]["authModes"], trigger["authenticationRef"]["name"]) == ("bearer", "prometheus-login")
    # What a trigger says is what KEDA's own scalers read, and all that they need.
    known = json.loads((crds / "triggers.json").read_text())
    for one in document["spec"]["triggers"]:
        fields = known[one["type"]]
        assert {name for name, needed in fields.items() if needed} <= one["metadata"].keys() <= fields.keys()
        assert all(isinstance(value, str) for value in one["metadata"].values())
    record = record_of(loaded(project / "keda/shop/rules.yml"), "web.throughput")
    values = [({"service": "shop", "source": "web"}, 1234.0), (OTHERS, 99.0)]
    with prometheus(recording(tmp_path, record, values)) as server:
        found = until(lambda: series(server, trigger["metadata"]["query"]), bool, 20)
        assert [float(one["value"][1]) for one in found] == [1234], "one element, as KEDA wants it"
