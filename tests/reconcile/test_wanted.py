"""What is wanted is read as it was put in, also when it does not fit into memory, and keeps the order of writing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from harness.manifests import ALL, artifacts, config_map

from capgen.errors import TargetError
from capgen.reconcile import wanted as store
from capgen.reconcile.manifest import Manifest, manifest_of
from capgen.reconcile.wanted import Wanted, read_manifests


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_what_is_read_is_what_was_put_in(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_IN_MEMORY", room)
    given = [*artifacts(*ALL), *(config_map(f"map-{n}", {"text": "line\n" * n}) for n in range(40))]
    there, turned = read_manifests(given, "home"), read_manifests(given[::-1], "home")
    assert list(there) == list(turned) and len(there) == len(given)
    orders = [(manifest.kind.order, manifest.key) for manifest in there]
    assert orders == sorted(orders)
    assert there["ConfigMap/home/map-7"].document["data"] == {"text": "line\n" * 7}
    assert there.get("ConfigMap/home/none") is None


def test_what_is_settled_is_named_and_not_open_any_more() -> None:
    there = read_manifests(
        [config_map(name, {}, service) for name, service in (("b", "x"), ("a", "x"), ("c", "y"))], "n"
    )
    there.settle(["ConfigMap/n/c", "ConfigMap/n/b", "ConfigMap/n/a"][:2])
    assert [manifest.name for manifest in there.open] == ["a"]
    assert there.settled == {"x": ("ConfigMap/n/b",), "y": ("ConfigMap/n/c",)}
    assert there.services == {"x", "y"} and there.keys >= {"ConfigMap/n/c"}, "it is still wanted"


def test_no_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_IN_MEMORY", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(Path("/nowhere/at/all")))
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "n"}}
    manifest: Manifest = manifest_of(document, "x", "x.yaml")
    with pytest.raises(TargetError, match="set TMPDIR to a folder"):
        Wanted().add(manifest)
