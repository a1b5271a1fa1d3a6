"""Where a cluster's own series about a service are: kube-state-metrics, as the spec's source names its job.

A source that is bound to the workload says which job it is. Without one the autoscaler's name and namespace scope
the series well enough, so an HPA that the environment gets is shown whether or not a source declares it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from capgen import promql
from capgen.blueprint import Hpa, Vpa, Workload
from capgen.compile.sources import Bound

_USED = {"cpu": "container_cpu_usage_seconds_total", "memory": "container_memory_working_set_bytes"}
_REASON = "reads kube-state-metrics, whose job and instance are not the service's"
ELSEWHERE = (("target-job-rule", _REASON), ("target-instance-rule", _REASON))
_KINDS = {"Deployment": "deployment", "StatefulSet": "statefulset"}


class Cluster(Struct, frozen=True):
    """The sources among which the ones about a workload are found."""

    sources: Sequence[Bound]

    @property
    def exempt(self) -> tuple[tuple[str, str], ...]:
        """The linter's rules that a query of kube-state-metrics cannot keep."""
        return ELSEWHERE

    def of(self, workload: Workload) -> Bound | None:
        """The source that is bound to the workload."""
        wanted = {"namespace": workload.namespace, workload.kind.lower(): workload.name}
        return next((s for s in self.sources if wanted.items() <= s.scope.items()), None)

    def hpa(self, what: str, hpa: Hpa, **labels: str) -> str:
        """A series of kube-state-metrics about an HPA: `status_current_replicas`, …"""
        metric = f"kube_horizontalpodautoscaler_{what}"
        equal = {"horizontalpodautoscaler": hpa.name, "namespace": hpa.workload.namespace}
        return self._series(metric, hpa.workload, equal | labels)

    def vpa(self, bound: str, vpa: Vpa, resource: str) -> str:
        """A VPA's recommendation of a resource: its `lowerbound`, `target` or `upperbound`, by container."""
        metric = f"kube_customresource_verticalpodautoscaler_status_recommendation_containerrecommendations_{bound}"
        equal = {"verticalpodautoscaler": vpa.name, "namespace": vpa.workload.namespace, "resource": resource}
        return f"max by (container) ({self._series(metric, vpa.workload, equal)})"

    def requests(self, workload: Workload, resource: str) -> str:
        """What the workload's containers request, one pod's worth; "" without a source that tells."""
        bound = self.of(workload)
        series = _requests(bound, resource) if bound else ""
        return f"max by (container) ({series})" if series else ""

    def used(self, workload: Workload, resource: str) -> str:
        """What the workload's containers use, the most that one of the pods does; "" without a source that tells."""
        bound = self.of(workload)
        each = _used(bound, resource) if bound else ""
        return f"max by (container) ({each})" if each else ""

    def workload(self, what: str, workload: Workload) -> str:
        """A series of kube-state-metrics about the workload itself: `metadata_generation`; "" for other kinds."""
        kind = _KINDS.get(workload.kind)
        if kind is None:
            return ""
        return self._series(f"kube_{kind}_{what}", workload, {kind: workload.name, "namespace": workload.namespace})

    def _series(self, metric: str, workload: Workload, equal: dict[str, str]) -> str:
        bound = self.of(workload)
        known = bound.metric(metric) if bound else None
        if bound is not None and known is not None:
            equal = {"job": bound.jobs.get(known.job or "", bound.scrape.job), **equal}
        return f"{metric}{{{promql.matchers(equal)}}}"


def requested(bound: Bound, resource: str) -> str:
    """What the containers of a source request in all pods together; "" where it does not tell."""
    series = _requests(bound, resource)
    return f"sum by (container) (max by (namespace, pod, container) ({series}))" if series else ""


def used(bound: Bound, resource: str) -> str:
    """What they use in all pods together; "" where the source does not tell."""
    each = _used(bound, resource)
    one = each if resource == "cpu" else f"max by (namespace, pod, container) ({each})"
    return f"sum by (container) ({one})" if each else ""


def _requests(bound: Bound, resource: str) -> str:
    metric = "kube_pod_container_resource_requests"
    if bound.metric(metric) is None:
        return ""
    return f"{metric}{{{bound.matchers(metric)},resource={promql.string(resource)}}}"


def _used(bound: Bound, resource: str) -> str:
    metric = _USED[resource]
    if bound.metric(metric) is None:
        return ""
    series = f'{metric}{{{bound.matchers(metric)},container!="",image!=""}}'
    if resource == "memory":
        return series
    # A container that was started anew has a second series for a while; one on several CPUs may have one for each.
    each = f"max by (namespace, pod, container, id, cpu) (rate({series}[$__rate_interval]))"
    return f"sum by (namespace, pod, container) ({each})"
