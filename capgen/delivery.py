"""Where an environment's artifacts go, and which of them: from the words of its document to a target.

The environment file is the only thing that may name an address, and this is the only place that reads it for one.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from capgen.artifact import Artifact
from capgen.errors import Refused, UsageError
from capgen.reconcile.policy import FieldPolicy
from capgen.reconcile.target import Target
from capgen.spec.documents import Environment


def target_of(
    environment: Environment,
    folder: Path,
    *,
    root: Path | None = None,
    seconds: float = 300,
    variables: Mapping[str, str] | None = None,
) -> Target:
    """The environment's target; `root` (of the command line) replaces its directory.

    A relative directory is taken from `folder`, the project's. `seconds` is the time for everything that is asked of a
    cluster. Raises UsageError when the environment names
    none, Refused when the API server is not the one that it pins.
    """
    name = environment.metadata.name
    if root is not None or environment.directory is not None:
        from capgen.targets.directory import Directory

        place = root if root is not None else folder / (environment.directory.root if environment.directory else "")
        reload = environment.prometheus.reload if environment.prometheus and root is None else None
        alerts = environment.alertmanager.reload if environment.alertmanager and root is None else None
        return Directory(
            place, reload=reload or "", alertmanager=alerts or "", environment=name, project=environment.project or ""
        )
    if environment.kubernetes is None:
        raise UsageError(
            f"the environment {name!r} says neither `directory:` nor `kubernetes:`: give --root FOLDER, or declare where to deliver"
        )
    from capgen.targets import kubeconfig
    from capgen.targets.kubernetes import connect, identity

    cluster = environment.kubernetes
    access = kubeconfig.load(
        kubeconfig.default_paths(os.environ if variables is None else variables), cluster.context or ""
    )
    if cluster.server is not None and _server(access.server) != _server(cluster.server):
        raise Refused(
            f"the context leads to {access.server}, and {name!r} is at {cluster.server}: choose the right context; nothing was read or written"
        )
    connected = connect(access, cluster.namespace, seconds=seconds, environment=name, project=environment.project or "")
    if cluster.uid is not None and (found := identity(connected)) != cluster.uid:
        raise Refused(
            f"{connected.name} is the cluster {found}, and {name!r} pins {cluster.uid}: choose the right context; "
            "nothing was read or written"
        )
    return connected


def _server(url: str) -> tuple[str, str, int | None, str]:
    """An address as it is meant: the case of a host does not count, nor a port that goes without saying."""
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", url, None, ""  # no port at all: whoever connects is told
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")


def field_policies(environment: Environment) -> tuple[FieldPolicy, ...]:
    """What the environment says about fields that others hold."""
    said = environment.kubernetes.ownership if environment.kubernetes else ()
    return tuple(FieldPolicy(rule.kind, rule.field, rule.policy, rule.name or "") for rule in said)


def deliverable(
    environment: Environment, artifacts: Iterable[Artifact], *, root: Path | None = None
) -> Iterator[Artifact]:
    """The artifacts that the environment's target takes: manifests for a cluster, all files for a directory."""
    everything = takes_files(environment, root)
    return (artifact for artifact in artifacts if everything or artifact.kubernetes)


def takes_files(environment: Environment, root: Path | None) -> bool:
    """Whether the target takes files of every kind."""
    return root is not None or environment.directory is not None
