"""The command line as its users meet it: results on stdout, notes on stderr, the exit codes of the documentation."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from cli.command import environment, line, run

SPECS = Path(__file__).parents[2] / "specs"
BROKEN = "apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: shop}\nsources:\n  host: {exporter: nod}\n  app: {exporter: http}\n"
VERBS = ("init", "validate", "build", "check", "test", "explain", "diff", "apply", "schema", "catalog", "completion")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the example specs."""
    shutil.copytree(SPECS, tmp_path / "specs")
    return tmp_path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A project with a spec that has two mistakes."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "shop.yaml").write_text(BROKEN)
    return tmp_path


# --- exit codes and streams


def test_a_valid_project_says_so_on_stderr_alone(project: Path) -> None:
    ran = run("validate", cwd=project)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "4 specs are valid for host, production\n"


def test_findings_are_the_result_of_validate_and_stop_a_build(broken: Path) -> None:
    validated = run("validate", cwd=broken)
    assert validated.code == 3
    assert validated.out.count("error CG") == 2 and "2 errors" in validated.out
    assert "specs/shop.yaml:5:20: error CG301" in validated.out and "did you mean 'node'?" in validated.out
    assert validated.err == ""
    built = run("build", cwd=broken)
    assert (built.code, built.out) == (3, "")
    assert built.err.count("error CG") == 2
    assert not (broken / "generated").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("valdate",), 2, "did you mean 'validate'?"),
        (("frobnicate",), 2, "known commands: "),
        (("validate", "--frmt", "json"), 2, "--format"),
        (("validate", "nowhere"), 2, "there is no file or folder nowhere"),
        (("validate", "--env", "prod"), 2, "known: host, production"),
        (("validate", "--format", "yaml"), 2, "'json'"),
        (("catalog", "nod"), 2, "did you mean 'node'?"),
        (("explain", "host.cpuu"), 2, "did you mean 'host.cpu'?"),
        (("explain", "cg999"), 2, "CG999"),
        (("build", "--out", "specs/generated"), 2, "would be read as specs"),
        (("diff", "--env", "host", "--timeout", "nan"), 2, "'nan' is no number"),
        (("report", "daily", "--env", "host", "--since", "specs/apm.yaml"), 2, "capgen report --format json"),
        (("explain", "specs/apm.yaml:1"), 2, "is it a generated file"),
        (("init", "Shop"), 2, "lower-case"),
        (("init", "apm"), 6, "exists already"),
        (("apply", "--env", "host"), 6, "--yes"),
        (("diff",), 2, "--env"),
        (("check",), 2, "FILES"),
        (("completion", "powershell"), 2, "'bash'"),
    ],
)
def test_what_cannot_be_done_says_why_on_stderr(
    arguments: tuple[str, ...], code: int, says: str, project: Path
) -> None:
    ran = run(*arguments, cwd=project)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_failure_of_the_disk_is_told_without_a_traceback(project: Path) -> None:
    (project / "generated").write_text("a file where the folder should be")
    ran = run("build", cwd=project)
    assert (ran.code, ran.out) == (1, "")
    assert "generated" in ran.err and "Traceback" not in ran.err


def test_a_full_disk_behind_the_output_is_told_as_that(project: Path) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            line("schema"), cwd=project, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (ran.returncode, ran.stderr) == (1, "capgen: what it prints cannot be written: No space left on device\n")


def test_debug_shows_where_a_failure_comes_from(project: Path) -> None:
    ran = run("--debug", "validate", "nowhere", cwd=project)
    assert ran.code == 1
    assert "Traceback" in ran.err and "there is no file or folder nowhere" in ran.err


def test_diff_counts_changes_only_when_asked(project: Path) -> None:
    arguments = ("diff", "--env", "host", "--root", "live")
    asked, unasked = run(*arguments, "--exit-code", cwd=project), run(*arguments, cwd=project)
    assert (asked.code, unasked.code) == (4, 0)
    assert asked.out == unasked.out and "rules.yml" in asked.out


