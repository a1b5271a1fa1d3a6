"""Credential plugins (client.authentication.k8s.io) run as kubectl runs them, with a time limit and no second way.

The Python client logs a plugin that fails and goes on as nobody. Here whatever is not a whole answer is an error:
another exit code than 0, text that is no ExecCredential of the version that was asked for, a certificate without its key.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capgen.errors import TargetError

_CLUSTER = (
    "server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url",
    "disable-compression",
)  # fmt: skip
_CONFIG = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is meant for its plugin."""
_SHOWN = 500


def run(plugin: Mapping[str, Any], cluster: Mapping[str, Any], context: str, seconds: float) -> dict[str, str]:
    """Runs a kubeconfig's `exec` and gives the user's fields that it stands for. Raises TargetError, also when it has not
    answered after so many seconds.

    One that may ask its user does so where there is a terminal, as kubectl lets it.
    """
    name, version = plugin.get("command", ""), plugin.get("apiVersion", "")
    failed = f"the credential plugin {name!r} of the context {context!r}"
    asks = plugin.get("interactiveMode") in ("IfAvailable", "Always") and sys.stdin is not None and sys.stdin.isatty()
    if plugin.get("interactiveMode") == "Always" and not asks:
        raise TargetError(f"{failed} always asks its user, and there is no terminal: log in another way")
    spec: dict[str, Any] = {"interactive": asks}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = _told(cluster)
    request = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    more = {entry["name"]: entry["value"] for entry in plugin.get("env") or ()}
    try:
        ran = subprocess.run(  # noqa: S603 - the user's own kubeconfig names the program, as for kubectl
            [name, *(plugin.get("args") or ())],
            env={**os.environ, **more, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=None if asks else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=None if asks else subprocess.PIPE, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{failed} did not answer within {seconds:.2g} s") from error
    except (OSError, ValueError) as error:
        hint = plugin.get("installHint") or "install it, or log in another way"
        why = getattr(error, "strerror", None) or str(error)
        raise TargetError(f"{failed} cannot be run: {why}; {_printable(hint)}") from error
    if ran.returncode:
        said = _printable((ran.stderr or b"").decode("utf-8", "replace").strip())[-_SHOWN:]
        raise TargetError(f"{failed} failed with {ran.returncode}: {said or 'it said nothing'}")
    try:
        return _credentials(json.loads(ran.stdout), version)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error) if isinstance(error, _NoCredentials) else "an ExecCredential with a status"
        raise TargetError(f"{failed} printed no credentials ({why})") from error


class _NoCredentials(ValueError):
    pass


def _credentials(answer: Any, version: str) -> dict[str, str]:
    """A token, a certificate with its key, or both, as a user of a kubeconfig has them."""
    status = answer["status"]
    if (answer.get("kind"), answer.get("apiVersion")) != ("ExecCredential", version):
        raise _NoCredentials(f"an ExecCredential of {version} was asked for")
    given = {key: status.get(key) or "" for key in ("token", "clientCertificateData", "clientKeyData")}
    if not any(given.values()) or bool(given["clientCertificateData"]) != bool(given["clientKeyData"]):
        raise _NoCredentials("a token, or a certificate with its key")
    found = {"token": given["token"]} if given["token"] else {}
    if given["clientKeyData"]:
        found["client-certificate-data"] = base64.b64encode(given["clientCertificateData"].encode()).decode()
        found["client-key-data"] = base64.b64encode(given["clientKeyData"].encode()).decode()
    return found


def _told(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What a plugin that asks for it hears of the cluster. Raises TargetError when its authority cannot be read."""
    told = {key: cluster[key] for key in _CLUSTER if key in cluster}
    if (file := cluster.get("certificate-authority")) and "certificate-authority-data" not in told:
        try:
            told["certificate-authority-data"] = base64.b64encode(Path(file).read_bytes()).decode()
        except OSError as error:
            raise TargetError(f"the certificate authority {file} cannot be read: {error.strerror}") from error
    extensions = {one["name"]: one["extension"] for one in cluster.get("extensions") or ()}
    return {**told, "config": extensions.get(_CONFIG)}


def _printable(text: str) -> str:
    """A program's words without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
