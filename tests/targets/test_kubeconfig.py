"""Kubeconfig files: the same choice as kubectl's, and never a request as nobody."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.controlplane import ControlPlane
from harness.manifests import CONFIG, artifact

from capgen.errors import TargetError
from capgen.targets import kubeconfig, kubernetes


def write(path: Path, current: str | None = None, **contexts: tuple[str, dict[str, Any]]) -> Path:
    """A kubeconfig: context -> (server, user)."""
    data: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": c, "cluster": {"server": server}} for c, (server, _) in contexts.items()],
        "users": [{"name": c, "user": user} for c, (_, user) in contexts.items()],
        "contexts": [{"name": c, "context": {"cluster": c, "user": c}} for c in contexts],
    }  # fmt: skip
    if current is not None:
        data["current-context"] = current
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def plugin(command: str, **more: object) -> dict[str, Any]:
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "interactiveMode": "Never",
            **more,
        }
    }


ANSWER = 'echo \'{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "t"}}\''


@pytest.mark.parametrize("currents", [("dev", "prod"), (None, "prod"), ("", "prod"), ("prod", None)])
def test_of_several_files_it_takes_what_kubectl_takes(
    control_plane: ControlPlane, tmp_path: Path, currents: tuple[str | None, str | None]
) -> None:
    server = ("https://one.invalid", {"token": "1"})
    files = [
        write(tmp_path / "a", currents[0], dev=server, both=("https://first.invalid", {"token": "first"})),
        tmp_path / "missing",
        write(tmp_path / "b", currents[1], prod=server, both=("https://second.invalid", {"token": "second"})),
    ]
    joined = os.pathsep.join(map(str, files))
    environment = {**os.environ, "KUBECONFIG": joined}
    command = [str(control_plane.kubectl_path), "config", "view", "--minify", "--raw", "-o", "json"]

    def kubectl(*more: str) -> Any:
        return json.loads(subprocess.run([*command, *more], env=environment, capture_output=True, check=True).stdout)

    paths = kubeconfig.default_paths({"KUBECONFIG": joined})
    assert kubeconfig.load(paths).context == kubectl()["current-context"]
    both = kubectl("--context=both")
    access = kubeconfig.load(paths, "both")
    assert access.server == both["clusters"][0]["cluster"]["server"] == "https://first.invalid"
    assert access.user["token"] == both["users"][0]["user"]["token"] == "first"


@pytest.mark.parametrize("first", ["", "# nothing yet\n", "---\n", "users:\n", "~/config"])
def test_a_file_that_says_nothing_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """As kubectl does it, to whom `~` is a folder's name and no home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "config", "home", home=("https://home.invalid", {"token": "1"}))
    (tmp_path / "a").write_text("" if first.startswith("~") else first)
    files = [
        first if first.startswith("~") else str(tmp_path / "a"),
        "",
        str(write(tmp_path / "b", "dev", dev=("https://x.invalid", {}))),
    ]
    assert kubeconfig.load(kubeconfig.default_paths({"KUBECONFIG": os.pathsep.join(files)})).context == "dev"


def test_a_plugin_that_always_asks_needs_a_terminal(tmp_path: Path) -> None:
    user = plugin(str(script(tmp_path / "login", "exit 1")), interactiveMode="Always")
    access = kubeconfig.load([write(tmp_path / "config", "dev", dev=("https://x.invalid", user))])
    with pytest.raises(TargetError, match="there is no terminal"):
        kubeconfig.with_credentials(access)


