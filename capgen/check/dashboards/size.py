"""What does not fit into the object that carries it: a dashboard, or the rules of a service.

The API server refuses a ConfigMap over 1 MiB. `kubectl apply` fails earlier, because it keeps a copy of the object, as
JSON, in its annotations, which may have 256 KiB together; server-side apply, which capgen uses, keeps none.
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
_NAMED = len("kubectl.kubernetes.io/last-applied-configuration")
_CARRIERS = ("ConfigMap", "GrafanaDashboard", "GrafanaManifest", "PrometheusRule")


def check(spec: Spec, artifacts: Iterable[Artifact]) -> Iterator[Diagnostic]:
    """An error for what the API server refuses, a warning for what kubectl does."""
    for artifact in artifacts:
        rules = artifact.kind == "PrometheusRule" or artifact.path.endswith("/configmap-prometheus.yaml")
        if (
            artifact.kind not in _CARRIERS
            or not (rules or "dashboard" in artifact.path)
            or len(artifact.text) < LARGE // 4
        ):
            continue
        bytes_ = len(artifact.text.encode())
        needs = "the rules need" if rules else "the dashboard needs"
        if bytes_ >= REFUSED and artifact.kind != "PrometheusRule":
            yield finding(
                spec, "CG615", f"{needs} {bytes_ >> 10} KiB, and an object holds {REFUSED >> 10} KiB", NAME,
                "remove signals with `null`, or split the service; "
                f"`deliver: {{{'prometheus: operator' if rules else 'grafana: files'}}}` has no such limit",
            )  # fmt: skip
        elif (copy := _copied(artifact)) >= LARGE:
            large = finding(
                spec, "CG616", f"{needs} {copy >> 10} KiB; `kubectl apply` takes {LARGE >> 10} KiB", NAME,
                "apply it with capgen or with `kubectl apply --server-side`",
            )  # fmt: skip
            yield replace(large, severity=Severity.WARNING)


def _copied(artifact: Artifact) -> int:
    """The bytes of the annotation in which kubectl keeps the object, whose writer spells `<`, `>` and `&` in six.

    A text in a block loses its indentation and has `\\n` for each line's end; a rule is objects of keys and values, of
    which four characters a line are what is between them.
    """
    text = artifact.text
    spelt = len(text.encode()) + 5 * sum(map(text.count, "<>&")) + _NAMED
    if artifact.kind == "PrometheusRule":
        return spelt - sum(len(line) - len(line.lstrip()) - 4 for line in text.splitlines())
    return spelt if artifact.kind == "GrafanaManifest" else spelt + sum(map(text.count, '"\\')) - 3 * text.count("\n")
