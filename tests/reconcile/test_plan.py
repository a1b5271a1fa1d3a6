"""From artifacts to a plan and to what is told about its end, on plain data."""

from __future__ import annotations

import pytest
from harness.manifests import ALL, CONFIG, CRON, HPA, artifact, artifacts, config_map
from hypothesis import given
from hypothesis import strategies as st

from capgen.artifact import Artifact
from capgen.errors import Findings, PartlyDone, TargetError
from capgen.reconcile.build import build_plan
from capgen.reconcile.lines import compare_lines
from capgen.reconcile.order import missing_for, waves
from capgen.reconcile.outcome import Outcome, Result, State
from capgen.reconcile.paths import lookup
from capgen.reconcile.plan import ABSENT, Action
from capgen.reconcile.target import LiveObjects
from capgen.reconcile.wanted import read_manifests


def test_objects_are_written_in_the_order_they_need_one_another() -> None:
    plan = build_plan("x", artifacts(*reversed(ALL)), LiveObjects("home"))
    assert [[change.kind for change in wave] for wave in waves(plan)] == [
        ["Role", "ServiceAccount"], ["RoleBinding"], ["ConfigMap"],
        ["AlertmanagerConfig", "PrometheusRule", "ScrapeConfig", "ServiceMonitor"],
        ["VerticalPodAutoscaler"], ["HorizontalPodAutoscaler"], ["CronJob"],
    ]  # fmt: skip


def test_a_failure_holds_back_its_own_service_and_namespace_alone() -> None:
    elsewhere = artifact(CRON.replace("  name: capgen-apm-check", "  namespace: away\n  name: capgen-apm-check"))
    other = artifact(CRON.replace("capgen-apm-check", "other"), service="web")
    plan = build_plan("x", [artifact(CONFIG), artifact(CRON), other], LiveObjects("home"))
    changes = {
        change.key: change for change in (*plan.changes, *build_plan("x", [elsewhere], LiveObjects("home")).changes)
    }
    failed = [changes["ConfigMap/home/capgen-apm-scripts"]]
    held = {key for key, change in changes.items() if missing_for(change, failed)}
    assert held == {"CronJob/home/capgen-apm-check"}


@pytest.mark.parametrize(
    ("text", "code", "line", "said"),
    [
        ("kind: ConfigMap\nmetadata: {name: x}\n", "CG801", 1, "apiVersion"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "CG801", 1, "metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 7}\n", "CG801", 3, "metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../../nodes}\n", "CG801", 3, "../../nodes"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ..}\n", "CG801", 3, ".."),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: a/b}\n", "CG801", 3, "a/b"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, managedFields: []}\n", "CG802", 3, "managedFields"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nstatus: {}\n", "CG802", 4, "status"),
        ("- a\n", "CG801", 1, "kind"),
        ("a: [\n", "CG101", 1, "YAML"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_a_finding_with_its_place(text: str, code: str, line: int, said: str) -> None:
    bad = Artifact("apm/bad.yaml", text, "ConfigMap", "apm", kubernetes=True)
    with pytest.raises(Findings) as error:
        read_manifests([bad, artifact(HPA)], "home")
    found = [d for d in error.value.diagnostics if d.code == code]
    assert found and all(d.span and d.span.file == "apm/bad.yaml" for d in found)
    assert any(d.span and d.span.line == line and said in d.message for d in found), error.value.diagnostics


def test_the_same_object_twice_is_a_finding_that_names_both_files() -> None:
    again = Artifact("web/other.yaml", CONFIG, "ConfigMap", "web", kubernetes=True)
    with pytest.raises(Findings) as error:
        read_manifests([artifact(CONFIG), again], "home")
    (found,) = error.value.diagnostics
    assert found.code == "CG803" and "apm/ConfigMap-capgen-apm-scripts.yaml" in found.message


def test_null_is_left_out_and_empty_stays() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: null}\ndata: {a: '', b: null, c: {}}\n"
    (manifest,) = read_manifests([Artifact("a", text, "ConfigMap", "", kubernetes=True)], "home")
    assert manifest.document["data"] == {"a": "", "c": {}}
    assert manifest.document["metadata"] == {"name": "x", "namespace": "home"}


