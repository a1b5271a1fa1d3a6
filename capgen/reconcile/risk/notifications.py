"""Risks of routes and receivers: alerts that go to nobody, to somebody else, later, or are kept back by others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from capgen.reconcile.names import matched
from capgen.reconcile.plan import ABSENT, FieldChange
from capgen.reconcile.risk.rules import seconds, shown

_ROUTE = re.compile(r"(?:^|\.)route(?P<inside>\.routes\[.*\])?(?:\.(?P<field>[A-Za-z_]+)(?:\[.*\].*)?)?$")
_RECEIVER = re.compile(r"\.receivers\[name=\"(?P<name>.*?)\"\](?P<rest>\..*)?$")
_INHIBITION = re.compile(r"\.inhibit_?[rR]ules\[(?P<name>.*)\](?P<rest>\.equal.*)?$")
_LATER = {
    "groupWait": "waits longer for the first message", "group_wait": "waits longer for the first message",
    "groupInterval": "waits longer for what joins a group", "group_interval": "waits longer for what joins a group",
    "repeatInterval": "reminds later", "repeat_interval": "reminds later",
}  # fmt: skip
_MUTED = ("muteTimeIntervals", "mute_time_intervals", "activeTimeIntervals", "active_time_intervals")
_WORDING = (
    ".title",
    ".text",
    ".titleLink",
    ".message",
    ".html",
    ".subject",
    ".headers",
    "send_resolved",
    "sendResolved",
)


def risks(field: FieldChange) -> Iterator[tuple[str, str]]:
    """What is risky about a field of an alertmanager.yml or an AlertmanagerConfig."""
    if route := _ROUTE.search(field.path):
        yield from _route(route["inside"] or "", route["field"] or "", field.old, field.new)
    elif receiver := _RECEIVER.search(field.path):
        if field.new is ABSENT and not receiver["rest"]:
            yield "nobody is told any more by the receiver:", receiver["name"]
        elif field.old is not ABSENT and not any(word in (receiver["rest"] or "") for word in _WORDING):
            yield "tells elsewhere, or otherwise", receiver["name"]
    elif inhibition := _INHIBITION.search(field.path):
        if field.old is ABSENT and not inhibition["rest"]:
            yield "keeps alerts back:", _inhibition(field.new)
        elif inhibition["rest"] and field.new is ABSENT:
            yield f"keeps more alerts back: {shown(field.old)} need not agree any more", inhibition["name"]


def _route(inside: str, name: str, old: Any, new: Any) -> Iterator[tuple[str, str]]:
    where = inside.rpartition(".routes[")[2].rstrip("]") or "everything else"
    if inside and not name:
        if new is ABSENT:
            yield f"goes to {_receiver(old)} no more", where
        elif old is ABSENT and _receiver(new) == "nobody":
            yield "goes to nobody", where
        return
    if name == "receiver":
        yield f"goes to {shown(new)} and no longer to {shown(old)}", where
    elif name == "matchers" and not inside:
        yield f"other alerts are taken at all: {shown(old)} → {shown(new)}", ""
    elif name in _LATER and seconds(new) > seconds(old) > 0:
        yield f"{_LATER[name]}, {new} and no longer {old}", where
    elif name in _MUTED and new is not ABSENT:
        yield f"is told at certain times only: {shown(new)}", where


def _receiver(route: Any) -> str:
    return str(route.get("receiver", "whom the route above says")) if isinstance(route, Mapping) else "?"


def _inhibition(rule: Any) -> str:
    sides = [matched(rule.get(f"{side}Match") or rule.get(f"{side}_matchers")) for side in ("source", "target")]
    return f"{sides[1]} while {sides[0]}"
