"""Which API server, and as whom: kubeconfig files read as kubectl reads them, and nothing left to chance.

The Python client differs where it matters: of several files the last current-context wins there (kubectl: the
first), a token file keeps its line break, and a credential plugin that fails is logged, after which requests go
out as nobody. So files are merged here, plugins are run here (`plugins`), and whoever has no credentials after all
that gets an error and no request. What Go would read otherwise than it looks (a key twice, a second document) is an
error here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Struct

from capgen import yamlio
from capgen.diagnostics import suggest
from capgen.errors import TargetError
from capgen.targets import plugins

_SECTIONS = ("clusters", "contexts", "users")
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class _Variable(TypedDict):
    name: str
    value: str


class _Extension(TypedDict):
    name: str
    extension: Any


class _Exec(TypedDict, total=False):
    apiVersion: str
    command: str
    args: list[str] | None
    env: list[_Variable] | None
    installHint: str | None
    interactiveMode: str | None
    provideClusterInfo: bool | None  # fmt: skip


class _Provider(TypedDict, total=False):
    name: str
    config: dict[str, str] | None


_Cluster = TypedDict(
    "_Cluster",
    {
        "server": str | None, "tls-server-name": str | None, "insecure-skip-tls-verify": bool | None,
        "certificate-authority": str | None, "certificate-authority-data": str | None, "proxy-url": str | None,
        "disable-compression": bool | None, "extensions": list[_Extension] | None,
    },
    total=False,
)  # fmt: skip


class _Context(TypedDict, total=False):
    cluster: str | None
    user: str | None
    namespace: str | None


_User = TypedDict(
    "_User",
    {
        "client-certificate": str | None, "client-certificate-data": str | None, "client-key": str | None,
        "client-key-data": str | None, "token": str | None, "tokenFile": str | None, "username": str | None,
        "password": str | None, "as": str | None, "as-uid": str | None, "as-groups": list[str] | None,
        "as-user-extra": dict[str, list[str]] | None, "exec": _Exec | None, "auth-provider": _Provider | None,
    },
    total=False,
)  # fmt: skip
_BODIES: Mapping[str, Any] = {"clusters": _Cluster, "contexts": _Context, "users": _User}
_CERTIFICATES = ("client-certificate", "client-certificate-data")
_CREDENTIALS = ("token", "tokenFile", "exec", "auth-provider", "username", *_CERTIFICATES)


class _Named(TypedDict):
    name: str
    cluster: NotRequired[Any]
    context: NotRequired[Any]
    user: NotRequired[Any]


_File = TypedDict(
    "_File",
    {
        "kind": Literal["Config", ""] | None, "current-context": str | None, "clusters": list[_Named] | None,
        "contexts": list[_Named] | None, "users": list[_Named] | None,
    },
    total=False,
)  # fmt: skip


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
        found_here, there = _read(path)
        current = current or found_here
        for section, name, body in there:
            merged[section].setdefault(name, _absolute(body, path.parent))
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
    """The access with what its token file and credential plugin say now. Raises TargetError when they fail.

    As for kubectl, a token file goes before a token, and no plugin runs beside another way to log in.
    """
    user = dict(access.user)
    if file := user.pop("tokenFile", None):
        try:
            user["token"] = Path(file).read_text(encoding="utf-8").strip() or user.get("token")
        except (OSError, UnicodeError) as error:
            if not user.get("token"):
                raise TargetError(
                    f"the token file of the context {access.context!r} cannot be read: {error}"
                ) from error
    plugin = user.pop("exec", None)
    if plugin and not any(user.get(key) for key in ("token", "username", *_CERTIFICATES)):
        user |= plugins.run(plugin, access.cluster, access.context, seconds)
    return Access(access.context, access.cluster, user, access.namespace)


def _read(path: Path) -> tuple[str, tuple[tuple[str, str, dict[str, Any]], ...]]:
    """A file's current context and its entries: section, name, body. A file that is not there, or says nothing, is
    empty, as for kubectl.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "", ()
    except (OSError, UnicodeError) as error:
        raise TargetError(f"{path} cannot be read: {error}") from error
    if all(line.lstrip().startswith("#") or not line.strip() for line in text.splitlines()):
        return "", ()
    node, mistakes = yamlio.read(yamlio.Source(str(path), text), times=16, foreign=True)
    if mistakes or node is None:
        raise TargetError(f"{mistakes[0].span}: {mistakes[0].message}")
    if node.value is None:
        return "", ()
    try:
        whole = msgspec.convert(node.data(), _File)
    except msgspec.ValidationError as error:
        raise TargetError(
            f"{path} is no kubeconfig, which has clusters, contexts and users, each a list of named entries: {error}"
        ) from error
    return whole.get("current-context") or "", tuple(_entries(whole, node))


def _entries(whole: Mapping[str, Any], node: yamlio.Node) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What a file lists, each name once: of two that are alike nobody can say which is meant."""
    for section, form in _BODIES.items():
        seen: set[str] = set()
        for number, entry in enumerate(whole.get(section) or ()):
            name = entry["name"]
            where = (node.at((section, number)) or node).span
            if name in seen:
                raise TargetError(f"{where}: there are two {section} of the name {name!r} in this file")
            seen.add(name)
            try:
                body = msgspec.convert(entry.get(section[:-1]) or {}, form)
            except msgspec.ValidationError as error:
                raise TargetError(f"{where}: {section[:-1]} {name!r}: {error}") from error
            yield section, name, {key: value for key, value in body.items() if value}


def _absolute(body: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Paths in a kubeconfig are relative to the file they stand in; so is a plugin with a `/` in it. `..` leads back by
    the path's words and not by where links lead, as for kubectl.
    """

    def placed(path: str) -> str:
        return os.path.normpath(folder.absolute() / path)

    whole: dict[str, Any] = {key: placed(value) if key in _FILES else value for key, value in body.items()}
    plugin = whole.get("exec")
    if plugin and os.sep in plugin.get("command", ""):
        whole["exec"] = {**plugin, "command": placed(plugin["command"])}
    return whole
