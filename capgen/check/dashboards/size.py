"""A dashboard that does not fit into the object that carries it.

The API server refuses a ConfigMap over 1 MiB. From 256 KiB on `kubectl apply` fails, because it keeps a copy in an
annotation; server-side apply, which capgen uses, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.check.dashboards.panels import NAME
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic, Severity
from capgen.spec.parse import Spec

REFUSED, LARGE = 1 << 20, 1 << 18
_CARRIERS = ("ConfigMap", "GrafanaDashboard", "GrafanaManifest")


def check(spec: Spec, artifacts: Iterable[Artifact]) -> Iterator[Diagnostic]:
    """An error for what the API server refuses, a warning for what kubectl does."""
    for artifact in artifacts:
        if artifact.kind not in _CARRIERS or "dashboard" not in artifact.path or len(artifact.text) < LARGE // 4:
            continue
        bytes_ = len(artifact.text.encode())
        if bytes_ >= REFUSED:
            yield finding(
                spec, "CG615", f"the dashboard needs {bytes_ >> 10} KiB, and an object holds {REFUSED >> 10} KiB", NAME,
                "remove signals with `null`, or split the service; `deliver: {grafana: files}` has no limit",
            )  # fmt: skip
        elif bytes_ >= LARGE:
            large = finding(
                spec, "CG616", f"the dashboard needs {bytes_ >> 10} KiB; `kubectl apply` takes {LARGE >> 10} KiB", NAME,
                "apply it with capgen or with `kubectl apply --server-side`",
            )  # fmt: skip
            yield replace(large, severity=Severity.WARNING)
