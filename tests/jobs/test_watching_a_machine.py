"""A job that watches its machine: each level is told once when it is entered and once when it is left."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jobs.machine import Machine
from jobs.running import SHELLS, Script, Webhook, built, capacity, host_script, serving_webhook

SPEC = capacity("""
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
signals:
  host.cpu: {levels: {warning: 50%, critical: 80%, emergency: 95%}, for: 0s, keep_firing_for: 0s}
  host.memory: {levels: {warning: 70%, critical: 85%, emergency: 95%}, for: 0s, keep_firing_for: 0s, hysteresis: 5%}
  host.disk_io: {levels: {warning: 70%, critical: 85%, emergency: 95%}, for: 0s, keep_firing_for: 0s}
  host.disk_space: {levels: {warning: 80%, critical: 90%, emergency: null}, for: 0s, keep_firing_for: 0s}
  host.network: {capacity: 1Gbps, levels: {warning: 60%, critical: 80%, emergency: 95%}, for: 0s, keep_firing_for: 0s}
  host.swap: {levels: {warning: 60%}, for: 10m, keep_firing_for: 5m}
jobs:
  look:
    schedule: "*/5 * * * *"
    watch: [host.cpu, host.memory, host.disk_io, host.disk_space, host.network]
  wait: {schedule: "*/5 * * * *", watch: [host.cpu]}
