"""What goes wrong around a job is safe, logged, and has an exit code of its own."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.binaries import unavailable
from jobs.machine import Machine
from jobs.running import SHELLS, Script, Webhook, built, capacity, host_script, serving_webhook

SPEC = capacity("""
sources:
  host: {exporter: node, targets: ["localhost:9100"]}
  other: {exporter: node, targets: ["db1:9100"]}
signals: {host.cpu: {levels: {critical: 80%}, for: 0s, keep_firing_for: 0s}}
jobs:
  look: {schedule: "*/5 * * * *", watch: [host.cpu]}
  ask: {schedule: "*/5 * * * *", watch: [host.cpu, other.cpu]}
""")
SEVERAL = SPEC.replace("notify: {", "notify: {asleep: {webhook: {env: ASLEEP_URL}}, ").replace(
    "watch: [host.cpu, other.cpu]", "watch: [host.cpu, host.memory, other.cpu, other.memory, other.load]"
)
LATE = """#!/bin/sh
# curl, but for the addresses of servers that never answer: their time is over at once.
asked=$(cat)
case "$asked $*" in
*/asleep* | *127.0.0.1:1/*)
    case "$asked" in */asleep*) echo receiver ;; *) echo prometheus ;; esac >>"$LATE_CALLS"
    exit 28
    ;;
esac
printf '%s\n' "$asked" | exec /usr/bin/curl "$@"
"""
ASKING = """
apiVersion: capgen/v1
kind: Environment
metadata: {name: host}
directory: {root: ./deploy}
prometheus: {url: "http://127.0.0.1:1"}
"""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving_webhook() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "proc")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return built(tmp_path, SPEC, ASKING)


@pytest.fixture
def look(tmp_path: Path, files: dict[str, str], webhook: Webhook, machine: Machine) -> Script:
    script = host_script(tmp_path, files, "look", webhook, PROC_ROOT=str(machine.root))
    script.run(CAPGEN_SAMPLE_SECONDS="0")
    machine.advance(300, cpu=0.9)
    return script


def state_of(script: Script, job: str = "look") -> Path:
    return Path(script.variables["CAPGEN_STATE"], "shop", job)


def test_while_the_last_run_has_not_ended(look: Script, webhook: Webhook) -> None:
    with (state_of(look) / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = look.run()
    assert (run.code, [line["event"] for line in run.events]) == (4, ["locked"])
    assert webhook.heard() == []
    # Whatever ended the process that held it, the kernel let go of the lock.
    assert look.run().code == 0
    assert len(webhook.heard()) == 1


def test_killed_at_any_moment_it_tells_in_the_next_run(look: Script, webhook: Webhook) -> None:
    command, variables = look.command()
    for delay in (0.02, 0.1, 0.2):
        process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        if webhook.texts:
            break
    deadline = time.monotonic() + 10
    while look.run().code == 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [text[:10] for text in webhook.heard()][:1] == ["[critical]"]


def test_without_its_secret_it_measures_and_tells_later(look: Script, webhook: Webhook, machine: Machine) -> None:
    run = look.run(CHAT_URL="")
    assert run.code == 3
    assert [line["receiver"] for line in run.of("secret_missing")] == ["chat"]
    assert [line["level_now"] for line in run.of("level")] == ["critical"]
    machine.advance(300, cpu=0.9)
    assert look.run().code == 0
    assert len(webhook.heard()) == 1


@pytest.mark.parametrize(
    "address", ['http://a"\nurl = "http://b', "file:///etc/passwd", "http://a b", "-K/etc/passwd", "http://a\\nb"]
)
def test_a_secret_that_is_no_address_is_not_used(look: Script, address: str) -> None:
    run = look.run(CHAT_URL=address)
    assert run.code == 3
    assert address not in run.text


def test_a_secret_is_read_from_the_folder_of_secrets(look: Script, webhook: Webhook, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "CHAT_URL").write_text(webhook.url + "\r\n")  # as some editors end a line
    assert look.run(CHAT_URL="", CAPGEN_SECRETS=str(folder)).code == 0
    assert webhook.paths == ["/hook/s3cr3t-path"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_secret_is_in_no_file_no_list_of_processes_and_no_log(
    shell: str, tmp_path: Path, files: dict[str, str], machine: Machine
) -> None:
    """A receiver that never answers keeps curl alive while every process and every file is looked at."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        script = host_script(tmp_path, files, "look", None, PROC_ROOT=str(machine.root))
        script = Script(script.path, {**script.variables, "CHAT_URL": f"http://127.0.0.1:{port}/s3cr3t-path"}, shell)
        script.run(CAPGEN_SAMPLE_SECONDS="0")
        machine.advance(300, cpu=0.9)
        command, variables = script.command()
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        deaf.settimeout(20)
        connection, _ = deaf.accept()
        seen = [line for line in _command_lines() if "curl" in line]
        files_now = [p for p in (*tmp_path.rglob("*"), *Path("/dev/shm").rglob("*")) if p.is_file()]
        held = [p for p in files_now if b"s3cr3t-path" in _bytes(p)]
        connection.close()
        printed, _ = process.communicate(timeout=30)
    assert any("--config" in line for line in seen), "curl was seen at work"
    assert not [line for line in seen if "s3cr3t" in line]
    assert held == []
    assert "s3cr3t" not in printed
    assert process.returncode == 8


