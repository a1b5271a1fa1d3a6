"""Delivery from the command line to a real API server: saved plans, pins, deletions, and what each exits with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.command import Ran, run
from harness.controlplane import ControlPlane
from harness.delivery import Reloads

from capgen.reconcile import saved

SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: %s, owner: team}
workloads:
  %s-web:
    kind: Deployment
    namespace: %s
    containers: {main: {requests: {cpu: 500m, memory: 512Mi}}}
    horizontal: {replicas: {min: 2, max: 10}, targets: {cpu: 70%%}}
"""


class Project:
    """A project of one service whose HPA goes to a namespace of its own."""

    def __init__(self, folder: Path, plane: ControlPlane, namespace: str) -> None:
        self.folder, self.plane, self.namespace = folder, plane, namespace
        self.spec = folder / "specs/shop.yaml"
        self.environment = folder / "specs/environments/live.yaml"
        self.environment.parent.mkdir(parents=True)
        self.spec.write_text(SPEC % ("shop", "shop", namespace))
        self.environment.write_text(
            "# where it goes\napiVersion: capgen/v1\nkind: Environment\nmetadata: {name: live}\n"
            f"kubernetes: {{namespace: {namespace}}}  # ours\ndeliver: {{prometheus: operator, grafana: none, jobs: none, alertmanager: none}}\n"
        )

    def run(self, *arguments: str) -> Ran:
        return run(*arguments, cwd=self.folder, env={"KUBECONFIG": str(self.plane.kubeconfig())})

    def change(self, old: str, new: str) -> None:
        text = self.spec.read_text()
        assert old in text
        self.spec.write_text(text.replace(old, new))

    def hpa(self) -> int:
        spec = self.plane.get("hpa", "shop-web-hpa", self.namespace)["spec"]
        return int(spec["maxReplicas"])


