"""A service that is destroyed while somebody's finalizer keeps an object: no run says that it is gone before it is."""

from __future__ import annotations

import json
from pathlib import Path

from faults.scene import Scene
from harness.controlplane import ControlPlane
from harness.proxy import Proxy


def test_what_waits_for_a_finalizer_is_not_destroyed_until_it_is_gone(
    control_plane: ControlPlane, namespace: str, proxy: Proxy, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, control_plane, namespace, proxy)
    scene.applied()
    destroy = ("destroy", "shop", "--env", "live", "--yes")
    scene.patch("hpa", "web-hpa", {"metadata": {"finalizers": ["example.org/wait"]}})
    assert scene.run(*destroy, "--deletions", "4").code == 5
    again = scene.run(*destroy)
    assert again.code == 5, again.err
    assert "web-hpa: pending: it is being deleted since" in again.err and "example.org/wait" in again.err
    assert json.loads(scene.run(*destroy, "--format", "json").out)["changes"][0]["action"] == "extra"
    scene.patch("hpa", "web-hpa", {"metadata": {"finalizers": None}})
    assert scene.run(*destroy).code == 0
    assert not scene.plane.kubectl("get", "configmap", "capgen.shop", "-n", namespace, "--ignore-not-found")
