"""An environment that pins its cluster is delivered to that one or to none."""

from __future__ import annotations

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
    "pins", [{"uid": "00000000-0000-0000-0000-000000000000"}, {"server": "https://api.elsewhere.example:6443"}]
)
def test_any_other_cluster_is_refused(control_plane: ControlPlane, tmp_path: Path, pins: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        target_of(environment(**pins), tmp_path, variables=variables(control_plane))
    assert next(iter(pins.values())) in str(refused.value)
    assert "nothing was read or written" in str(refused.value)
