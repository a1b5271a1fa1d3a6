"""Desired artifacts and what stands there, made into a plan. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from capgen.artifact import Artifact
from capgen.reconcile.compare import Difference, compare
from capgen.reconcile.lines import compare_lines
from capgen.reconcile.manifest import Manifest, read_manifests
from capgen.reconcile.plan import Action, Change, Plan, Verdict
from capgen.reconcile.target import Live, LiveFiles, LiveObjects


def build_plan(target: str, desired: Sequence[Artifact], live: Live) -> Plan:
    """The plan for a target. Raises Findings when an artifact for an API server is no manifest."""
    match live:
        case LiveFiles():
            return Plan(target, _file_changes(desired, live))
        case LiveObjects():
            manifests = read_manifests(desired, live.namespace)
            return Plan(target, tuple(_object_change(manifest, live) for manifest in manifests))
        case _:
            assert_never(live)


def _file_changes(desired: Sequence[Artifact], live: LiveFiles) -> tuple[Change, ...]:
    wanted = [_file_change(artifact, live) for artifact in sorted(desired, key=lambda a: a.path)]
    extra = [
        Change(path, Action.EXTRA, "", service, "", reason="no spec asks for it any more; it is left as it is")
        for path, service in sorted(live.extra.items())
    ]
    return (*wanted, *extra)


def _file_change(artifact: Artifact, live: LiveFiles) -> Change:
    def change(action: Action, before: str | None, reason: str = "") -> Change:
        fields = compare_lines(before, artifact.text) if before is not None else ()
        kind, service, path = artifact.kind, artifact.service, artifact.path
        return Change(path, action, kind, service, path, before, artifact.text, fields, reason)

    if artifact.path in live.blocked:
        return change(Action.BLOCKED, None, live.blocked[artifact.path])
    there = live.found.get(artifact.path)
    if there is None:
        return change(Action.CREATE, None)
    if there.text == artifact.text:
        return change(Action.UNCHANGED, there.text)
    return change(Action.CONFLICT if there.obstacle else Action.UPDATE, there.text, there.obstacle)


def _object_change(manifest: Manifest, live: LiveObjects) -> Change:
    before = live.found.get(manifest.key)
    difference = Difference()
    verdict = Verdict.ESTIMATED
    if reason := manifest.obstacle or live.blocked.get(manifest.key, ""):
        action, before, verdict = Action.BLOCKED, None, Verdict.EXACT
    elif before is None:
        action = Action.CREATE
    else:
        difference = compare(manifest.kind.name, manifest.document, before)
        action, reason = judge(difference)
    artifact = manifest.artifact
    return Change(
        manifest.key, action, manifest.kind.name, artifact.service, artifact.path,
        before, manifest.document, difference.fields, reason, verdict,
    )  # fmt: skip


def judge(difference: Difference) -> tuple[Action, str]:
    """What a difference calls for, and the reason when the changed fields do not say it themselves."""
    if held := sorted({field.owner for field in difference.fields if field.owner}):
        return (
            Action.CONFLICT,
            f"held by {' and '.join(held)}, and nothing is forced: change the spec, or let them give it up",
        )
    if difference.fields:
        return Action.UPDATE, ""
    if difference.taken:
        return Action.UPDATE, f"the values are right; capgen becomes an owner of {_some(difference.taken)}"
    if difference.released:
        return Action.UPDATE, f"the values stay; capgen gives up {_some(difference.released)}, which others hold too"
    return Action.UNCHANGED, ""


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
