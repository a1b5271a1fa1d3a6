"""What stands around the panels: variables, marks in time, links to the other dashboards."""

from __future__ import annotations

from collections.abc import Sequence

from capgen import markdown, naming, promql
from capgen.blueprint import Hpa, Scrape
from capgen.blueprint.dashboards import Annotation, TagLink, Variable
from capgen.compile.dashboards.kubernetes import Cluster


def variables(scrapes: Sequence[Scrape]) -> tuple[Variable, ...]:
    """The jobs of the service and their instances; () for a service that measures nothing."""
    jobs = sorted({scrape.job for scrape in scrapes})
    if not jobs:
        return ()
    known = "|".join(_literal(job) for job in jobs)
    return (
        Variable("job", "Job", f"label_values(up{{job=~{promql.string(known)}}}, job)"),
        Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
    )


def _literal(job: str) -> str:
    # A job's name holds letters, digits and `_./-`; of these only the dot means something to a pattern.
    return job.replace(".", "[.]")


def marks(service: str, hpas: Sequence[Hpa], cluster: Cluster) -> tuple[Annotation, ...]:
    """Alerts of the service; where it runs in a cluster, also each scaling and each change of the workload."""
    scope = promql.matchers({naming.SERVICE: service, "alertstate": "firing"})
    found = [Annotation("Alerts", f"ALERTS{{{scope}}}", "red", "{{alertname}}", "{{level}} {{severity}}", "severity")]
    for hpa in hpas:
        desired = cluster.hpa("status_desired_replicas", hpa)
        name = hpa.workload.name
        found.append(Annotation(f"Scaling of {name}", f"changes({desired}[2m]) > 0", "blue", f"{name} scales", "", ""))
        changed = cluster.workload("metadata_generation", hpa.workload)
        if changed:
            # Scaling is a change of the object as well; what is left are deployments.
            scaled = f"max(changes({desired}[5m])) > 0"
            expr = f"max(changes({changed}[2m])) > 0 unless on () ({scaled})"
            found.append(Annotation(f"Changes of {name}", expr, "purple", f"{name} is changed", "", ""))
    return tuple(found)


def tags(environment: str, owner: str) -> tuple[str, ...]:
    """What dashboards are found and linked by."""
    return tuple(
        part for part in (naming.PREFIX, environment, f"team {markdown.one_line(owner)}" if owner else "") if part
    )


def fleet_tag(environment: str) -> str:
    """The tag of the dashboards about all services of an environment."""
    return f"{naming.PREFIX} fleet {environment}"


def tag_links(environment: str, owner: str) -> tuple[TagLink, ...]:
    """To the fleet's dashboards, and to the other services of the same team."""
    fleet = TagLink("All services", (fleet_tag(environment),), dropdown=False)
    return (fleet, TagLink("Same team", tags(environment, owner), dropdown=True)) if owner else (fleet,)