def _command_lines() -> list[str]:
    return [
        _bytes(Path(entry, "cmdline")).decode(errors="replace").replace("\0", " ")
        for entry in Path("/proc").glob("[0-9]*")
    ]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_receiver_that_never_answers_is_left_after_a_while(look: Script) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        before = time.monotonic()
        run = look.run(CHAT_URL=f"http://127.0.0.1:{deaf.getsockname()[1]}/")
    assert (run.code, time.monotonic() - before < 15) == (8, True)


def test_a_prometheus_that_is_down_hides_nothing_else(
    tmp_path: Path, files: dict[str, str], webhook: Webhook, machine: Machine
) -> None:
    script = host_script(tmp_path, files, "ask", webhook, PROC_ROOT=str(machine.root))
    script.run(CAPGEN_SAMPLE_SECONDS="0")
    machine.advance(300, cpu=0.9)
    run = script.run()
    assert run.code == 5
    assert [(line["signal"], line["server"]) for line in run.of("no_answer")] == [("other.cpu", "http://127.0.0.1:1")]
    assert [text[:10] for text in webhook.heard()] == ["[critical]"]


@pytest.mark.parametrize("shell", SHELLS)
def test_who_lets_it_wait_is_asked_once_a_run_and_keeps_nobody_from_hearing(
    shell: str, tmp_path: Path, webhook: Webhook, machine: Machine
) -> None:
    """Each wait takes ten seconds of a run that has fifty; what comes after has to be measured and told all the same."""
    machine.available = 100_000
    machine.write()
    files = built(tmp_path, SEVERAL, ASKING)
    tools, calls = tmp_path / "tools", tmp_path / "calls"
    tools.mkdir()
    (tools / "curl").write_text(LATE)
    (tools / "curl").chmod(0o755)
    script = host_script(
        tmp_path, files, "ask", webhook, PROC_ROOT=str(machine.root), PATH=f"{tools}:/usr/bin:/bin",
        ASLEEP_URL="http://localhost/asleep", LATE_CALLS=str(calls),
    )  # fmt: skip
    script = Script(script.path, script.variables, shell)
    script.run(CAPGEN_SAMPLE_SECONDS="0")
    webhook.heard()
    calls.unlink()
    machine.advance(300, cpu=0.9)
    run = script.run()
    assert run.code == 5, run.text
    assert {line["signal"] for line in run.of("no_answer")} == {"other.cpu", "other.memory", "other.load"}
    assert len(run.of("not_told")) == 2, "of the processor and of the memory"
    assert [text.split(" on ")[0] for text in webhook.heard()] == ["[emergency] Shop", "[critical] Shop"]
    assert calls.read_text().split() == ["prometheus", "receiver"]


def test_when_nothing_can_be_measured_no_level_is_left(look: Script, webhook: Webhook, machine: Machine) -> None:
    look.run()
    webhook.heard()
    (machine.root / "stat").rename(machine.root / "elsewhere")
    machine.uptime += 300
    run = look.run()
    assert run.code == 5
    assert [line["event"] for line in run.events if line["level"] == "error"] == ["unreadable"]
    (machine.root / "elsewhere").rename(machine.root / "stat")
    assert webhook.heard() == [], "not measured is not resolved"


