"""A job that asks Prometheus: the recorded series of every signal that is not its machine's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.prometheus import Start
from jobs.measured import Measured, measuring
from jobs.running import HOST, SHELLS, Script, Webhook, built, capacity, host_script, serving_webhook

SPEC = capacity("""
sources:
  database: {exporter: postgres, targets: ["db1:9187"]}
  app: {exporter: http, targets: ["app1:80"]}
signals:
  database.connections: {levels: {warning: 60%, critical: 80%, emergency: null}, for: 0s, keep_firing_for: 0s}
  app.errors: {levels: {poor: 1%}, for: 0s, keep_firing_for: 0s}
jobs:
  look: {schedule: "* * * * *", watch: [database.connections]}
  errors: {schedule: "* * * * *", watch: [app.errors]}
""")
NAME = 'capgen:postgres_connections:ratio{service="shop",source="database",instance="say \\"a\\"}, \\\\ \\n[1,2]é"}'


@pytest.fixture
def measured(tmp_path: Path, prometheus: Start) -> Iterator[Measured]:
    with measuring(tmp_path, prometheus) as running:
        yield running


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving_webhook() as server:
        yield server


def test_levels_of_a_series_are_entered_and_left_once(tmp_path: Path, measured: Measured, webhook: Webhook) -> None:
    files = built(tmp_path, SPEC, HOST + f'prometheus: {{url: "{measured.url}"}}\n')
    script = host_script(tmp_path, files, "look", webhook)
    labels = 'instance=say "a"}, \\  [1,2]é,job=x'
    for value, told in (
        (0.5, []), (0.6, ["[warning]"]), (0.79, []), (0.8, ["[critical]"]), (0.95, []), (0.7, ["[warning]"]), (0.1, ["[resolved]"]),
    ):  # fmt: skip
        measured.set(NAME, value)
        run = script.run()
        assert run.code == 0, run.text
        assert [(line["series"], float(line["value"])) for line in run.of("level")] == [(labels, value)]
        heard = webhook.heard()
        assert [text.partition(" ")[0] for text in heard] == told
        assert all(labels in text for text in heard)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_series_that_is_gone_leaves_no_level(
    tmp_path: Path, measured: Measured, webhook: Webhook, shell: str
) -> None:
    files = built(tmp_path, SPEC, HOST + f'prometheus: {{url: "{measured.url}"}}\n')
    script = host_script(tmp_path, files, "look", webhook)
    script = Script(script.path, script.variables, shell)
    measured.set(NAME, 0.9)
    assert script.run().code == 0
    assert len(webhook.heard()) == 1
    measured.set(NAME, None)
    run = script.run()
    assert (run.code, len(run.of("nothing_measured")), webhook.heard()) == (5, 1, [])
    # Without requests there is no error ratio, and that is no fault.
    quiet = host_script(tmp_path, files, "errors", webhook).run()
    assert (quiet.code, webhook.heard()) == (0, [])
