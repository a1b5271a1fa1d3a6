"""From a kubeconfig's context to an authenticated connection pool: the one thing the Kubernetes client is asked for."""

from __future__ import annotations

import base64
import ipaddress
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from capgen.errors import TargetError
from capgen.naming import MANAGER
from capgen.targets import kubeconfig
from capgen.targets.pace import MOST
from capgen.targets.wire import Login

_PLUGIN_SECONDS = 60.0
_TOKEN = re.compile("[\x21-\x7e]*")  # anything else would come back in an error message
_PLAIN = frozenset(("server", "certificate-authority", "certificate-authority-data", "extensions"))
_AS = ("as", "as-uid", "as-groups", "as-user-extra")


def log_in(access: kubeconfig.Access, seconds: float = _PLUGIN_SECONDS) -> Login:
    """A connection pool with the context's certificates and credentials. Raises TargetError, never asks as nobody.

    A credential plugin has so many seconds, and never more than a minute.
    """
    _check_authority(access)
    user = _with_id_token(kubeconfig.with_credentials(access, seconds=min(seconds, _PLUGIN_SECONDS)))
    if not _TOKEN.fullmatch(str(user.user.get("token") or "")):
        raise TargetError(f"the token of the context {access.context!r} has characters in it that no token has")
    if not user.has_credentials and not user.server.startswith("http://"):
        raise TargetError(
            f"the context {access.context!r} has no credentials, and nobody is asked as nobody: log in first"
        )
    headers = tuple(_as_whom(user))
    alone = {key: value for key, value in user.user.items() if key not in _AS}
    user = kubeconfig.Access(user.context, user.cluster, alone, user.namespace)
    login = _by_token(user) or _by_client(access, user)
    return Login(login.pool, login.host, (*login.headers, *headers))


def _check_authority(access: kubeconfig.Access) -> None:
    """Refuses what kubectl refuses: two authorities, or one that is not to be asked, where nobody knows which is meant."""
    said = [key for key in ("certificate-authority", "certificate-authority-data") if access.cluster.get(key)]
    if access.cluster.get("insecure-skip-tls-verify"):
        said += ["insecure-skip-tls-verify"] if said else []
    if len(said) > 1:
        raise TargetError(
            f"the cluster of the context {access.context!r} has both {said[0]} and {said[1]}: only one counts"
        )


def _as_whom(user: kubeconfig.Access) -> Iterator[tuple[str, str]]:
    """The headers of who asks in somebody else's name, with that one's rights. The Python client leaves them out, and
    would ask with the rights of the one who logged in.
    """
    said = user.user
    if not said.get("as"):
        if any(said.get(key) for key in _AS):
            raise TargetError(
                f"the user of the context {user.context!r} has as-groups, as-uid or as-user-extra and no `as`"
            )
        return
    yield "Impersonate-User", said["as"]
    if said.get("as-uid"):
        yield "Impersonate-Uid", said["as-uid"]
    for group in said.get("as-groups") or ():
        yield "Impersonate-Group", group
    for key, values in (said.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{urllib.parse.quote(key.lower(), safe='')}", value


def _with_id_token(user: kubeconfig.Access) -> kubeconfig.Access:
    """The OpenID Connect token that is in the kubeconfig. When it has expired kubectl gets a new one and writes it there;
    the Python client would ask for one without a look at the issuer's certificate.
    """
    provider = user.user.get("auth-provider") or {}
    rest = {key: value for key, value in user.user.items() if key != "auth-provider"}
    if not provider:
        return user
    token = (provider.get("config") or {}).get("id-token") if provider.get("name") == "oidc" else ""
    if not token:
        raise TargetError(
            f"the credentials of the context {user.context!r} could not be used; log in with kubectl first: its "
            f"auth-provider {provider.get('name')!r} gives no token"
        )
    return kubeconfig.Access(user.context, user.cluster, {**rest, "token": token}, user.namespace)


def _by_token(user: kubeconfig.Access) -> Login | None:
    """The plain case, a bearer token and an authority; None when there is more to it. The client takes half a second."""
    if not user.user.get("token") or user.user.keys() - {"token"} or user.cluster.keys() - _PLAIN:
        return None
    if urllib.request.getproxies() and not _is_here(user.server):
        return None
    import urllib3

    data = user.cluster.get("certificate-authority-data")
    try:
        authority = base64.b64decode(data).decode() if data else None
        pool = urllib3.PoolManager(
            maxsize=MOST,
            cert_reqs="CERT_REQUIRED",
            ca_certs=user.cluster.get("certificate-authority"),
            ca_cert_data=authority,
        )
    except ValueError as error:
        raise TargetError(f"the context {user.context!r} cannot be used: {error}") from error
    headers = (("User-Agent", MANAGER), ("Authorization", f"Bearer {user.user['token']}"))
    return Login(pool, user.server.rstrip("/"), headers)


def _by_client(access: kubeconfig.Access, user: kubeconfig.Access) -> Login:
    """Everything else that a kubeconfig may say."""
    import kubernetes
    import kubernetes.config
    import urllib3

    client: Any = kubernetes.client
    config: Any = kubernetes.config

    named = {"cluster": "it", "user": "me"} if user.user else {"cluster": "it"}
    document = {
        "current-context": access.context,
        "contexts": [{"name": access.context, "context": named}],
        "clusters": [{"name": "it", "cluster": dict(user.cluster)}],
        "users": [{"name": "me", "user": dict(user.user)}] if user.user else [],
    }
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = MOST
    try:
        config.load_kube_config_from_dict(document, access.context, configuration, persist_config=False)
        if "proxy-url" not in access.cluster and _is_here(access.server):
            configuration.proxy = None  # as kubectl: a proxy of the environment is for what is elsewhere
        elif "proxy-url" in access.cluster:
            configuration.no_proxy = None  # which is about the environment's
        if not configuration.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # whoever wrote the file knows
        settings = configuration.auth_settings().values()
        pool = client.ApiClient(configuration).rest_client.pool_manager
    except (config.ConfigException, OSError, ValueError) as error:
        raise TargetError(f"the context {access.context!r} cannot be used: {error}") from error
    headers = [(str(s["key"]), str(s["value"])) for s in settings if s["in"] == "header" and s["value"]]
    if access.has_credentials and not headers and not configuration.cert_file:
        raise TargetError(
            f"the credentials of the context {access.context!r} could not be used; log in with kubectl first"
        )
    return Login(pool, str(configuration.host), (("User-Agent", MANAGER), *headers))


def _is_here(server: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urllib.parse.urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
