"""Desired artifacts and what stands there, made into a plan. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from capgen.artifact import Artifact
from capgen.reconcile import applyset
from capgen.reconcile.compare import Difference, compare
from capgen.reconcile.lines import compare_lines
from capgen.reconcile.manifest import Manifest, read_manifests
from capgen.reconcile.plan import Action, Change, Document, Plan, Verdict
from capgen.reconcile.prune import leftovers
from capgen.reconcile.target import LeftFile, Live, LiveFiles, LiveObjects


def build_plan(target: str, desired: Sequence[Artifact], live: Live, *, prune: bool = True) -> Plan:
    """The plan for a target. Raises Findings when an artifact for an API server is no manifest.

    Without `prune` what is left over from earlier deliveries is listed and stays.
    """
    match live:
        case LiveFiles():
            plan = Plan(target, _file_changes(desired, live), managed=live.managed)
        case LiveObjects():
            plan = _object_plan(target, desired, live)
        case _:
            assert_never(live)
    return plan if prune else replace(plan, changes=tuple(_left(change) for change in plan.changes))


def _left(change: Change) -> Change:
    if change.action is not Action.DELETE:
        return change
    return replace(change, action=Action.EXTRA, reason=f"{change.reason}; it stays, since nothing is to be deleted")


def _object_plan(target: str, desired: Sequence[Artifact], live: LiveObjects) -> Plan:
    manifests = [
        replace(manifest, document=applyset.member(manifest.document, manifest.artifact.service, live.namespace))
        for manifest in read_manifests(desired, live.namespace)
    ]
    ids = {inventory.id for inventory in live.inventories.values()}
    return Plan(
        target,
        (
            *(_object_change(manifest, live) for manifest in manifests),
            *leftovers({manifest.key for manifest in manifests}, live),
        ),
        notes=live.notes,
        managed=sum(applyset.part_of(document) in ids for document in live.members.values()),
        unsearched=frozenset(live.unsearched),
    )


def _file_changes(desired: Sequence[Artifact], live: LiveFiles) -> tuple[Change, ...]:
    wanted = [_file_change(artifact, live) for artifact in sorted(desired, key=lambda a: a.path)]
    return (*wanted, *(_left_file(path, file) for path, file in sorted(live.extra.items())))


def _left_file(path: str, file: LeftFile) -> Change:
    action = Action.EXTRA if file.obstacle else Action.DELETE
    reason = "no spec asks for it any more" + (f", and it stays: {file.obstacle}" if file.obstacle else "")
    return Change(path, action, "", file.service, "", before=file.text, reason=reason)


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
    if reason := manifest.obstacle or live.blocked.get(manifest.key, "") or _elsewhere(manifest, before):
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


def _elsewhere(manifest: Manifest, before: Document | None) -> str:
    """An object is a member of one set; which of two would delete it otherwise?"""
    if before is None or not (other := applyset.part_of(before)) or other == applyset.part_of(manifest.document):
        return ""
    return f"it belongs to another inventory ({other}): remove it there, or give one of the two another name"


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