""")
PATIENT = SPEC.replace(
    "emergency: 95%}, for: 0s, keep_firing_for: 0s}\n  host.memory",
    "emergency: 95%}, for: 10m, keep_firing_for: 10m}\n  host.memory",
)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving_webhook() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "proc")


@pytest.fixture
def look(tmp_path: Path, webhook: Webhook, machine: Machine) -> Script:
    """The script, whose first run has seen a quiet machine."""
    script = host_script(tmp_path, built(tmp_path, SPEC), "look", webhook, PROC_ROOT=str(machine.root))
    first = script.run(CAPGEN_SAMPLE_SECONDS="0")
    assert first.code == 0, first.text
    return script


@pytest.mark.parametrize("shell", SHELLS)
def test_a_level_is_told_once_when_entered_and_once_when_left(
    shell: str, look: Script, webhook: Webhook, machine: Machine
) -> None:
    look = replace(look, shell=shell)
    machine.advance(300, cpu=0.85)
    run = look.run()
    assert run.code == 0, run.text
    (text,) = webhook.heard()
    host = os.uname().nodename
    assert text.startswith(
        f"[critical] Shop on {host}: CPU utilisation: 85%, critical from 80%. Find the process with `top`"
    )
    machine.advance(300, cpu=0.86)
    look.run()
    assert webhook.heard() == []
    machine.advance(300, cpu=0.6)
    look.run()
    assert webhook.heard() == [
        f"[warning] Shop on {host}: CPU utilisation: 60%, no longer critical but still warning from 50%."
    ]
    machine.advance(300, cpu=0.1)
    look.run()
    assert webhook.heard() == [f"[resolved] Shop on {host}: CPU utilisation: 10%, no longer warning."]
    machine.advance(300, cpu=0.1)
    look.run()
    assert webhook.heard() == []


def test_exactly_at_its_threshold_a_level_begins(look: Script, webhook: Webhook, machine: Machine) -> None:
    machine.advance(300, cpu=0.5)
    look.run()
    assert [text[:9] for text in webhook.heard()] == ["[warning]"]


def test_memory_is_what_is_not_available_and_lets_go_below_its_hysteresis(
    look: Script, webhook: Webhook, machine: Machine
) -> None:
    for available, told in ((3_000_001, []), (3_000_000, ["[warning] "]), (3_400_000, []), (3_600_000, ["[resolved]"])):
        machine.available = available
        machine.advance(60)
        look.run()
        assert [text[:10] for text in webhook.heard()] == told, available


def test_network_is_a_share_of_the_declared_capacity_each_way(look: Script, webhook: Webhook, machine: Machine) -> None:
    machine.advance(300, network=0.81 * 125e6)
    run = look.run()
    (text,) = webhook.heard()
    assert text.startswith(
        f"[critical] Shop on {os.uname().nodename}: Network utilisation (eth0 receive): 81%, critical from 80%."
    )
    measured = {line["series"] for line in run.of("level") if line["signal"] == "host.network"}
    assert measured == {"eth0 receive", "eth0 transmit"}, "lo and veth carry what eth0 carries"


def test_a_busy_disk_is_the_whole_disk(look: Script, webhook: Webhook, machine: Machine) -> None:
    machine.advance(300, disk=0.9)
    run = look.run()
    assert [text[:10] for text in webhook.heard()] == ["[critical]"]
    assert {line["series"] for line in run.of("level") if line["signal"] == "host.disk_io"} == {"sda"}


def test_file_systems_are_read_without_pseudo_ones(look: Script, machine: Machine, tmp_path: Path) -> None:
    spaced = tmp_path / "with space"
    spaced.mkdir()
    gone = tmp_path / "gone"
    machine.mount(
        ("/dev/sda1", Path("/"), "ext4", "rw,relatime"), ("/dev/sdb1", spaced, "xfs", "rw"), ("tmpfs", Path("/dev/shm"), "tmpfs", "rw"),
        ("/dev/sr0", tmp_path, "iso9660", "ro"), ("/dev/sdc1", tmp_path, "ext4", "ro,noatime"), ("nas:/x", gone, "nfs4", "rw"),
        ("/dev/sdd1", gone, "ext4", "rw"),
    )  # fmt: skip
    run = look.run()
    found = {line["series"]: float(line["value"]) for line in run.of("level") if line["signal"] == "host.disk_space"}
    assert set(found) == {"/dev/sda1", "/dev/sdb1"}
    room = os.statvfs("/")
    assert found["/dev/sda1"] == pytest.approx(1 - room.f_bavail / room.f_blocks, abs=0.02)
    assert [line["file_system"] for line in run.of("unreadable")] == [str(gone)]


def test_a_message_that_was_not_taken_is_sent_again(look: Script, webhook: Webhook, machine: Machine) -> None:
    webhook.status = 500
    machine.advance(300, cpu=0.9)
    run = look.run()
    assert run.code == 8
    assert [line["status"] for line in run.of("not_told")] == ["500"]
    webhook.status = 200
    machine.advance(300, cpu=0.9)
    assert look.run().code == 0
    assert [text[:10] for text in webhook.heard()] == ["[critical]"]
    machine.advance(300, cpu=0.9)
    look.run()
    assert webhook.heard() == []


def test_a_dry_run_says_what_it_would_tell_and_keeps_nothing(look: Script, webhook: Webhook, machine: Machine) -> None:
    state = Path(look.variables["CAPGEN_STATE"], "shop/look/state")
    machine.advance(300, cpu=0.9)
    before = state.read_text()
    run = look.run("--dry-run")
    assert run.code == 0
    assert [line["receiver"] for line in run.of("would_tell")] == ["chat"]
    assert webhook.heard() == []
    assert state.read_text() == before
    assert look.run("--what").code == 2


def test_a_clock_that_jumps_changes_nothing(look: Script, webhook: Webhook, machine: Machine, tmp_path: Path) -> None:
    """The wall clock is for the log alone; a restart begins the counters anew."""
    clock = tmp_path / "clock"
    clock.mkdir()
    (clock / "date").write_text("#!/bin/sh\necho 2001-01-01T00:00:00Z\n")
    (clock / "date").chmod(0o755)
    machine.advance(300, cpu=0.9)
    assert look.run(PATH=f"{clock}:{look.command()[1]['PATH']}").code == 0
    assert [text[:10] for text in webhook.heard()] == ["[critical]"]
    machine.boot, machine.uptime, machine.total, machine.used = "b1", 30.0, 50_000, 1_000
    machine.write()
    run = look.run(CAPGEN_SAMPLE_SECONDS="0")
    assert run.code == 0, run.text
    machine.advance(60, cpu=0.1)
    look.run()
    assert [text[:10] for text in webhook.heard()] == ["[resolved]"]


def test_a_level_has_to_stand_as_long_as_its_alert(tmp_path: Path, webhook: Webhook, machine: Machine) -> None:
    script = host_script(tmp_path, built(tmp_path, PATIENT), "wait", webhook, PROC_ROOT=str(machine.root))
    script.run(CAPGEN_SAMPLE_SECONDS="0")
    told = []
    for cpu in (0.9, 0.9, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1):
        machine.advance(299.9, cpu=cpu)
        script.run()
        told.append([text.partition("]")[0][1:] for text in webhook.heard()])
    assert told == [[], [], ["critical"], [], [], [], ["resolved"], [], []]


def test_under_real_load_the_real_proc_shows_it(tmp_path: Path, webhook: Webhook) -> None:
    script = host_script(tmp_path, built(tmp_path, SPEC), "look", webhook)
    burners = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(0.2)
        run = script.run(CAPGEN_SAMPLE_SECONDS="2")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    (cpu,) = (float(line["value"]) for line in run.of("level") if line["signal"] == "host.cpu")
    assert cpu > 0.9
    assert any("CPU utilisation" in text for text in webhook.heard())
    memory = {
        key: int(value.split()[0])
        for key, _, value in (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
    }
    (share,) = (float(line["value"]) for line in run.of("level") if line["signal"] == "host.memory")
    assert share == pytest.approx(1 - memory["MemAvailable"] / memory["MemTotal"], abs=0.05)
