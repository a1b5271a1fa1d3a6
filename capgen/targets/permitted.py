"""What the user may do, asked of the server once a namespace: a dry run needs the rights of the write itself.

A run that only reads shall not be seen trying to write, so nobody is asked for a dry run who may not ask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from capgen.errors import TargetError
from capgen.reconcile.kinds import Kind
from capgen.targets.wire import Wire

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def patchable(wire: Wire, namespace: str) -> Callable[[Kind, str], bool]:
    """Whether the user may patch an object of a kind and name there; yes where the server does not know all rules."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace or "default"},
    }
    try:
        answer = wire.request("POST", _REVIEWS, {}, json.dumps(body).encode(), "application/json")
    except TargetError:
        return lambda *_: True
    status = answer.document.get("status") or {}
    rules: list[Mapping[str, Any]] = status.get("resourceRules") or []
    if answer.status != 201 or status.get("incomplete"):
        return lambda *_: True
    return lambda kind, name: any(_allows(rule, kind, name) for rule in rules)


def _allows(rule: Mapping[str, Any], kind: Kind, name: str) -> bool:
    names = rule.get("resourceNames") or ()
    return (
        bool({"patch", "*"} & set(rule.get("verbs") or ()))
        and bool({kind.group, "*"} & set(rule.get("apiGroups") or ()))
        and bool({kind.plural, "*"} & set(rule.get("resources") or ()))
        and (not names or name in names)
    )
