"""Pinning an environment to its cluster: found out once, written beside the rest, and from then on a guard."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from capgen import disk
from capgen.api.reading import read_project
from capgen.api.reconcile import environment_of
from capgen.errors import Refused, UsageError
from capgen.spec.parse import parse_project
from capgen.yamlio import Node, Source, read


class Pins(Struct, frozen=True):
    """What tells one cluster from every other."""

    server: str
    uid: str


def pins_of(paths: Sequence[Path], environment: str) -> Pins:
    """Those of the cluster that the environment's context leads to now. Raises TargetError when it does not answer."""
    from capgen.targets import kubeconfig
    from capgen.targets.kubernetes import connect, identity

    declared = environment_of(paths, environment)
    if declared.kubernetes is None:
        raise UsageError(f"the environment {environment!r} has no cluster to pin: it says no `kubernetes:`")
    access = kubeconfig.load(kubeconfig.default_paths(os.environ), declared.kubernetes.context or "")
    return Pins(access.server, identity(connect(access, declared.kubernetes.namespace)))


def write_pins(paths: Sequence[Path], environment: str, pins: Pins) -> Path:
    """Writes them into the environment's file and leaves every other character as it is."""
    for source in read_project(paths).sources:
        node, _ = read(source)
        if node is not None and _is(node, environment):
            text = pinned(source, node, pins)
            _check(source, text, environment, pins)
            disk.save(Path(source.name), text)
            return Path(source.name)
    raise UsageError(f"no file declares the environment {environment!r}")


def pinned(source: Source, node: Node, pins: Pins) -> str:
    """The file's text with both pins in `kubernetes:`, replaced where they stand, put first where they do not."""
    text = source.text
    for key, value in (("uid", pins.uid), ("server", pins.server)):
        found, _ = read(Source(source.name, text))
        cluster = found.at(("kubernetes",)) if found else None
        if cluster is None or not isinstance(cluster.value, dict):
            raise UsageError(f"{source.name} has no `kubernetes:` to write into")
        standing = cluster.value.get(key)
        if standing is not None:
            start, end = (
                _index(text, standing.mark[0], standing.mark[1]),
                _index(text, standing.mark[2], standing.mark[3]),
            )
            text = text[:start] + json.dumps(value) + text[end:]
            continue
        at = _index(text, cluster.mark[0], cluster.mark[1])
        flow = text[at] == "{"
        indent = " " * (cluster.mark[1] - 1)
        entry = f"{key}: {json.dumps(value)}" + (", " if flow else f"\n{indent}")
        text = text[: at + flow] + entry + text[at + flow :]
    return text


def _check(source: Source, text: str, environment: str, pins: Pins) -> None:
    """What was written is read back before it replaces anything."""
    project, _ = parse_project([Source(source.name, text)])
    written = [model.kubernetes for _, model in project.environments if model.metadata.name == environment]
    if not written or written[0] is None or (written[0].server, written[0].uid) != (pins.server, pins.uid):
        raise Refused(f"{source.name} cannot be changed safely: write server and uid into it by hand")


def _is(node: Node, environment: str) -> bool:
    kind, name = node.at(("kind",)), node.at(("metadata", "name"))
    return kind is not None and kind.value == "Environment" and name is not None and name.value == environment


def _index(text: str, line: int, column: int) -> int:
    """The place of a line and column, both counted from 1."""
    return sum(len(one) for one in text.splitlines(keepends=True)[: line - 1]) + column - 1
