"""One question to a server's HTTP API that answers in JSON, and what it means when the answer is something else.

In front of a Prometheus or a Grafana is often a login, and behind a wrong address often a page: whoever is paged has to be
told which of these it is.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from msgspec import Struct

from capgen import direct
from capgen.errors import TargetError

SECONDS = 15.0
_MOST = 1 << 26


class Said(Struct, frozen=True):
    """An answer: `document` is its JSON, None for anything else; `at` is the server's own time."""

    address: str
    status: int
    document: Any
    location: str
    at: datetime

    @property
    def message(self) -> str:
        """What the server says in its JSON about a failure, "" when nothing."""
        said = self.document.get("message") or self.document.get("error") if isinstance(self.document, Mapping) else ""
        return " ".join(str(said or "").split())[:300]

    def trouble(self, login: str) -> TargetError:
        """Why the answer is of no use; `login` is where the environment says who asks."""
        if self.location:
            where = self.location.partition("?")[0]
            why = f"answers {self.status} and leads to {where}: it asks for a login ({login}), or has another address"
        elif self.status in (401, 403):
            why = f"answers {self.status}: {self.message or 'not allowed'}: log in: {login}"
        elif self.status >= 300:
            page = "" if isinstance(self.document, Mapping) else " with no JSON: is the address right, up to the path?"
            why = f"answers {self.status}{page or ': ' + (self.message or 'without a word')}"
        elif self.document is None:
            why = f"answers with a page and not with JSON: a login stands before it ({login}), or it is another server"
        else:
            why = "answers with JSON that is of something else"
        return TargetError(f"{self.address} {why}")


def ask(address: str, headers: Mapping[str, str], seconds: float = SECONDS) -> Said:
    """The answer to a GET, whatever its status. Raises TargetError when there is none."""
    request = urllib.request.Request(address, headers={**headers, "Accept": "application/json"})  # noqa: S310 - the environment names it
    try:
        try:
            answer = direct.opener().open(request, timeout=seconds)
        except urllib.error.HTTPError as error:
            answer = error  # an answer as any other
        with answer:
            body, status, said = answer.read(_MOST), int(answer.status), answer.headers
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TargetError(f"{address} gives no answer: {getattr(error, 'reason', error)}") from error
    location = str(said.get("Location") or "") if 300 <= status < 400 else ""
    return Said(address, status, _document(body), location, _at(str(said.get("Date") or "")))


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _at(said: str) -> datetime:
    try:
        return parsedate_to_datetime(said).astimezone(UTC)
    except (ValueError, TypeError):
        return datetime.now(UTC)
