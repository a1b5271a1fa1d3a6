"""What a reviewer has to see first: changes after which somebody is paged too late, or something cannot scale.

Read from the fields that change, by kind, in words of the field; whatever is in no row is no risk that is known. What is
said of many alerts alike is said once, with their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from capgen.reconcile.plan import Action, Change
from capgen.reconcile.risk import access, jobs, notifications, panels, rules, scaling, scrapes, trees
from capgen.reconcile.told import RULES, fields_of, kind_of

_MOST = 4
Said: TypeAlias = "tuple[str, str]"
"""A sentence, and what it is said of; "" where the sentence says that. One that ends with a colon asks for it."""


def risks(change: Change) -> tuple[str, ...]:
    """Why the change wants a second look, most of all first; () when nothing speaks for that."""
    said: dict[str, list[str]] = {}
    for sentence, subject in _risks(change):
        said.setdefault(sentence, []).append(subject)
    return tuple(_told(sentence, _named(subjects)) for sentence, subjects in said.items())


def _told(sentence: str, names: str) -> str:
    if sentence.endswith(":"):
        return f"{sentence} {names}" if names else sentence.removesuffix(":")
    return f"{sentence} ({names})" if names else sentence


def _named(subjects: list[str]) -> str:
    names = list(dict.fromkeys(name for name in subjects if name and not name.isdigit()))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST + 1 else ""
    return ", ".join(names[:_MOST] if more else names) + more


def _risks(change: Change) -> Iterator[Said]:
    if change.action is Action.DELETE:
        yield "deletes", ""
    if change.replaces:
        yield "is deleted and made again: for a moment it is not there", ""
    if change.takes:
        yield "takes a field from " + " and ".join(sorted({field.owner for field in change.fields if field.owner})), ""
    if change.adopts:
        yield f"takes the object over from {' and '.join(change.adopts)}", ""
    if change.action is Action.UPDATE:
        yield from _of_update(change)


def _of_update(change: Change) -> Iterator[Said]:
    kind = kind_of(change)
    fields = fields_of(change)
    for field in fields:
        yield from scaling.risks(kind, field)
        yield from rules.risks(field, whole=kind == RULES)
        yield from notifications.risks(field)
        yield from scrapes.risks(kind, field)
        yield from access.risks(kind, field)
        yield from panels.risks(field.old, field.new)
        yield from jobs.of_cron_job(kind, field)
        yield from jobs.of_script(field.old, field.new)
    yield from scaling.paces(kind, change, fields)
    if isinstance(change.before, str) and isinstance(change.after, str):
        yield from panels.risks(change.before, change.after)
        yield from jobs.of_script(change.before, change.after)
        if kind == "crontab":
            yield from jobs.of_crontab(change.before, change.after)
        if kind == "kustomization":
            yield from trees.risks(change.before, change.after)