def test_what_is_no_manifest_is_not_for_a_cluster() -> None:
    page = Artifact("apm/README.md", "# APM\n", "page", "apm", kubernetes=False)
    assert [m.name for m in read_manifests([page, config_map("x", {})], "home")] == ["x"]


def test_an_outcome_is_an_error_that_lists_what_is_open() -> None:
    done, open_end = Result("a", State.UPDATED), Result("b", State.FAILED, "no room")
    assert Outcome("t", (done,)).error() is None
    partly = Outcome("t", (done, open_end)).error()
    assert isinstance(partly, PartlyDone) and "b: failed: no room" in str(partly) and "a:" not in str(partly)
    nothing = Outcome("t", (open_end,)).error()
    assert type(nothing) is TargetError and nothing.exit_code == 1
    after = Outcome("t", (done,), ("the reload failed",)).error()
    assert isinstance(after, PartlyDone) and "the reload failed" in str(after)


def test_a_plan_says_whether_there_is_anything_to_do() -> None:
    plan = build_plan("x", [config_map("a", {})], LiveObjects("home"))
    assert not plan.is_clean and plan.of(Action.CREATE)[0].writes
    blocked = build_plan("x", [config_map("a", {})], LiveObjects("home", blocked={"ConfigMap/home/a": "why"}))
    assert not blocked.is_clean and not blocked.changes[0].writes


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.n", 1),
        ('.spec.groups[name="a"].rules[1]', 2),
        ('.spec.groups[name="x y\\"]"].rules[0]', 3),
        (".spec.ports[port=80,protocol=\"UDP\"].name", "dns"),
        ('.spec.set[="b"]', "b"),
        ('.data["a.b/c"]', "dotted"),
        (".data.a.b/c", "dotted"),
        (".spec.gone", ABSENT), (".spec.n.deeper", ABSENT), (".spec.groups[7]", ABSENT), ("spec", ABSENT), (".spec[", ABSENT),
        ("", None),
    ],
)  # fmt: skip
def test_the_server_s_paths_are_understood(path: str, value: object) -> None:
    document = {
        "spec": {
            "n": 1,
            "groups": [{"name": "a", "rules": [0, 2]}, {"name": 'x y"]', "rules": [3]}],
            "ports": [{"port": 80, "protocol": "TCP", "name": "web"}, {"port": 80, "protocol": "UDP", "name": "dns"}],
            "set": ["a", "b"],
        },
        "data": {"a.b/c": "dotted"},
    }
    assert lookup(document, path) == (document if path == "" else value)


_TEXT = st.text(st.sampled_from("ab\n"), max_size=30)


@given(_TEXT, _TEXT)
def test_changed_lines_rebuild_the_new_text(before: str, after: str) -> None:
    lines = before.splitlines(keepends=True)
    for change in reversed(compare_lines(before, after)):
        words = change.path.split()
        first, _, last = words[-1].partition("-")
        start, end = (int(first), int(first)) if words[0] == "after" else (int(first) - 1, int(last or first))
        assert "".join(lines[start:end]) == ("" if change.old is ABSENT else change.old)
        lines[start:end] = ["" if change.new is ABSENT else change.new]
    assert "".join(lines) == after


def test_equal_texts_have_no_changed_lines_and_one_changed_line_is_one() -> None:
    text = "".join(f"line {n}\n" for n in range(1, 50))
    assert compare_lines(text, text) == ()
    (change,) = compare_lines(text, text.replace("line 7\n", "line seven\n"))
    assert (change.path, change.old, change.new) == ("line 7", "line 7\n", "line seven\n")
