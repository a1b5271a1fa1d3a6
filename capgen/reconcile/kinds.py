"""The Kubernetes kinds capgen delivers: where the API server keeps each, and in which order they are written.

A table and not discovery: capgen writes a dozen kinds, walking an API server's discovery costs a request a
group, and an order has to be known anyway. Each row says why it stands where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Kind(Struct, frozen=True):
    """One row. Smaller `order` is written first; `needs` are the kinds without which it is not tried at all."""

    name: str
    group: str
    version: str
    plural: str
    order: int
    why: str
    needs: tuple[str, ...] = ()
    namespaced: bool = True
    comes_from: str = ""
    """Who installs the CRD; "" for what every API server has."""

    @property
    def api_version(self) -> str:
        """As a manifest spells it: `v1`, `autoscaling/v2`."""
        return f"{self.group}/{self.version}" if self.group else self.version


_VPA = "the Vertical Pod Autoscaler"
_OPERATOR = "the Prometheus operator"

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Namespace", "", "v1", "namespaces", 0, "everything else lives in one", namespaced=False),
        Kind("ServiceAccount", "", "v1", "serviceaccounts", 10, "bindings and jobs name it"),
        Kind("Role", "rbac.authorization.k8s.io", "v1", "roles", 10, "a binding to a missing role grants nothing"),
        Kind(
            "RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings", 20,
            "names a role and an account; before the job that needs the rights", ("Role", "ServiceAccount"),
        ),
        Kind("ConfigMap", "", "v1", "configmaps", 30, "jobs mount it; without it their pods do not start"),
        Kind(
            "PrometheusRule", "monitoring.coreos.com", "v1", "prometheusrules", 40,
            "records are there before a scaler reads them", comes_from=_OPERATOR,
        ),
        Kind(
            "ServiceMonitor", "monitoring.coreos.com", "v1", "servicemonitors", 40,
            "the series the rules read", comes_from=_OPERATOR,
        ),
        Kind(
            "ScrapeConfig", "monitoring.coreos.com", "v1alpha1", "scrapeconfigs", 40,
            "the series the rules read", comes_from=_OPERATOR,
        ),
        Kind(
            "AlertmanagerConfig", "monitoring.coreos.com", "v1alpha1", "alertmanagerconfigs", 40,
            "routes for the alerts of the rules", comes_from=_OPERATOR,
        ),
        Kind(
            "GrafanaDashboard", "grafana.integreatly.org", "v1beta1", "grafanadashboards", 40,
            "shows the records", comes_from="the Grafana operator",
        ),
        Kind(
            "GrafanaManifest", "grafana.integreatly.org", "v1beta1", "grafanamanifests", 40,
            "shows the records", comes_from="the Grafana operator",
        ),
        Kind(
            "VerticalPodAutoscaler", "autoscaling.k8s.io", "v1", "verticalpodautoscalers", 50,
            "before the HPA, whose utilisation is relative to requests", comes_from=_VPA,
        ),
        Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers", 55, "acts on the records"),
        Kind("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects", 55, "acts on the records", comes_from="KEDA"),
        Kind(
            "CronJob", "batch", "v1", "cronjobs", 60, "runs the scripts with the rights above",
            ("ConfigMap", "ServiceAccount", "RoleBinding"),
        ),
    )
}  # fmt: skip
