"""Jobs in a cluster: their objects on the real API server, their scripts with the rights of their own accounts alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from harness.binaries import component
from harness.controlplane import ControlPlane
from jobs.running import Script

METRICS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, stands in for the metrics server"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "names": {"kind": "PodMetrics", "plural": "pods"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""The metrics API as the server itself can serve it: the same paths, shapes and rights, with numbers that a test sets."""


def environment(namespace: str, prometheus: str = "") -> str:
    """An Environment that delivers CronJobs to a namespace."""
    asked = f'prometheus: {{url: "{prometheus}"}}\n' if prometheus else ""
    return (
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: production}\n"
        f"kubernetes: {{namespace: {namespace}}}\ndeliver: {{prometheus: operator, jobs: cronjob}}\n{asked}"
    )


def apply_jobs(plane: ControlPlane, files: Mapping[str, str]) -> None:
    """Applies what belongs to jobs, accounts and roles before what names them."""
    order = ("serviceaccount", "role", "state", "script", "rolebinding", "cronjob")
    jobs = [path for path in files if "/jobs/" in path]
    jobs.sort(key=lambda path: order.index(path.rpartition("/")[2].partition(".")[0].partition("-")[0]))
    plane.apply_as(
        "capgen", {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(files[path]) for path in jobs]}
    )


def in_pod(plane: ControlPlane, folder: Path, files: Mapping[str, str], job: str, **variables: str) -> Script:
    """A job's script, taken from its ConfigMap, with a token of its own ServiceAccount and nobody else's rights, and with
    the programs of a small image alone."""
    account = yaml.safe_load(files[f"shop/jobs/{job}/serviceaccount.yaml"])["metadata"]
    live = plane.get("configmap", account["name"], account["namespace"])
    path = folder / f"{job}.sh"
    path.write_text(live["data"]["job.sh"])
    token = plane.kubectl("create", "token", account["name"], "-n", account["namespace"]).strip()
    config: dict[str, Any] = json.loads(plane.kubeconfig().read_text())
    config["users"][0]["user"] = {"token": token}
    (folder / f"{job}.kubeconfig").write_text(json.dumps(config))
    tools = f"{component('kubernetes')}:/usr/bin:/bin"
    return Script(
        path,
        {"PATH": tools, "KUBECONFIG": str(folder / f"{job}.kubeconfig"), "HOME": str(folder), **variables},
        "busybox",
    )


def workload(
    kind: str, name: str, replicas: int, *, requests: Mapping[str, str], limits: Mapping[str, str]
) -> dict[str, Any]:
    """A Deployment or StatefulSet with one container of its own name."""
    pod = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [
                {"name": name, "image": "x", "resources": {"requests": dict(requests), "limits": dict(limits)}}
            ]
        },
    }
    spec: dict[str, Any] = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod}
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def run_pods(
    plane: ControlPlane, namespace: str, name: str, *uses: Mapping[str, str], requests: Mapping[str, str]
) -> None:
    """Pods of a workload, each with what it uses."""
    objects: list[dict[str, Any]] = []
    for number, use in enumerate(uses):
        pod = {"name": f"{name}-{number}", "namespace": namespace, "labels": {"app": name}}
        container = {"name": name, "image": "x", "resources": {"requests": dict(requests)}}
        objects.append({"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": {"containers": [container]}})
        metrics = {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": pod}
        objects.append({**metrics, "containers": [{"name": name, "usage": dict(use)}]})
    plane.apply_as("test", {"apiVersion": "v1", "kind": "List", "items": objects})


def settled(plane: ControlPlane, namespace: str, kind: str, name: str, replicas: int) -> None:
    """What the workload's controller reports when all replicas are there."""
    status = json.dumps({"status": {"replicas": replicas}})
    plane.kubectl("patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", status)


def replicas(plane: ControlPlane, namespace: str, kind: str, name: str) -> int:
    """How many replicas are wanted now."""
    return int(plane.get(kind, name, namespace)["spec"]["replicas"])
