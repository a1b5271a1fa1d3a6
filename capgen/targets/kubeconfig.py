"""Which API server, and as whom: kubeconfig files read as kubectl reads them, and nothing left to chance.

The Python client differs where it matters: of several files the last current-context wins there (kubectl: the
first), a token file keeps its line break, and a credential plugin that fails is logged, after which requests go
out as nobody. So files are merged here, plugins are run here with a time limit, and whoever has no credentials
after all that gets an error and no request.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from capgen import yamlio
from capgen.diagnostics import suggest
from capgen.errors import TargetError

_SECTIONS = ("clusters", "contexts", "users")
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_CREDENTIALS = (
    "token",
    "tokenFile",
    "exec",
    "auth-provider",
    "client-certificate",
    "client-certificate-data",
    "username",
)


class Access(Struct, frozen=True):
    """One context of the merged files, with absolute paths; what of it is secret is never shown."""

    context: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str = ""

    def __repr__(self) -> str:
        return f"Access(context={self.context!r})"

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self.cluster.get("server", ""))

    @property
    def has_credentials(self) -> bool:
        """Whether the user of the context is anybody at all."""
        return any(self.user.get(key) for key in _CREDENTIALS)


def default_paths(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where kubectl looks: the files of KUBECONFIG, else the one in the home folder."""
    if listed := environment.get("KUBECONFIG"):
        return tuple(Path(part) for part in listed.split(os.pathsep) if part)
    return (Path.home() / ".kube" / "config",)


def load(paths: Sequence[Path], context: str = "") -> Access:
    """The named context, or the current one, of the files merged: of what several files define the first counts.

    Raises TargetError, which names the files, when it is not there or not whole.
    """
    where = " and ".join(map(str, paths)) or "no file"
    merged: dict[str, dict[str, dict[str, Any]]] = {section: {} for section in _SECTIONS}
    current = ""
    for path in paths:
        data = _read(path)
        current = current or str(data.get("current-context") or "")
        for section in _SECTIONS:
            for entry in data.get(section) or ():
                body = entry.get(section[:-1]) or {}
                merged[section].setdefault(entry["name"], _absolute(body, path.parent))
    wanted = context or current
    if not wanted:
        raise TargetError(
            f"no context is named and {where} has no current-context: set kubernetes.context in the environment"
        )
    found = merged["contexts"].get(wanted)
    if found is None:
        raise TargetError(f"{where} has no context {wanted!r}; {suggest(wanted, merged['contexts'], what='contexts')}")
    cluster = merged["clusters"].get(found.get("cluster", ""))
    if cluster is None or not cluster.get("server"):
        raise TargetError(
            f"the context {wanted!r} names the cluster {found.get('cluster')!r}, whose server {where} does not say"
        )
    name = found.get("user", "")
    if name and name not in merged["users"]:
        raise TargetError(f"the context {wanted!r} names the user {name!r}, who is not in {where}")
    return Access(wanted, cluster, merged["users"].get(name, {}), found.get("namespace", ""))


def with_credentials(access: Access, *, seconds: float = 60) -> Access:
    """The access with what its token file and credential plugin say now. Raises TargetError when they fail."""
    user = dict(access.user)
    if not user.get("token") and (file := user.pop("tokenFile", None)):
        try:
            user["token"] = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise TargetError(f"the token file of the context {access.context!r} cannot be read: {error}") from error
    if not user.get("token") and (plugin := user.pop("exec", None)):
        user |= _run_plugin(plugin, access, seconds)
    return Access(access.context, access.cluster, user, access.namespace)


def _read(path: Path) -> Mapping[str, Any]:
    """A file's document; a file that is not there is empty, as for kubectl."""
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError) as error:
        raise TargetError(f"{path} cannot be read: {error}") from error
    node, mistakes = yamlio.read(yamlio.Source(str(path), text))
    if mistakes:
        raise TargetError(f"{mistakes[0].span}: {mistakes[0].message}")
    data: Any = node.data() if node else {}
    if not isinstance(data, dict) or not all(_is_list_of_named(data.get(section)) for section in _SECTIONS):
        raise TargetError(
            f"{path} is no kubeconfig: it needs clusters, contexts and users, each a list of named entries"
        )
    return data


def _is_list_of_named(entries: Any) -> bool:
    return not entries or (
        isinstance(entries, list)
        and all(isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in entries)
    )


def _absolute(body: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Paths in a kubeconfig are relative to the file they stand in; so is a plugin with a `/` in it."""
    whole = {key: str(folder.absolute() / value) if key in _FILES and value else value for key, value in body.items()}
    plugin = whole.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        whole["exec"] = {**plugin, "command": str(folder.absolute() / plugin["command"])}
    return whole


def _run_plugin(plugin: Mapping[str, Any], access: Access, seconds: float) -> dict[str, str]:
    """Runs a credential plugin (client.authentication.k8s.io) and gives the user's fields it stands for."""
    name = str(plugin.get("command", ""))
    failed = f"the credential plugin {name!r} of the context {access.context!r}"
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {
            key: access.cluster[key] for key in ("server", "certificate-authority-data") if key in access.cluster
        }
    request = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    more = {str(entry["name"]): str(entry["value"]) for entry in plugin.get("env") or ()}
    try:
        run = subprocess.run(  # noqa: S603 - the user's own kubeconfig names the program, as for kubectl
            [name, *map(str, plugin.get("args") or ())],
            env={**os.environ, **more, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{failed} did not answer within {seconds:.2g} s") from error
    except OSError as error:
        hint = plugin.get("installHint") or "install it, or log in another way"
        raise TargetError(f"{failed} cannot be run: {error.strerror}; {hint}") from error
    if run.returncode:
        raise TargetError(f"{failed} failed with {run.returncode}: {run.stderr.strip()[-500:] or 'it said nothing'}")
    try:
        status = json.loads(run.stdout)["status"]
        if token := status.get("token"):
            return {"token": str(token)}
        return {
            "client-certificate-data": base64.b64encode(status["clientCertificateData"].encode()).decode(),
            "client-key-data": base64.b64encode(status["clientKeyData"].encode()).decode(),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TargetError(f"{failed} printed no credentials (an ExecCredential with a status)") from error