def test_a_reader_that_has_seen_enough_is_no_failure(project: Path) -> None:
    command = line("schema")
    with subprocess.Popen(
        command, cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        err = process.stderr.read().decode()
    assert (process.returncode, err) == (0, "")


def test_what_a_person_reads_is_broken_at_the_edge_of_the_terminal_and_what_a_program_reads_is_not(
    project: Path,
) -> None:
    command = line("apply", "--env", "host", "--root", "live", "--yes")
    nobody = {**environment(), "PATH": str(project)}  # where no promtool is, which is told in a note longer than that
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    with subprocess.Popen(command, cwd=project, env=nobody, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        seen = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody writes there any more
            while part := os.read(main, 65536):
                seen += part
    os.close(main)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).splitlines()
    assert process.returncode == 0
    assert any(row.startswith("note: ") for row in shown) and max(map(len, shown)) <= 60, shown
    (project / "live/apm/rules.yml").write_text("# by hand")
    piped = subprocess.run(command, cwd=project, env=nobody, capture_output=True, text=True, check=False)
    assert piped.returncode == 1
    assert (
        "  apm/rules.yml: conflict: the file was edited since capgen wrote it: take the edit into the spec or delete the file, then apply again\n"
        in piped.stderr
    )


def test_an_interrupted_prompt_changes_nothing(project: Path) -> None:
    main, terminal = pty.openpty()
    command = line("apply", "--env", "host", "--root", "live")
    with subprocess.Popen(
        command,
        cwd=project,
        env=environment(),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A job in a shell's background is started with the interrupt ignored, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        seen, deadline = b"", time.monotonic() + 30
        while b"[y/N]" not in seen and time.monotonic() < deadline:
            seen += process.stderr.read() or b""
            time.sleep(0.05)
        assert b"[y/N]" in seen
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    os.close(terminal)
    os.close(main)
    assert (process.returncode, out) == (130, b"")
    assert b"interrupted" in err and b"Traceback" not in err
    assert not (project / "live").exists()


# --- forms


def test_every_verb_is_listed_and_explains_itself_in_eighty_columns(project: Path) -> None:
    listed = run("--help", cwd=project).out
    assert all(f"\n  {verb} " in listed for verb in VERBS)
    for verb in VERBS:
        ran = run(verb, "--help", cwd=project, env={"COLUMNS": "80"})
        assert ran.code == 0 and ran.out.startswith(f"Usage: capgen {verb} ")
        assert max(map(len, ran.out.splitlines())) <= 80, verb


def test_findings_fit_into_eighty_columns_and_say_everything(broken: Path) -> None:
    ran = run("validate", cwd=broken)
    assert max(map(len, ran.out.splitlines())) <= 80


def test_json_is_for_programs(broken: Path) -> None:
    ran = run("validate", "--format", "json", cwd=broken)
    document = json.loads(ran.out)
    assert ran.code == 3 and "schema_version" in document
    assert "CG301" in ran.out and "CG305" in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", "--format", "json"),
        ("validate", "--format", "sarif"),
        ("build", "--format", "json"),
        ("build", "--check", "--format", "json"),
        ("schema",),
        ("catalog", "--format", "json"),
        ("catalog", "node", "--format", "json"),
        ("explain", "host.cpu", "--format", "json"),
        ("diff", "--env", "host", "--root", "live", "--format", "json"),
    ],
)
def test_what_goes_to_stdout_as_json_is_json_and_nothing_else(arguments: tuple[str, ...], project: Path) -> None:
    assert isinstance(json.loads(run(*arguments, cwd=project).out), dict)


def test_junit_is_xml_and_markdown_has_its_marker(broken: Path) -> None:
    cases = ET.fromstring(run("validate", "--format", "junit", cwd=broken).out)
    assert len(cases.findall(".//failure")) == 2
    assert run("validate", "--format", "markdown", cwd=broken).out.startswith("<!-- ")
    assert run("validate", "--format", "github", cwd=broken).out.count("::error ") == 2


@pytest.mark.parametrize(
    ("env", "colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_color_is_for_terminals_and_those_who_ask(env: dict[str, str], colored: bool, broken: Path) -> None:
    assert ("\x1b[" in run("validate", cwd=broken, env=env).out) is colored


# --- explain


def test_explain_knows_lines_signals_fields_and_codes(project: Path) -> None:
    assert run("build", cwd=project).code == 0
    rules = (project / "generated" / "host" / "apm" / "rules.yml").read_text().splitlines()
    number = next(n for n, text in enumerate(rules, start=1) if "alert: ApmHostCpuCritical" in text)
    generated = run("explain", f"generated/host/apm/rules.yml:{number}", cwd=project)
    assert generated.code == 0 and "specs/apm.yaml" in generated.out and "host.cpu" in generated.out
    declared = (project / "specs" / "apm.yaml").read_text().splitlines()
    place = next(n for n, text in enumerate(declared, start=1) if text.strip().startswith("host.cpu:"))
    assert f"specs/apm.yaml:{place}" in generated.out
    by_signal = run("explain", "apm:host.cpu", "--env", "host", cwd=project)
    assert by_signal.code == 0 and "80%" in by_signal.out
    field = run("explain", "workloads.apm-service.horizontal.replicas.max", "--env", "production", cwd=project)
    assert field.code == 0 and "40" in field.out and "environments/production.yaml" in field.out
    page = run("explain", "CG309", cwd=project)
    assert page.code == 0 and page.out.startswith("# CG309") and "## Good" in page.out


# --- init, completion, version


@pytest.mark.parametrize(
    ("kind", "exporters"),
    [("host", ()), ("Deployment", ()), ("StatefulSet", ("postgres",)), ("host", ("redis", "nginx", "redis")), ("Deployment", ("otel_http",))],
)  # fmt: skip
def test_a_first_spec_is_valid_and_builds(kind: str, exporters: tuple[str, ...], tmp_path: Path) -> None:
    ran = run("init", "web", "--kind", kind, *(f"--exporter={name}" for name in exporters), cwd=tmp_path)
    assert (ran.code, ran.out) == (0, "specs/web.yaml\n")
    assert run("validate", cwd=tmp_path).code == 0
    assert run("build", cwd=tmp_path).code == 0
    text = (tmp_path / "specs" / "web.yaml").read_text()
    assert all(f"exporter: {name}" in text for name in exporters) and "#" in text
    assert any((tmp_path / "generated").rglob("*.y*ml"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_the_shells(shell: str, tmp_path: Path) -> None:
    ran = run("completion", shell, cwd=tmp_path)
    assert ran.code == 0 and "_CAPGEN_COMPLETE" in ran.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ran.out, text=True, check=True, capture_output=True)


def test_completion_names_the_verbs(tmp_path: Path) -> None:
    ran = run(cwd=tmp_path, env={"_CAPGEN_COMPLETE": "bash_complete", "COMP_WORDS": "capgen va", "COMP_CWORD": "1"})
    assert "validate" in ran.out


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).out.startswith("capgen, version ")