@pytest.fixture
def project(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Project:
    return Project(tmp_path, control_plane, namespace)


def test_what_was_approved_is_applied_and_nothing_else(project: Project) -> None:
    assert project.run("apply", "--env", "live", "--yes").code == 0
    assert project.run("diff", "--env", "live", "--exit-code").code == 0
    project.change("max: 10", "max: 20")
    saved = project.run("diff", "--env", "live", "--save", "plan.json", "--exit-code")
    assert saved.code == 4 and "maxReplicas" in saved.out
    text = (project.folder / "plan.json").read_text()
    project.run("diff", "--env", "live", "--save", "again.json")
    assert (project.folder / "again.json").read_text() == text, "the same input gives the same bytes"
    shown = json.loads(text)
    (field,) = [f for change in shown["changes"] for f in change["fields"]]
    assert (field["path"], field["old"], field["new"]) == (".spec.maxReplicas", 10, 20)
    assert shown["place"]["uid"] and shown["specs_sha256"]

    # Status moves all the time, and so may what capgen does not declare.
    status = {"status": {"currentReplicas": 3, "desiredReplicas": 4}}
    patch = ("patch", "hpa", "shop-web-hpa", "-n", project.namespace, "--type=merge", "-p")
    project.plane.kubectl(*patch, json.dumps(status), "--subresource=status")
    project.plane.kubectl(*patch, '{"metadata":{"annotations":{"seen":"by a controller"}}}')
    # The spec moves: the plan is not what is asked for any more.
    project.change("max: 20", "max: 40")
    stale = project.run("apply", "plan.json", "--yes")
    assert stale.code == 6 and project.hpa() == 10
    assert ".spec.maxReplicas: 10 → 20" in stale.err and ".spec.maxReplicas: 10 → 40" in stale.err
    project.change("max: 40", "max: 20")
    # The cluster moves.
    project.plane.kubectl(*patch, '{"spec":{"maxReplicas":12}}', "--field-manager=kubectl-edit")
    stale = project.run("apply", "plan.json", "--yes")
    assert stale.code == 6 and project.hpa() == 12
    assert "12 → 20 (held by kubectl-edit)" in stale.err and "PrometheusRule" not in stale.err


def test_an_approved_plan_goes_through_while_only_status_moves(project: Project) -> None:
    assert project.run("apply", "--env", "live", "--yes").code == 0
    project.change("max: 10", "max: 20")
    assert project.run("diff", "--env", "live", "--save", "plan.json").code == 0
    status = {"status": {"currentReplicas": 3, "desiredReplicas": 4}}
    project.plane.kubectl(
        "patch",
        "hpa",
        "shop-web-hpa",
        "-n",
        project.namespace,
        "--type=merge",
        "-p",
        json.dumps(status),
        "--subresource=status",
    )
    applied = project.run("apply", "plan.json", "--yes")
    assert (applied.code, project.hpa()) == (0, 20), applied.err
    again = project.run("apply", "plan.json", "--yes")
    assert again.code == 6 and "now:      nothing to do" in again.err


def test_a_plan_that_was_edited_or_is_for_another_place_is_refused(project: Project) -> None:
    assert project.run("diff", "--env", "live", "--save", "plan.json").code == 0
    plan = project.folder / "plan.json"
    text = plan.read_text()
    plan.write_text(text.replace('"action": "create"', '"action": "delete"'))
    assert project.run("apply", "plan.json", "--yes").code == 2
    plan.write_text(text)
    other = project.plane.new_namespace()
    project.environment.write_text(
        project.environment.read_text().replace(f"namespace: {project.namespace}", f"namespace: {other}")
    )
    refused = project.run("apply", "plan.json", "--yes")
    assert refused.code == 6 and other in refused.err


def test_a_plan_that_shows_another_value_than_its_pins_stand_for_is_refused(project: Project) -> None:
    assert project.run("apply", "--env", "live", "--yes").code == 0
    project.change("max: 10", "max: 20")
    assert project.run("diff", "--env", "live", "--save", "plan.json").code == 0
    whole = json.loads((project.folder / "plan.json").read_text())
    place = next(n for n, change in enumerate(whole["changes"]) if change["fields"])

    def edited(edit: Callable[[dict[str, Any]], None]) -> Ran:
        data = json.loads(json.dumps(whole))
        edit(data["changes"][place])
        del data["sha256"]
        data["sha256"] = saved._digest(data)  # whoever edits on purpose makes it whole again
        (project.folder / "plan.json").write_text(json.dumps(data))
        return project.run("apply", "plan.json", "--yes")

    # Whether more is shown than is done, or less, or another thing: nothing of it is done.
    shows = edited(lambda change: change["fields"][0].update(new=11))
    assert shows.code == 6 and ".spec.maxReplicas: 10 → 11" in shows.err and ".spec.maxReplicas: 10 → 20" in shows.err
    assert edited(lambda change: change.update(action="create")).code == 6
    assert edited(lambda change: change.update(pin="0" * 64)).code == 6
    assert project.hpa() == 10
    assert edited(lambda change: None).code == 0 and project.hpa() == 20


def test_an_environment_is_pinned_and_then_holds(project: Project) -> None:
    uid = project.plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    printed = project.run("env", "pin", "--env", "live")
    assert printed.out == f"server: {project.plane.url}\nuid: {uid}\n"
    assert project.run("env", "pin", "--env", "live", "--write").code == 0
    text = project.environment.read_text()
    assert (
        f'kubernetes: {{server: "{project.plane.url}", uid: "{uid}", namespace: {project.namespace}}}  # ours' in text
    )
    assert project.run("diff", "--env", "live").code == 0
    project.environment.write_text(text.replace(uid, "00000000-0000-0000-0000-000000000000"))
    assert project.run("diff", "--env", "live").code == 6
    assert project.run("env", "pin", "--env", "live", "--write").code == 0
    assert project.environment.read_text() == text
    block = text.replace(
        f'{{server: "{project.plane.url}", uid: "{uid}", namespace: {project.namespace}}}',
        f"\n  namespace: {project.namespace}",
    )
    project.environment.write_text(block)
    assert project.run("env", "pin", "--env", "live", "--write").code == 0
    assert f'\n  server: "{project.plane.url}"\n  uid: "{uid}"\n  namespace: ' in project.environment.read_text()


def test_a_service_without_a_spec_is_told_and_destroyed_when_it_was_counted(project: Project) -> None:
    (project.folder / "specs/cart.yaml").write_text(SPEC % ("cart", "cart", project.namespace))
    assert project.run("apply", "--env", "live", "--yes").code == 0
    (project.folder / "specs/cart.yaml").unlink()
    told = project.run("diff", "--env", "live")
    assert "cart was delivered here and no spec declares it any more" in told.out
    shown = project.run("destroy", "cart", "--env", "live", "--yes")
    assert shown.code == 6 and "- HorizontalPodAutoscaler" in shown.out and "--deletions 2" in shown.err
    assert project.run("destroy", "cart", "--env", "live", "--deletions", "3", "--yes").code == 6
    assert project.run("destroy", "cart", "--env", "live", "--deletions", "2", "--yes").code == 0
    assert project.run("destroy", "cart", "--env", "live", "--deletions", "2", "--yes").code == 2, (
        "there is none any more"
    )
    assert project.hpa() == 10


def test_what_belongs_to_all_services_is_named_and_destroyed_like_a_service(project: Project) -> None:
    text = project.environment.read_text()
    project.environment.write_text(text.replace("grafana: none", "grafana: sidecar"))
    assert project.run("apply", "--env", "live", "--yes").code == 0
    unknown = project.run("destroy", "fleet", "--env", "live", "--yes")
    assert unknown.code == 2 and 'delivered there: shop, and "" (what belongs to all services)' in unknown.err
    assert project.run("destroy", "", "--env", "live", "--deletions", "2", "--yes").code == 0
    left = project.plane.kubectl("get", "configmap", "-n", project.namespace, "-o", "name")
    assert "capgen.shop" in left and "overview" not in left and "configmap/capgen\n" not in left


def test_a_mistake_in_capgen_leaves_no_file_that_looks_whole(project: Project) -> None:
    (project.folder / "sitecustomize.py").write_text(
        "import capgen.reconcile.compare as c\ndef broken(*_):\n    raise ZeroDivisionError('bug')\nc.compare = broken\n"
        "import capgen.reconcile.build as b\nb.compare = broken\n"
    )
    assert project.run("apply", "--env", "live", "--yes").code == 0
    env = {"KUBECONFIG": str(project.plane.kubeconfig()), "PYTHONPATH": f"{project.folder}:{Path(__file__).parents[2]}"}
    crashed = run("diff", "--env", "live", "--save", "plan.json", "--exit-code", cwd=project.folder, env=env)
    assert crashed.code == 1 and "Traceback" not in crashed.err
    assert not (project.folder / "plan.json").exists()


def test_a_reload_that_failed_is_made_up_for_though_nothing_is_left_to_write(tmp_path: Path, reloads: Reloads) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(
        "apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: shop, owner: web}\n"
        'sources: {host: {exporter: node, targets: ["localhost:9100"]}}\nnotify: {hook: {webhook: {env: HOOK}}}\n'
    )
    (tmp_path / "specs/host.yaml").write_text(
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: host}\ndirectory: {root: ./deploy}\n"
        f'prometheus: {{reload: "{reloads.url}"}}\n'
    )
    apply = ("apply", "--env", "host", "--yes")
    reloads.answer = (500, "not now")
    first = run(*apply, cwd=tmp_path, env={"PATH": ""})
    assert first.code == 5 and "not now" in first.err
    assert "promtool is not on PATH: prometheus.yml was put in place unchecked" in first.err
    told = run("diff", "--env", "host", "--exit-code", cwd=tmp_path)
    assert told.code == 0 and "not loaded" in told.out
    assert run(*apply, cwd=tmp_path).code == 1
    reloads.answer = (200, "")
    again = run(*apply, cwd=tmp_path)
    assert (again.code, len(reloads.asked)) == (0, 3), again.err
    assert "not loaded" not in run("diff", "--env", "host", cwd=tmp_path).out
    assert run(*apply, cwd=tmp_path).code == 0 and len(reloads.asked) == 3


def test_a_first_spec_is_delivered_without_an_environment(tmp_path: Path) -> None:
    assert run("init", "shop", "--exporter", "http", cwd=tmp_path).code == 0
    assert run("apply", "--env", "default", "--root", "out", "--yes", cwd=tmp_path).code == 0
    assert (tmp_path / "out" / "shop" / "rules.yml").is_file()
    assert run("diff", "--env", "default", "--root", "out", "--exit-code", cwd=tmp_path).code == 0
    nowhere = run("diff", "--env", "default", cwd=tmp_path)
    assert (nowhere.code, "give --root FOLDER" in nowhere.err) == (2, True)
