"""What a project's pipeline runs: the pre-commit hooks as pre-commit installs them, the examples step by step.

Hooks are installed from a repository made of this checkout, by the real pre-commit, which finds the dependencies
where the tests find them (nothing is downloaded). Steps of the example pipelines run in bash in a project with the
example specs; only what talks to a service elsewhere (pip, gh) is a script that notes how it was called.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from harness.binaries import program

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"
DIRECTORY = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: production}
directory: {root: ./delivered}
"""
SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: apm, owner: platform}
sources: {web: {exporter: nginx, targets: ["localhost:9113"]}}
signals:
  web.throughput:
    levels: {normal: 100, high: 800, peak: 1200}
"""


def git(folder: Path, *arguments: str) -> None:
    own = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A service that goes to a folder called production, with its generated files."""
    folder = tmp_path / "project"
    (folder / "specs").mkdir(parents=True)
    (folder / "specs/apm.yaml").write_text(SPEC)
    (folder / "specs/production.yaml").write_text(DIRECTORY)
    built = subprocess.run([sys.executable, "-m", "capgen", "build"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "before")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    return folder


# --- pre-commit


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a repository of its own."""
    folder = tmp_path_factory.mktemp("hooks") / "capgen"
    ignore = shutil.ignore_patterns("__pycache__", "_templates")
    for name in ("capgen", "templates", "specs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "capgen")
    return folder


def test_the_hooks_find_what_is_wrong_and_pass_when_nothing_is(hooks: Path, project: Path, tmp_path: Path) -> None:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PIP_"))},
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }  # fmt: skip

    def tried() -> tuple[int, str]:
        command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), "--all-files", "--color=never"]
        ran = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
        return ran.returncode, ran.stdout + ran.stderr

    code, said = tried()
    assert code == 0 and said.count("Passed") == 2, said
    spec = project / "specs/apm.yaml"
    spec.write_text(spec.read_text().replace("high: 800", "high: 900"))
    code, said = tried()
    assert code == 1 and said.count("Passed") == 1, "the spec is fine"
    assert "CG601" in said and "generated/production/apm/rules.yml" in said, said


# --- the example pipelines


@pytest.fixture
def shell(project: Path, tmp_path: Path) -> dict[str, str]:
    """The variables of a runner: capgen and promtool are there, what leads elsewhere writes down its call."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in ("pip", "gh"):
        (binaries / name).write_text(
            f'#!/bin/sh\nprintf \'%s\\n\' "{name} $*" >> {tmp_path}/calls\n[ "$1" != api ] || cat {tmp_path}/known 2>/dev/null || :\n'
        )
    (binaries / "capgen").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m capgen "$@"\n')
    (binaries / "python3").symlink_to(sys.executable)
    for path in binaries.iterdir():
        path.chmod(0o755)
    (binaries / "promtool").symlink_to(program("promtool"))
    return {
        "PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(tmp_path), "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(tmp_path / "env"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_REPOSITORY": "shop/specs", "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "12",
        "COMMENT_TOKEN": "hush", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }  # fmt: skip


def bash(script: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, text=True
    )  # fmt: skip


def github_steps(job: str) -> list[dict[str, Any]]:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yaml").read_text())
    return [step for step in workflow["jobs"][job]["steps"] if "run" in step]


def gitlab(job: str) -> str:
    pipeline = yaml.safe_load((EXAMPLES / "gitlab-ci.yaml").read_text())
    return "\n".join([*pipeline["default"]["before_script"], *pipeline[job]["script"]])


def values(step: dict[str, Any]) -> dict[str, str]:
    """A step's variables, as the runner would fill them in."""
    known = {
        "${{ github.token }}": "hush",
        "${{ github.event.number }}": "12",
        "${{ github.base_ref }}": "main",
        "${{ secrets.KUBECONFIG }}": "kind: Config\n",
    }
    return {name: known[text] for name, text in step.get("env", {}).items()}


def test_the_github_check_passes_and_comments(project: Path, shell: dict[str, str], tmp_path: Path) -> None:
    spec = project / "specs/apm.yaml"
    spec.write_text(spec.read_text().replace("high: 800", "high: 900"))
    assert bash("capgen build", project, shell).returncode == 0
    for step in github_steps("check"):
        ran = bash(step["run"], project, {**shell, **values(step)})
        assert ran.returncode == 0, (step["name"], ran.stderr)
    assert json.loads((project / "capgen.sarif").read_text())["version"] == "2.1.0"
    assert "<testsuite" in (project / "proofs.xml").read_text()
    comment = (project / "comment.md").read_text()
    assert comment.startswith("<!-- capgen -->")
    assert "is high from 900" in comment
    assert (tmp_path / "summary.md").read_text().startswith("**production: 1 service")
    called = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in called if " api " not in call] == [
        "pip install capgen", "gh pr comment 12 --body-file comment.md",
    ]  # fmt: skip


def test_the_github_comment_is_the_same_one_again(project: Path, shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "known").write_text("77\n")
    (step,) = [step for step in github_steps("check") if "comment" in step["name"]]
    ran = bash(step["run"], project, {**shell, **values(step)})
    assert ran.returncode == 0, ran.stderr
    *_, last = (tmp_path / "calls").read_text().splitlines()
    assert last == "gh api --silent --method PATCH repos/shop/specs/issues/comments/77 --field body=@comment.md"


def test_the_github_check_fails_where_the_mistake_is(project: Path, shell: dict[str, str], tmp_path: Path) -> None:
    spec = project / "specs/apm.yaml"
    spec.write_text(spec.read_text().replace("levels:", "levles:", 1))
    codes = {step["name"]: bash(step["run"], project, {**shell, **values(step)}) for step in github_steps("check")}
    annotated = codes["Mistakes, each at its line of the pull request"]
    assert annotated.returncode == 3 and annotated.stdout.startswith("::error file=specs/apm.yaml,line=")
    assert codes["Mistakes, for code scanning"].returncode == 0, "the report is uploaded all the same"
    assert json.loads((project / "capgen.sarif").read_text())["runs"][0]["results"]
    assert codes["generated/ is what the specs compile to"].returncode == 3
    assert codes["What the change does, as a comment"].returncode == 3
    assert "comment" not in (tmp_path / "calls").read_text(), "a comment of before is not replaced by nothing"


def test_the_github_delivery_delivers(project: Path, shell: dict[str, str], tmp_path: Path) -> None:
    for step in github_steps("deliver"):
        ran = bash(step["run"], project, {**shell, **values(step)})
        assert ran.returncode == 0, (step["name"], ran.stderr)
    delivered = project / "delivered/apm/rules.yml"
    assert delivered.read_text() == (project / "generated/production/apm/rules.yml").read_text()
    assert "apm/rules.yml" in (tmp_path / "summary.md").read_text()
    kubeconfig = tmp_path / "kubeconfig"
    assert kubeconfig.read_text() == "kind: Config\n" and kubeconfig.stat().st_mode & 0o077 == 0


@contextlib.contextmanager
def notes() -> Iterator[tuple[str, dict[int, str]]]:
    """GitLab's notes of a merge request, as its API lists, makes and changes them: the address, and what it holds."""
    held = {3: "looks good"}
    path = "/api/v4/projects/7/merge_requests/12/notes"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, [{"id": id_, "body": body} for id_, body in sorted(held.items())])

        def do_POST(self) -> None:
            self._keep(max(held) + 1, 201)

        def do_PUT(self) -> None:
            self._keep(int(self.path.rpartition("/")[2]), 200)

        def _keep(self, id_: int, status: int) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            held[id_] = form["body"][0]
            self._answer(status, {"id": id_})

        def _answer(self, status: int, body: Any) -> None:
            known = self.path.startswith(path) and self.headers["PRIVATE-TOKEN"] == "hush"
            self.send_response(status if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v4", held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_gitlab_jobs_pass_comment_and_deliver(project: Path, shell: dict[str, str]) -> None:
    with notes() as (address, held):
        for job in ("validate", "prove", "comment", "deliver"):
            ran = bash(gitlab(job), project, {**shell, "CI_API_V4_URL": address})
            assert ran.returncode == 0, (job, ran.stdout, ran.stderr)
        assert held[4].startswith("<!-- capgen -->") and "high from 900" not in held[4]
        spec = project / "specs/apm.yaml"
        spec.write_text(spec.read_text().replace("high: 800", "high: 900"))
        assert bash(gitlab("comment"), project, {**shell, "CI_API_V4_URL": address}).returncode == 0
        assert held.keys() == {3, 4} and "high from 900" in held[4], "the same comment, brought up to date"
    for report in ("validate", "build", "proofs"):
        assert "<testsuite" in (project / f"{report}.xml").read_text()
    assert (project / "delivered/apm/rules.yml").exists()


def test_the_gitlab_check_fails_and_reports(project: Path, shell: dict[str, str]) -> None:
    (project / "generated/production/apm/rules.yml").unlink()
    ran = bash(gitlab("validate"), project, shell)
    assert ran.returncode == 3 and "CG602" in (project / "build.xml").read_text()
