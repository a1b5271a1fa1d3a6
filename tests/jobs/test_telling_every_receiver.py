"""Jobs tell every kind of receiver that alerts go to, over its own protocol, and no secret leaves the pipe to curl."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from jobs.machine import Machine
from jobs.receiving import Told, serving_http, serving_mail
from jobs.running import HOST, SHELLS, Script, built, host_script

SPEC = """
apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop, title: Shöp <&>}
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
signals: {host.memory: {levels: {warning: 50%, critical: 80%}, for: 0s, keep_firing_for: 0s, action: "Look \\"there\\"\\\\."}}
notify:
  hook: {webhook: {env: HOOK_URL}, token: {file: TOKEN_FILE}}
  chat: {slack: {env: SLACK_URL}, channel: "#shop-alerts"}
  page: {pagerduty: {secret: {name: pager, key: routing}}, severities: [critical]}
  mail: {email: [on-call@example.com, second@example.com]}
jobs: {look: {schedule: "*/5 * * * *", watch: [host.memory]}}
"""
MAIL = 'alertmanager: {{smtp: {{host: "{}", sender: capgen@example.com, user: capgen, password: {{env: MAIL_PASSWORD}}}}}}\n'
SECRETS = ("t0ken-s3cr3t", "r0uting-s3cr3t", 'p4ss"w\\rd s3cr3t', "/slack-s3cr3t", "/hook-s3cr3t")


def everyone(folder: Path, machine: Machine, http: Told, mail: Told, shell: str = "dash") -> Script:
    (folder / "token").write_text("t0ken-s3cr3t\n")
    (folder / "secrets" / "pager").mkdir(parents=True)
    (folder / "secrets" / "pager" / "routing").write_text("r0uting-s3cr3t")
    files = built(folder, SPEC.replace("TOKEN_FILE", str(folder / "token")), HOST + MAIL.format(mail.url))
    script = host_script(
        folder, files, "look", None, PROC_ROOT=str(machine.root), CAPGEN_SECRETS=str(folder / "secrets"),
        HOOK_URL=f"{http.url}/hook-s3cr3t", SLACK_URL=f"{http.url}/slack-s3cr3t\n", PAGERDUTY_URL=http.url,
        MAIL_PASSWORD='p4ss"w\\rd s3cr3t', CURL_CA_BUNDLE=str(folder / "mail.pem"),
    )  # fmt: skip
    return Script(script.path, script.variables, shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_hears_of_a_level_and_of_its_end(tmp_path: Path, shell: str) -> None:
    machine = Machine(tmp_path / "proc")
    with serving_http() as http, serving_mail(tmp_path, "capgen", 'p4ss"w\\rd s3cr3t') as mail:
        script = everyone(tmp_path, machine, http, mail, shell)
        machine.available = 1_000_000
        machine.write()
        entered = script.run()
        assert entered.code == 0, entered.text
        by_path = {path: (headers, body) for path, headers, body in http.requests}
        headers, body = by_path["/hook-s3cr3t"]
        assert headers["Authorization"] == "Bearer t0ken-s3cr3t"
        text = body["text"]
        assert text.startswith("[critical] Shöp <&> on ")
        assert 'Look "there"\\.' in text
        _, body = by_path["/slack-s3cr3t"]
        assert body == {
            "channel": "#shop-alerts",
            "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        }
        _, event = by_path["/v2/enqueue"]
        assert (event["routing_key"], event["event_action"]) == ("r0uting-s3cr3t", "trigger")
        assert event["payload"]["summary"] == text
        assert (event["payload"]["severity"], event["payload"]["class"]) == ("critical", "host.memory")
        ((login, recipients, message),) = mail.mails
        assert (login, recipients) == ("capgen", ["on-call@example.com", "second@example.com"])
        assert (message["Subject"], message["From"]) == ("[critical] shop host.memory", "capgen@example.com")
        assert message.get_content().strip() == text
        assert all(line.upper().startswith(("EHLO", "STARTTLS")) for line in mail.clear)
        key = event["dedup_key"]
        http.requests.clear()
        machine.available = 9_000_000
        machine.advance(300)
        left = script.run()
        assert left.code == 0, left.text
        (event,) = [body for path, _, body in http.requests if path == "/v2/enqueue"]
        assert (event["event_action"], event["dedup_key"]) == ("resolve", key)
        assert len(http.requests) == 3
        assert len(mail.mails) == 2
    for secret in SECRETS:
        assert secret not in entered.text + left.text


def test_one_that_takes_nothing_is_told_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "proc")
    with serving_http() as http, serving_mail(tmp_path, "capgen", "another password") as mail:
        script = everyone(tmp_path, machine, http, mail)
        machine.available = 1_000_000
        machine.write()
        http.status = 500
        first = script.run()
        assert first.code == 8
        assert sorted(line["receiver"] for line in first.of("not_told")) == ["chat", "hook", "mail", "page"]
        http.status = 202
        http.requests.clear()
        second = script.run()
        assert sorted(line["receiver"] for line in second.of("told")) == ["chat", "hook", "page"]
        assert [line["receiver"] for line in second.of("not_told")] == ["mail"]
        assert mail.mails == []


def test_a_mail_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    """Neither the password nor the message: the certificate is of nobody that the machine trusts."""
    machine = Machine(tmp_path / "proc")
    with serving_http() as http, serving_mail(tmp_path, "capgen", 'p4ss"w\\rd s3cr3t') as mail:
        script = everyone(tmp_path, machine, http, mail)
        machine.available = 1_000_000
        machine.write()
        run = script.run(CURL_CA_BUNDLE="/dev/null")
        assert [line["receiver"] for line in run.of("not_told")] == ["mail"]
        assert mail.mails == []
        assert all(line.upper().startswith(("EHLO", "STARTTLS", "QUIT")) for line in mail.clear)


@pytest.mark.parametrize("shell", SHELLS)
def test_no_secret_is_an_argument_or_in_the_environment_of_a_program(tmp_path: Path, shell: str) -> None:
    """curl is the real one, called by a program that notes how it was called."""
    machine = Machine(tmp_path / "proc")
    notes = tmp_path / "notes"
    wrapper = f'#!/bin/sh\n{{ echo "$@"; env; }} >>{notes}\nexec /usr/bin/curl "$@"\n'
    with serving_http() as http, serving_mail(tmp_path, "capgen", 'p4ss"w\\rd s3cr3t') as mail:
        script = everyone(tmp_path, machine, http, mail, shell)
        command, variables = script.command()
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "curl").write_text(wrapper)
        (tools / "curl").chmod(0o755)
        machine.available = 1_000_000
        machine.write()
        variables["PATH"] = f"{tools}:{variables['PATH']}"
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert len(http.requests) + len(mail.mails) == 4
    noted = notes.read_text()
    assert noted.count("--config -") == 4
    assert [secret for secret in SECRETS if secret in noted] == []
    state = [p for p in (tmp_path / "state").rglob("*") if p.is_file()]
    assert [p for p in state for secret in SECRETS if secret in p.read_text()] == []
