"""An environment that pins its cluster is delivered to that one or to none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from harness.controlplane import ControlPlane

from capgen.delivery import target_of
from capgen.errors import Refused
from capgen.spec.documents import Environment


def environment(**pins: str) -> Environment:
    return Environment.model_validate(
        {
            "apiVersion": "capgen/v1",
            "kind": "Environment",
            "metadata": {"name": "production"},
            "kubernetes": {"namespace": "monitoring", **pins},
        }
    )


def variables(control_plane: ControlPlane) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig())}


def test_the_pinned_cluster_is_taken(control_plane: ControlPlane, tmp_path: Path) -> None:
    uid = control_plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    assert target_of(environment(uid=uid), tmp_path, variables=variables(control_plane)).name


@pytest.mark.parametrize(
    ("context", "pinned", "same"),
    [
        ("https://API.example.com:443/", "https://api.example.com", True),
        ("https://api.example.com/k8s/a/", "https://api.example.com/k8s/a", True),
        ("https://api.example.com/k8s/a", "https://api.example.com/k8s/b", False),
        ("https://api.example.com:6443", "https://api.example.com", False),
        ("http://api.example.com", "https://api.example.com", False),
        ("https://api.example.com:none", "https://api.example.com", False),
    ],
)  # fmt: skip
def test_a_server_is_the_same_one_however_its_address_is_spelled(
    tmp_path: Path, context: str, pinned: str, same: bool
) -> None:
    config = {
        "current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": context}}], "users": [{"name": "a", "user": {"token": "t"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(config))
    asked = {"KUBECONFIG": str(tmp_path / "config")}
    if same:
        assert target_of(environment(server=pinned), tmp_path, variables=asked).name
        return
    with pytest.raises(Refused, match="nothing was read or written"):
        target_of(environment(server=pinned), tmp_path, variables=asked)


@pytest.mark.parametrize(
    "pins", [{"uid": "00000000-0000-0000-0000-000000000000"}, {"server": "https://api.elsewhere.example:6443"}]
)
def test_any_other_cluster_is_refused(control_plane: ControlPlane, tmp_path: Path, pins: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        target_of(environment(**pins), tmp_path, variables=variables(control_plane))
    assert next(iter(pins.values())) in str(refused.value)
    assert "nothing was read or written" in str(refused.value)
