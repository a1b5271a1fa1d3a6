"""What is made or deleted, as a reviewer reads it: in words, in every form, and within the edge of a terminal."""

from __future__ import annotations

import json

import pytest
from harness.manifests import ALL, HPA, RULES, artifact, artifacts
from hypothesis import given
from hypothesis import strategies as st

from capgen.artifact import Artifact
from capgen.reconcile import saved
from capgen.reconcile.build import build_plan
from capgen.reconcile.plan import Action, Change, Plan
from capgen.reconcile.summary import summary
from capgen.reconcile.target import LiveFiles, LiveObjects
from capgen.report.plan import render, stale_lines

DASHBOARD = json.dumps({"title": "APM", "panels": [{"type": "row", "panels": [{"title": "CPU"}]}, {"title": "Errors"}]})
SAID = (
    "keeps Deployment apm between 2 and 20 replicas",
    "scales on cpu at 70 % of its request",
    "scales on capgen_apm_requests at 1500m a pod",
    "scales on capgen_queue_depth at 1000",
    "goes up by at most 100 % in 60 s or 4 pods in 60 s",
    "goes down by at most 10 % in 120 s, after 600 s",
    "sizes Deployment apm, update mode InPlaceOrRecreate",
    "container apm: memory 256Mi to 4Gi",
    "2 groups of 2 alerts and 1 record",
    "alert ApmCpuCritical (critical) after 5m: capgen:node_cpu:ratio > 0.9",
    "alert ApmMemoryWarning at once: capgen:node_memory:ratio > 0.8",
    "scrapes 10.0.0.1:9100, 10.0.0.2:9100 every 15s",
    "scrapes port metrics of app=apm every 15s",
    "tells team",
    "check.sh: 3 lines",
    "automountServiceAccountToken: false",
)


def test_what_is_made_is_told_in_words_by_its_kind_in_every_form() -> None:
    plan = build_plan("x", artifacts(*ALL), LiveObjects("home"))
    text, markdown = render(plan, "text"), render(plan, "markdown")
    shown = [line for change in json.loads(render(plan, "json"))["changes"] for line in change["summary"]]
    for said in SAID:
        assert said in text and said in markdown and any(said in line for line in shown), said
    files = [Artifact("rules.yml", RULES.partition("spec:\n")[2], "rules", "apm", kubernetes=False)]
    files += [Artifact("apm/dashboard.json", DASHBOARD, "dashboard", "apm", kubernetes=False)]
    files += [Artifact("crontab", "# jobs\n*/5 * * * * root /x/job.sh\n", "crontab", "", kubernetes=False)]
    text = render(build_plan("x", files, LiveFiles()), "text")
    for said in (
        "alert ApmCpuCritical (critical) after 5m",
        "dashboard APM: 2 panels",
        "CPU, Errors",
        "*/5 * * * * root",
    ):
        assert said in text, said


def test_what_goes_is_told_as_lost() -> None:
    made = build_plan("x", [artifact(HPA), artifact(RULES)], LiveObjects("home"))
    gone = Plan("x", tuple(Change(c.key, Action.DELETE, c.kind, "apm", "", before=c.after) for c in made.changes))
    text = render(gone, "text")
    assert "lost: keeps Deployment apm between 2 and 20 replicas" in text
    assert "lost: alert ApmCpuCritical (critical) after 5m" in text


def test_a_deletion_that_is_stale_says_what_moved() -> None:
    def going(*managers: tuple[str, str]) -> Plan:
        held = [{"manager": name, "time": at, "operation": "Update", "fieldsV1": {"f:x": {}}} for name, at in managers]
        held += [{"manager": "controller", "time": "2027-01-01T00:00:00Z", "subresource": "status"}]
        document = {"metadata": {"name": "x", "managedFields": held, "labels": {str(len(held)): "x"}}}
        return Plan("it", (Change("HPA/x", Action.DELETE, "HPA", "shop", "", before=document),))

    then, now = (
        going(("capgen", "2026-01-01T00:00:00Z")),
        going(("capgen", "2026-01-01T00:00:00Z"), ("kubectl", "2026-02-01T00:00:00Z")),
    )
    approved = saved.load(saved.dump(then, then, saved.Request((), (), "live"), {}, ""), "plan.json")
    (found,) = saved.stale(approved, now)
    lines = stale_lines(found)
    assert "last changed by capgen at 2026-01-01" in lines[1] and "last changed by kubectl at 2026-02-01" in lines[2]
    assert saved.stale(approved, then) == ()


@pytest.mark.parametrize("width", [80, 120])
def test_sentences_end_at_the_edge_of_a_terminal_and_are_whole_for_programs(width: int) -> None:
    reason = "the namespace monitoring-of-everybody does not exist, and nothing of what is in it can be: " * 3
    plan = build_plan("x", artifacts(*ALL), LiveObjects("home", blocked={"ConfigMap/home/capgen-apm-scripts": reason}))
    lines = render(plan, "text", width=width, wrap=True).splitlines()
    assert max(map(len, lines)) <= width
    at = next(n for n, line in enumerate(lines) if "the namespace monitoring" in line)
    assert (
        lines[at].startswith("    the")
        and lines[at + 1].startswith("      ")
        and " ".join(line.strip() for line in lines[at : at + 6]).startswith(reason.strip())
    ), "what follows stands under its beginning"
    assert reason.strip() in render(plan, "text", width=width)


def _odd(value: object) -> dict[str, object]:
    """Known names with anything in them."""
    held = dict.fromkeys(("rules", "targets", "policies", "target", "resource", "containers", "labels"), value)
    items = [{**held, "alert": value, "type": "Resource", "resourceNames": value, "verbs": value}]
    lists = dict.fromkeys(("metrics", "groups", "endpoints", "staticConfigs", "triggers", "receivers"), items)
    maps = dict.fromkeys(("behavior", "resourcePolicy", "namespaceSelector", "selector", "route"), held)
    return {"spec": {**lists, **maps, "groups": [{"rules": items}]}, "data": {"a.yml": str(value)}, "rules": items}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@given(kind=st.sampled_from(sorted({text.split("kind: ")[1].split("\n")[0] for text in ALL})), spec=anything)
def test_whatever_others_wrote_can_be_told(kind: str, spec: object) -> None:
    """What is deleted is as it stands there, and a CRD may take anything."""
    for body in (
        {"spec": spec},
        {"spec": {"metrics": spec, "groups": spec, "endpoints": spec}, "data": spec, "rules": spec},
    ):
        change = Change("k", Action.DELETE, kind, "apm", "", before={"kind": kind, "metadata": {"name": "x"}, **body})
        assert all(isinstance(line, str) for line in summary(change))
        render(Plan("x", (change,)), "text", wrap=True)
