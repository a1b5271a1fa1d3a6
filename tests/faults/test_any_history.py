"""Whatever specs, other people and crashes do in whatever order: an apply ends as wanted, and nothing foreign is touched."""

from __future__ import annotations

import json
import uuid
from typing import Any

from harness.controlplane import ControlPlane
from harness.delivery import open_as, plan
from harness.manifests import config_map
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from capgen.artifact import Artifact
from capgen.reconcile.plan import Action
from capgen.targets.kubernetes import Cluster
from capgen.targets.objects import APPLY
from capgen.targets.wire import Answer, Wire, encode

NAMES, VALUES = ("one", "two", "three"), ("a", "b", "c")
names, values = st.sampled_from(NAMES), st.sampled_from(VALUES)


class Killed(BaseException):
    """The process is gone: whatever it would still send, it does not."""


class Mortal(Wire):
    """Counts writes; from the one after `left` on, nothing is sent any more."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire._log_in, 60)
        self.writes, self.left = 0, 10**9

    def request(self, method: str, *given: Any, **named: Any) -> Answer:
        if self.left <= 0:
            raise Killed
        if method != "GET":
            self.writes += 1
            self.left -= 1
        return super().request(method, *given, **named)


class History(RuleBasedStateMachine):
    plane: ControlPlane

    @initialize()
    def begin(self) -> None:
        self.home = f"h-{uuid.uuid4().hex[:10]}"
        self.admin = open_as(self.plane, self.home).wire
        self.wire = Mortal(self.admin)
        self.cluster = Cluster("the cluster", self.home, self.wire)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.home}}
        assert self.admin.request("POST", "/api/v1/namespaces", {}, encode(body), "application/json").status == 201
        self.desired: dict[str, str] = {}

    def path(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.home}/configmaps" + (f"/{name}" if name else "")

    def live(self) -> dict[str, dict[str, Any]]:
        items = self.admin.request("GET", self.path(), {}).document["items"]
        return {item["metadata"]["name"]: item for item in items if item["metadata"]["name"] in NAMES}

    def they(self, manager: str, name: str, data: dict[str, str]) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        query = {"fieldManager": manager, "force": "true"}
        assert self.admin.request("PATCH", self.path(name), query, encode(body), APPLY).status < 300

    def artifacts(self) -> list[Artifact]:
        return [config_map(name, {"text": value}) for name, value in self.desired.items()]

    @rule(name=names, value=values)
    def the_spec_says(self, name: str, value: str) -> None:
        self.desired[name] = value

    @rule(name=names)
    def the_spec_says_nothing_of(self, name: str) -> None:
        self.desired.pop(name, None)

    @rule(name=names, value=values)
    def somebody_takes_the_field(self, name: str, value: str) -> None:
        self.they("team-blue", name, {"text": value})

    @rule(name=names, value=values)
    def somebody_adds_a_field(self, name: str, value: str) -> None:
        self.they("team-red", name, {"more": value})

    @rule(name=names)
    def somebody_deletes(self, name: str) -> None:
        self.admin.request("DELETE", self.path(name), {})

    @rule(writes=st.integers(0, 8))
    def a_run_is_killed(self, writes: int) -> None:
        before = self.live()
        found = plan(self.cluster, *self.artifacts()) if self.desired else None
        self.wire.left = writes
        try:
            if found is not None:
                self.cluster.apply(found)
        except Killed:
            pass
        finally:
            self.wire.left = 10**9
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases"
        self.admin.request("DELETE", leases, {})  # a minute later they would be stale
        self.nothing_foreign_was_touched(before)

    @rule()
    def a_run_ends(self) -> None:
        if not self.desired:
            return
        before = self.live()
        found = plan(self.cluster, *self.artifacts())
        held = {n for n, value in self.desired.items() if n in before and self.is_theirs(before[n], value)}
        assert {change.key.rpartition("/")[2] for change in found.of(Action.CONFLICT)} == held
        self.cluster.apply(found)
        after = self.live()
        for name, value in self.desired.items():
            kept = before[name]["data"]["text"] if name in held else value
            assert after[name]["data"]["text"] == kept, name
        left = {name for name in after if name not in self.desired}
        # What is left over goes when all that may replace it is there.
        assert left == {name for name in before if name not in self.desired and (held or not applied(before[name]))}
        self.nothing_foreign_was_touched(before)
        if held:
            return
        writes = self.wire.writes
        again = plan(self.cluster, *self.artifacts())
        assert not [change for change in again.changes if change.writes] and not again.wide
        self.cluster.apply(again)
        assert self.wire.writes == writes, "what is done is not done again"

    def nothing_foreign_was_touched(self, before: dict[str, dict[str, Any]]) -> None:
        after = self.live()
        for name, old in before.items():
            if name not in after:
                assert applied(old) and name not in self.desired, f"{name} was never capgen's to delete"
                continue
            for manager in ("team-blue", "team-red"):
                assert held_by(after[name], manager) >= held_by(old, manager), (name, manager)

    @staticmethod
    def is_theirs(live: dict[str, Any], value: str) -> bool:
        holders = [e["manager"] for e in entries(live) if "f:text" in e["fieldsV1"].get("f:data", {})]
        return live["data"].get("text") != value and any(manager != "capgen" for manager in holders)


def entries(live: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live["metadata"].get("managedFields") or []
    return found


def applied(live: dict[str, Any]) -> bool:
    return any(entry["manager"] == "capgen" for entry in entries(live))


def held_by(live: dict[str, Any], manager: str) -> set[tuple[str, str]]:
    fields = [f[2:] for e in entries(live) if e["manager"] == manager for f in e["fieldsV1"].get("f:data", {})]
    return {(field, json.dumps(live["data"].get(field))) for field in fields if field != "."}


def test_any_history_ends_as_wanted(control_plane: ControlPlane) -> None:
    History.plane = control_plane
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        History,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
