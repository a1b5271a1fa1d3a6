"""Whether a Grafana has taken the dashboards: by their uids, from its HTTP API (`GET /api/dashboards/uid/:uid`).

Dashboards of the new form are not told there: Grafana answers 406 and names the path of its other API that has them.
"""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen.errors import TargetError
from capgen.targets.asked import SECONDS, Said, ask

_LOGIN = "grafana.auth"
_ALL_SECONDS = 60.0
_ELSEWHERE = re.compile(r"use (/apis/dashboard\.grafana\.app/[\w./-]+)")


class Shown(Struct, frozen=True):
    """A dashboard as Grafana has it. `problem` says what is wrong, "" when it is there under its title and in its folder.

    `folder` is "" where Grafana does not tell its title; `provisioned`: from a file, so that nobody changes it by hand.
    """

    uid: str
    title: str
    version: int
    problem: str
    folder: str = ""
    provisioned: bool = False


def dashboards(
    url: str, wanted: Sequence[tuple[str, str]], headers: Mapping[str, str], folder: str = ""
) -> tuple[Shown, ...]:
    """Each wanted dashboard (uid, title), which lies in `folder` where that is said. Raises TargetError when Grafana cannot
    be asked, or takes more than a minute for all."""
    end = time.monotonic() + _ALL_SECONDS
    return tuple(_shown(url.rstrip("/"), uid, title, headers, folder, end) for uid, title in wanted)


def _shown(url: str, uid: str, title: str, headers: Mapping[str, str], folder: str, end: float) -> Shown:
    if time.monotonic() > end:
        raise TargetError(f"{url} takes more than {_ALL_SECONDS:g} s for its dashboards")
    said = ask(f"{url}/api/dashboards/uid/{urllib.parse.quote(uid, safe='')}", headers, SECONDS)
    if said.status == 406 and (elsewhere := _ELSEWHERE.search(said.message)):
        said = ask(url + elsewhere[1], headers, SECONDS)
    if said.status == 404 and said.message:
        return Shown(uid, title, 0, "Grafana has no dashboard of this uid")
    if said.status == 403 and said.message:
        return Shown(uid, title, 0, f"Grafana does not show it to this login ({_LOGIN}): {said.message}")
    try:
        if said.status != 200:
            raise said.trouble(_LOGIN)
        found = _found(said, uid)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise said.trouble(_LOGIN) from error
    if found.title != title:
        return Shown(uid, title, found.version, f"Grafana has {found.title!r} under this uid")
    lies, meant = found.folder, folder.rstrip("/").rpartition("/")[2]
    problem = (
        f"it lies in the folder {lies!r}, and grafana.folder says {folder!r}"
        if meant and lies not in ("", meant)
        else ""
    )
    return Shown(uid, title, found.version, problem, lies, found.provisioned)


def _found(said: Said, uid: str) -> Shown:
    document: Any = said.document
    if "spec" in document:
        metadata = document["metadata"]
        kept = "grafana.app/managedBy" in (metadata.get("annotations") or {})
        return Shown(uid, str(document["spec"]["title"]), int(metadata.get("generation") or 0), "", "", kept)
    dashboard, meta = document["dashboard"], document.get("meta") or {}
    folder, kept = str(meta.get("folderTitle") or ""), bool(meta.get("provisioned"))
    return Shown(uid, str(dashboard["title"]), int(dashboard.get("version") or 0), "", folder, kept)