def test_paths_are_relative_to_the_file_they_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"tokenFile": "secret/token", **plugin("./bin/login")}
    write(tmp_path / "conf/config", "dev", dev=("https://x.invalid", user))
    monkeypatch.chdir(tmp_path)
    access = kubeconfig.load([Path("conf/config")])
    assert access.user["tokenFile"] == str(tmp_path / "conf/secret/token")
    assert Path(access.user["exec"]["command"]) == tmp_path / "conf/bin/login"


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ("prodd", "did you mean 'prod'"),
        ("broken", "names the cluster 'gone'"),
        ("orphan", "names the user 'gone'"),
        ("", "no context is named"),
    ],
)
def test_a_context_that_is_not_whole_says_what_is_missing(tmp_path: Path, context: str, said: str) -> None:
    path = write(tmp_path / "config", None, prod=("https://x.invalid", {"token": "1"}))
    data = json.loads(path.read_text())
    data["contexts"].append({"name": "broken", "context": {"cluster": "gone", "user": "prod"}})
    data["contexts"].append({"name": "orphan", "context": {"cluster": "prod", "user": "gone"}})
    path.write_text(json.dumps(data))
    with pytest.raises(TargetError, match="config") as error:
        kubeconfig.load([path], context)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "- a\n", "a: [", "users: {a: b}\n", "users: [1]\n", "contexts: [{context: {}}]\n", "\x00", "kind: Pod\n",
        "clusters: [{name: c, cluster: [1]}]\n", "clusters: [{name: c, cluster: {certificate-authority: 5}}]\n",
        "contexts: [{name: x, context: here}]\n", "users: [{name: u, user: {exec: login}}]\n",
        "users: [{name: u, user: {token: 5}}]\n", "current-context: 5\n",
        "users: [{name: u, user: {exec: {command: x, env: [{name: A}]}}}]\n",
        "clusters: [{name: c, cluster: {server: a}}, {name: c, cluster: {server: b}}]\n",
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_an_error_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(TargetError, match="config"):
        kubeconfig.load([tmp_path / "config"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo no session >&2; exit 3", "failed with 3: no session"),
        ("echo rubbish", "printed no credentials"),
        ("echo '{}'", "printed no credentials"),
        ("echo '{\"status\": {}}'", "printed no credentials"),
        ("printf '\\377\\376'", "printed no credentials"),
        ("printf '\\377\\033[2J' >&2; exit 3", "failed with 3: \ufffd [2J"),
        ("echo '[1]'", "printed no credentials"),
        ('echo \'{"status": {"token": "t"}}\'', "an ExecCredential of client.authentication.k8s.io/v1 was asked for"),
        (
            ANSWER % "client.authentication.k8s.io/v1beta1",
            "an ExecCredential of client.authentication.k8s.io/v1 was asked for",
        ),
        (
            ANSWER.replace('"token"', '"clientKeyData"') % "client.authentication.k8s.io/v1",
            "a certificate with its key",
        ),
        ("sleep 5", "did not answer within 0.3 s"),
    ],
)
def test_a_credential_plugin_that_fails_is_fatal(tmp_path: Path, body: str, said: str) -> None:
    login = script(tmp_path / "login", body)
    access = kubeconfig.load([write(tmp_path / "config", "dev", dev=("https://x.invalid", plugin(str(login))))])
    with pytest.raises(TargetError) as error:
        kubeconfig.with_credentials(access, seconds=0.3)
    assert said in str(error.value)


def test_a_plugin_that_is_not_there_gives_its_install_hint(tmp_path: Path) -> None:
    user = plugin("no-such-plugin", installHint="run setup-login")
    access = kubeconfig.load([write(tmp_path / "config", "dev", dev=("https://x.invalid", user))])
    with pytest.raises(TargetError, match="run setup-login"):
        kubeconfig.with_credentials(access)


def on_server(plane: ControlPlane, path: Path, user: dict[str, Any]) -> kubeconfig.Access:
    """An access to the real server with another way to log in."""
    data = json.loads(plane.kubeconfig().read_text())
    data["users"][0]["user"] = user
    path.write_text(json.dumps(data))
    return kubeconfig.load([path])


