"""Jobs as Kubernetes objects: a CronJob with its script, its memory, and no right that its script does not use.

All of a service's CronJobs run in the environment's namespace, where the receivers' Secret is. A job that changes a
workload gets a second Role in that one's namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from textwrap import indent
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from capgen import naming
from capgen.artifact import Artifact
from capgen.blueprint import Blueprint
from capgen.blueprint.jobs import Job, Object, Resize, Scale
from capgen.render.jobs import posted, script, variable
from capgen.render.templates import Templates
from capgen.schedules import sentence

_SCRIPT = "job.sh"
LATE = 300
"""A run that could not be started for five minutes is not caught up on: the next one is near, or the day is over."""


class Rule(Struct, frozen=True):
    """One rule of a Role; `name` "" for what cannot be narrowed down to one object."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    name: str = ""


def job_objects(blueprint: Blueprint, templates: Templates) -> list[Artifact]:
    """Every object of every job, each in a file of its own."""
    return [artifact for job in blueprint.jobs for artifact in _objects(blueprint, job, templates)]


def _objects(blueprint: Blueprint, job: Job, templates: Templates) -> Iterator[Artifact]:
    name, home = naming.job(blueprint.name, job.name), blueprint.delivery.namespace

    def artifact(file: str, kind: str, template: str, called: str, namespace: str, **view: Any) -> Artifact:
        text = templates.render(
            f"kubernetes/{template}.yaml.j2", spec=blueprint.spec, service=blueprint.name, name=called,
            namespace=namespace, labels=(), **view,
        )  # fmt: skip
        return Artifact(f"{blueprint.name}/jobs/{job.name}/{file}.yaml", text, kind, blueprint.name, kubernetes=True)

    program = Markup(indent(script(blueprint, job, templates).rstrip("\n"), "    "))  # noqa: S704 (already rendered)
    yield artifact(
        "script", "ConfigMap", "configmap", name, home, folder="", files=[{"name": _SCRIPT, "text": program}]
    )
    yield artifact("state", "ConfigMap", "jobstate", f"{name}-state", home)
    yield artifact("serviceaccount", "ServiceAccount", "serviceaccount", name, home)
    account = {"account": name, "account_namespace": home}
    for place, rules in sorted(_rules(blueprint, job).items()):
        suffix = "" if place == home else "-target"
        called = f"{name}{suffix}"
        yield artifact(f"role{suffix}", "Role", "role", called, place, rules=rules)
        yield artifact(f"rolebinding{suffix}", "RoleBinding", "rolebinding", called, place, **account)
    yield artifact(
        "cronjob", "CronJob", "cronjob", name, home, job=job.name, schedule=job.schedule,
        sentence=sentence(job.schedule), time_zone=blueprint.delivery.jobs.time_zone, timeout=ceil(job.timeout),
        starting_deadline=LATE, image=blueprint.delivery.jobs.image, script=_SCRIPT, secrets=list(_secrets(blueprint)),
    )  # fmt: skip


def _secrets(blueprint: Blueprint) -> Iterator[dict[str, str]]:
    for number, (_, secret) in enumerate(posted(blueprint), start=1):
        held = variable(number, secret, in_cluster=True)
        if secret.place == "env":
            yield {"variable": held, "name": blueprint.delivery.jobs.secret, "key": secret.where}
        elif secret.place == "secret":
            yield {"variable": held, "name": secret.where, "key": secret.key}


def _rules(blueprint: Blueprint, job: Job) -> dict[str, list[Rule]]:
    """By namespace: the job's own state, and what its task does to its workload."""
    state = f"{naming.job(blueprint.name, job.name)}-state"
    rules = {blueprint.delivery.namespace: [Rule("", "configmaps", ("get", "patch"), state)]}
    match job.task:
        case Scale(workload, targets=targets):
            found = [
                Rule("autoscaling", "horizontalpodautoscalers", ("list",)),
                Rule(workload.group, f"{workload.plural}/scale", ("get", "patch"), workload.name),
            ]
            if any(not target.query for target in targets):
                found += [Rule("metrics.k8s.io", "pods", ("list",)), Rule("", "pods", ("list",))]
            rules.setdefault(workload.namespace, []).extend(found)
        case Resize(workload):
            rules.setdefault(workload.namespace, []).extend(_resizing(job.task, workload))
    return rules


def _resizing(task: Resize, workload: Object) -> Iterator[Rule]:
    yield Rule(workload.group, workload.plural, ("get", "patch") if task.apply else ("get",), workload.name)
    if not (task.query_cpu or task.query_memory):
        yield Rule(workload.group, f"{workload.plural}/scale", ("get",), workload.name)
        yield Rule("metrics.k8s.io", "pods", ("list",))
