"""Whether a Grafana has taken the dashboards: by their uids, from its HTTP API (`GET /api/dashboards/uid/:uid`)."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen import direct
from capgen.errors import TargetError

_SECONDS = 15


class Shown(Struct, frozen=True):
    """A dashboard as Grafana has it. `problem` says what is wrong, "" when it is there under its title."""

    uid: str
    title: str
    version: int
    problem: str


def dashboards(url: str, wanted: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> tuple[Shown, ...]:
    """Each wanted dashboard (uid, title). Raises TargetError when Grafana cannot be asked."""
    return tuple(_shown(url.rstrip("/"), uid, title, headers) for uid, title in wanted)


def _shown(url: str, uid: str, title: str, headers: Mapping[str, str]) -> Shown:
    address = f"{url}/api/dashboards/uid/{urllib.parse.quote(uid, safe='')}"
    request = urllib.request.Request(address, headers={**headers, "Accept": "application/json"})  # noqa: S310
    try:
        with direct.opener().open(request, timeout=_SECONDS) as answer:
            found: Any = json.load(answer)["dashboard"]
            there, version = str(found["title"]), int(found.get("version") or 0)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return Shown(uid, title, 0, "Grafana has no dashboard of this uid")
        why = "log in: grafana.auth" if error.code in (401, 403) else error.reason
        raise TargetError(f"{address} answers {error.code}: {why}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"{address} does not say what it has: {error}") from error
    return Shown(uid, title, version, "" if there == title else f"Grafana has {there!r} under this uid")
