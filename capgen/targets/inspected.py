"""Everything of some kinds in some namespaces as texts, for whoever wants to know what is there. Reads only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from capgen.errors import TargetError
from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.plan import Document
from capgen.targets.kubernetes import Cluster
from capgen.targets.listing import list_objects
from capgen.targets.refusal import not_served
from capgen.yamlio import Source

_MORE = {
    kind.name: kind
    for kind in (
        Kind("PodMonitor", "monitoring.coreos.com", "v1", "podmonitors", 0, "", comes_from="the Prometheus operator"),
        Kind("Deployment", "apps", "v1", "deployments", 0, ""),
        Kind("StatefulSet", "apps", "v1", "statefulsets", 0, ""),
        Kind("Service", "", "v1", "services", 0, ""),
    )
}


def kind_of(name: str) -> Kind:
    """Where an API server keeps a kind that is looked at here."""
    return KINDS.get(name) or _MORE[name]


def inspect(
    cluster: Cluster,
    kinds: Sequence[str],
    namespaces: Iterable[str],
    *,
    optional: Sequence[str] = (),
    selector: str = "",
) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The objects, each as JSON under the name that messages call it by, and what could not be read, in words.

    Kinds that the server does not have are left out in silence, `optional` ones that the user may not see are told.
    Raises TargetError for any other that cannot be listed: a part is no answer.
    """
    scopes = [(kind_of(kind), home) for home in sorted(set(namespaces)) for kind in kinds]

    def listed_in(scope: tuple[Kind, str]) -> dict[str, Document] | str:
        kind, home = scope
        return list_objects(cluster.wire, kind, home, cluster.page, selector="" if kind.name in optional else selector)

    listed = cluster.wire.verb(lambda: cluster.wire.at_once(listed_in, scopes))
    found, unread = [], []
    for (kind, home), objects in zip(scopes, listed, strict=True):
        if isinstance(objects, str):
            if objects == not_served(kind):
                continue
            if kind.name not in optional:
                raise TargetError(f"{objects} (namespace {home}); nothing was drafted")
            unread.append(f"{objects} (namespace {home})")
            continue
        for name, document in sorted(objects.items()):
            metadata = {k: v for k, v in document.get("metadata", {}).items() if k != "managedFields"}
            whole = {**document, "apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
            whole.pop("status", None)
            text = json.dumps(whole, ensure_ascii=False, indent=1)
            found.append(Source(f"{kind.name} {home}/{name}", text))
    return tuple(found), tuple(unread)