def test_a_full_disk_is_told_of(tmp_path: Path, files: dict[str, str], webhook: Webhook, machine: Machine) -> None:
    """State on a full file system: someone is told all the same, maybe more than once, and nothing is damaged."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = host_script(tmp_path, files, "look", webhook, PROC_ROOT=str(machine.root))
    script = Script(script.path, {**script.variables, "CAPGEN_STATE": str(disk)})
    command, variables = script.command()
    first = [f"PROC_ROOT={machine.root}", "CAPGEN_SAMPLE_SECONDS=0"]
    story = f"""
        mount -t tmpfs -o size=64k tmpfs {disk} || exit 99
        env {" ".join(first)} {" ".join(command)} >/dev/null || exit 98
        cp {disk}/shop/look/state {tmp_path}/before
        cp {tmp_path}/later/* {machine.root}/
        dd if=/dev/zero of={disk}/filler bs=1k >/dev/null 2>&1
        {" ".join(command)}; echo "code $?"
        cmp {disk}/shop/look/state {tmp_path}/before && echo untouched
        rm {disk}/filler
        {" ".join(command)}; echo "code $?"
    """
    later = Machine(tmp_path / "whole", **{k: v for k, v in vars(machine).items() if k != "root"})
    later.advance(300, cpu=0.9)
    (tmp_path / "later").mkdir()
    for name in ("uptime", "stat"):
        (tmp_path / "later" / name).write_text((later.root / name).read_text())
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", story], env=variables, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode == 99 or "unshare" in done.stderr:
        unavailable(f"no file system can be mounted here: {done.stderr}")
    codes = [line for line in done.stdout.splitlines() if line.startswith("code")]
    assert codes == ["code 7", "code 0"], done.stdout + done.stderr
    assert "event=state_unwritable" in done.stdout
    assert "untouched" in done.stdout
    assert [text[:10] for text in webhook.heard()] == ["[critical]", "[critical]"]


def test_a_log_that_cannot_be_written_stops_nothing(look: Script, webhook: Webhook) -> None:
    command, variables = look.command()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=variables, stdout=full, stderr=full, timeout=30, check=False)
    assert done.returncode == 0
    assert len(webhook.heard()) == 1


def test_a_reader_that_went_away_stops_nothing(look: Script, webhook: Webhook) -> None:
    command, variables = look.command()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, env=variables, stdout=writing, stderr=writing, timeout=30, check=False)
    os.close(writing)
    assert done.returncode == 0
    assert len(webhook.heard()) == 1


@pytest.mark.parametrize("damage", ["", "capgen-state-1\n", "capgen-state-1\nL\tx\n", "\x00\xff" * 50, "end\n"])
def test_a_damaged_state_is_begun_anew(look: Script, webhook: Webhook, machine: Machine, damage: str) -> None:
    (state_of(look) / "state").write_text(damage)
    run = look.run(CAPGEN_SAMPLE_SECONDS="0")
    assert run.code == 0, run.text
    assert ("state_damaged" in run.text) == bool(damage)
    machine.advance(300, cpu=0.9)
    look.run()
    assert len(webhook.heard()) == 1


def test_a_state_folder_that_cannot_be_made(look: Script, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = look.run(CAPGEN_STATE=str(tmp_path / "file"))
    assert (run.code, [line["event"] for line in run.events]) == (7, ["state_unwritable"])


def test_a_program_that_is_missing_is_named(look: Script, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "awk", "sed", "tr", "date", "mktemp", "timeout"):
        (tools / name).symlink_to(Path("/usr/bin", name))
    text = look.path.read_text().replace("PATH=$PATH:", "PATH=$PATH # ")
    look.path.write_text(text)
    command, variables = look.command()
    done = subprocess.run(
        ["/usr/bin/dash", *command[1:]],
        env={**variables, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert 'event=program_missing program="curl"' in done.stdout


def test_stopped_from_outside_it_says_so_and_leaves_no_files(
    tmp_path: Path, files: dict[str, str], machine: Machine
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    script = host_script(
        tmp_path, files, "look", None, PROC_ROOT=str(machine.root), TMPDIR=str(place), CAPGEN_SAMPLE_SECONDS="20"
    )
    command, variables = script.command()
    process = subprocess.Popen(["timeout", "-k", "5", "1", *command], env=variables, stdout=subprocess.PIPE, text=True)
    printed, _ = process.communicate(timeout=15)
    assert process.returncode == 124, "what timeout says"
    assert "event=stopped" in printed
    assert list(place.iterdir()) == []
