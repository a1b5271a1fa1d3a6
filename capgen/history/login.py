"""Who is asking: the header for a server, from references to secrets. The secret is read when it is needed, and no more.

A secret in the cluster (`secret:`) is for what runs there; on the machine that plans, it is a variable or a file.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from capgen.errors import UsageError
from capgen.spec.documents import PrometheusEndpoint, ServerAuth
from capgen.spec.operations import SecretRef


def headers(
    auth: ServerAuth | None, environ: Mapping[str, str] = os.environ, *, whose: str = "prometheus"
) -> dict[str, str]:
    """The Authorization header; {} where nothing is asked for. Raises UsageError for a secret that is not there.

    `whose` is the part of the environment that the words stand in.
    """
    if auth is None:
        return {}
    if auth.bearer is not None:
        return {"Authorization": f"Bearer {_secret(auth.bearer, environ, whose)}"}
    if auth.basic is not None:
        pair = f"{auth.basic.username}:{_secret(auth.basic.password, environ, whose)}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {}


def asking(endpoint: PrometheusEndpoint | None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All headers of a question to the environment's Prometheus: what is declared, and who is asking."""
    return {} if endpoint is None else {**endpoint.headers, **headers(endpoint.auth, environ)}


def _secret(reference: SecretRef, environ: Mapping[str, str], whose: str) -> str:
    if reference.env is not None:
        value = environ.get(reference.env, "")
        where = f"the variable {reference.env}"
    elif reference.file is not None:
        path = Path(reference.file)
        value = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        where = reference.file
    else:
        raise UsageError(f"{whose}.auth: a Secret of the cluster cannot be read from here; use env or file")
    value = value.strip()
    if not value or not value.isprintable():
        raise UsageError(f"{whose}.auth: {where} holds no secret that a header can carry")
    return value
