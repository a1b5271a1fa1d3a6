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
from capgen.blueprint.jobs import HELD, Job, Object, Report, Resize, Scale
from capgen.render.jobs import script
from capgen.render.messages import held
from capgen.render.templates import Templates
from capgen.schedules import sentence

_SCRIPT = "job.sh"
LATE = 300
"""A run that could not be started for five minutes is not caught up on: the next one is near, or the day is over."""


_ASKING = {"cpu": "50m", "memory": "64Mi", "most": "128Mi", "room": "64Mi"}
_REPORTING = {"cpu": "250m", "memory": "128Mi", "most": "384Mi", "room": "64Mi"}
"""Measured: a quarterly report on 51 signals takes 94 MiB."""


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

    brought = _brought(blueprint, job, templates)
    files = [{"name": key, "text": Markup(indent(text.rstrip("\n"), "    "))} for key, _, text in brought]  # noqa: S704 (already rendered, or YAML)
    yield artifact("script", "ConfigMap", "configmap", name, home, folder="", files=files)
    rules = _rules(blueprint, job)
    if rules:
        yield artifact("state", "ConfigMap", "jobstate", f"{name}-state", home)
    yield artifact("serviceaccount", "ServiceAccount", "serviceaccount", name, home)
    account = {"account": name, "account_namespace": home}
    for place, wanted in sorted(rules.items()):
        suffix = "" if place == home else "-target"
        called = f"{name}{suffix}"
        yield artifact(f"role{suffix}", "Role", "role", called, place, rules=wanted)
        yield artifact(f"rolebinding{suffix}", "RoleBinding", "rolebinding", called, place, **account)
    delivery, reports = blueprint.delivery.jobs, isinstance(job.task, Report)
    yield artifact(
        "cronjob", "CronJob", "cronjob", name, home, job=job.name, schedule=job.schedule,
        sentence=sentence(job.schedule), time_zone=delivery.time_zone, timeout=ceil(job.timeout),
        starting_deadline=LATE, image=delivery.report_image if reports else delivery.image, script=_SCRIPT,
        secrets=_secrets(blueprint, job), needs=_REPORTING if reports else _ASKING, token=bool(rules),
        items=[{"key": key, "path": path} for key, path, _ in brought] if reports else [],
    )  # fmt: skip


def _brought(blueprint: Blueprint, job: Job, templates: Templates) -> list[tuple[str, str, str]]:
    """The files of the job's ConfigMap: key, path below the pod's /jobs, text."""
    files = [(_SCRIPT, _SCRIPT, script(blueprint, job, templates))]
    if isinstance(job.task, Report):
        files += [(path.replace("/", "."), path, text) for path, text in job.task.files]
    return files


def _secrets(blueprint: Blueprint, job: Job) -> list[dict[str, str]]:
    """The variables of the pod that are keys of Secrets, each once."""
    wanted = [(one.variable(in_cluster=True), one.secret) for one in held(blueprint, job)]
    if isinstance(job.task, Report) and (secret := job.task.secret) is not None:
        wanted.append((secret.where if secret.place == "env" else HELD, secret))
    found = {}
    for variable, secret in wanted:
        inside = (
            (secret.where, secret.key) if secret.place == "secret" else (blueprint.delivery.jobs.secret, secret.where)
        )
        if variable:
            found[variable] = {"variable": variable, "name": inside[0], "key": inside[1]}
    return list(found.values())


def _rules(blueprint: Blueprint, job: Job) -> dict[str, list[Rule]]:
    """By namespace: the job's own state, and what its task does to its workload. A report asks the API server nothing."""
    if isinstance(job.task, Report):
        return {}
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