def test_a_failed_plugin_sends_nothing_to_the_server(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    access = on_server(control_plane, tmp_path / "config", plugin(str(script(tmp_path / "login", "exit 1"))))
    cluster = kubernetes.connect(access, namespace)
    with control_plane.recorded("system:anonymous") as seen, pytest.raises(TargetError, match="credential plugin"):
        cluster.read([artifact(CONFIG)])
    assert seen == []


@pytest.mark.parametrize("user", [{"auth-provider": {"name": "gone"}}, {"username": "admin"}])
def test_credentials_that_come_to_nothing_are_fatal(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, user: dict[str, Any]
) -> None:
    cluster = kubernetes.connect(on_server(control_plane, tmp_path / "config", user), namespace)
    with (
        control_plane.recorded("system:anonymous") as seen,
        pytest.raises(TargetError, match="could not be used; log in with kubectl"),
    ):
        cluster.read([artifact(CONFIG)])
    assert seen == []


def test_a_plugin_s_token_and_a_token_file_log_in(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    answer = json.dumps(
        {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "admin-token"}}
    )
    login = script(tmp_path / "login", f"test \"$WHO\" = me && echo '{answer}'")
    (tmp_path / "token").write_text("admin-token\n")
    users = [
        plugin(str(login), env=[{"name": "WHO", "value": "me"}]),
        {"tokenFile": "token"},
    ]  # fmt: skip
    for user in users:
        access = on_server(control_plane, tmp_path / "config", user)
        live = kubernetes.connect(access, namespace).read([artifact(CONFIG)])
        assert (dict(live.found), dict(live.blocked)) == ({}, {})


def test_an_expired_token_is_fetched_once_more(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    answer = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}'
    body = f"echo x >> {tmp_path}/runs\nif [ -e {tmp_path}/second ]; then printf '{answer % 'admin-token'}'; else touch {tmp_path}/second; printf '{answer % 'expired'}'; fi"
    access = on_server(control_plane, tmp_path / "config", plugin(str(script(tmp_path / "login", body))))
    live = kubernetes.connect(access, namespace).read([artifact(CONFIG)])
    assert not live.blocked
    assert (tmp_path / "runs").read_text() == "x\nx\n"


def test_a_token_nobody_knows_is_fatal_and_not_shown(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    access = on_server(control_plane, tmp_path / "config", {"token": "s3cret-and-wrong"})
    with pytest.raises(TargetError, match="does not accept the credentials") as error:
        kubernetes.connect(access, namespace).read([artifact(CONFIG)])
    assert "s3cret" not in str(error.value) + repr(access) + repr(kubernetes.connect(access, namespace))


def test_a_server_s_certificate_is_checked(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    data = json.loads(control_plane.kubeconfig().read_text())
    del data["clusters"][0]["cluster"]["certificate-authority"]
    (tmp_path / "config").write_text(json.dumps(data))
    with pytest.raises(TargetError, match="certificate"):
        kubernetes.connect(kubeconfig.load([tmp_path / "config"]), namespace).read([artifact(CONFIG)])


def test_a_server_that_is_not_there_is_an_error_soon(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "dev", dev=("https://127.0.0.1:9", {"token": "x"}))
    with pytest.raises(TargetError, match=r"https://127\.0\.0\.1:9 gave no answer: .*refused"):
        kubernetes.connect(kubeconfig.load([path]), "default").read([artifact(CONFIG)])


def test_a_token_that_is_none_is_not_sent_and_not_shown(control_plane: ControlPlane, tmp_path: Path) -> None:
    access = on_server(control_plane, tmp_path / "config", {"token": "half-a-secret\nX: y"})
    with pytest.raises(TargetError, match="no token has") as error:
        kubernetes.connect(access, "default").read([artifact(CONFIG)])
    assert "half-a-secret" not in str(error.value)


def test_a_context_without_credentials_asks_nobody(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    cluster = kubernetes.connect(on_server(control_plane, tmp_path / "config", {}), namespace)
    with (
        control_plane.recorded("system:anonymous") as seen,
        pytest.raises(TargetError, match="has no credentials, and nobody is asked as nobody"),
    ):
        cluster.read([artifact(CONFIG)])
    assert seen == []
