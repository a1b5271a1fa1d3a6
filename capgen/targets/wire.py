"""Requests to an API server: bodies it reads back as they were meant, time limits, and retries that are safe.

The client's own calls cannot be used for server-side apply: they escape a body so that the server refuses every
emoji, retry no PATCH, have no time limit, and ignore `fieldValidation` in places. Everything sent here may be sent
twice (reads, and applies, which are idempotent), so whatever may pass is tried again until the deadline.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from capgen.errors import TargetError
from capgen.targets.at_once import at_once
from capgen.targets.pace import MOST, Pace
from capgen.targets.undisturbed import undisturbed

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 40.0  # a webhook may take 30 s before the server answers
_TRIES = 6
_PASSING = frozenset((429, 500, 502, 503, 504))
_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SHOWN = 1000
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Login(Struct, frozen=True):
    """How to talk to a server: a urllib3 pool, the base URL, and the headers that say who is asking (a name may stand there
    more than once)."""

    pool: Any
    host: str
    headers: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Login(host={self.host!r})"


class Answer(Struct, frozen=True):
    """A server's answer. `document` is its JSON object, empty when the body is none (a proxy's page, plain text)."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body."""
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    @property
    def message(self) -> str:
        """What the server says about a failure, cut to a line that can be shown."""
        said = self.document.get("message") or self.body.decode("utf-8", "replace")
        words = " ".join("".join(c if c.isprintable() else " " for c in str(said)).split())
        return words[:_SHOWN] or f"HTTP {self.status}"

    @property
    def causes(self) -> tuple[Mapping[str, str], ...]:
        """`details.causes` of a Status."""
        return tuple((self.document.get("details") or {}).get("causes") or ())


def encode(document: Mapping[str, Any]) -> bytes:
    """A body as JSON that is YAML as well: the server parses an apply as YAML and refuses escaped emoji, and bare
    control characters.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return _UNREADABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode("utf-8", "replace")


class Wire:
    """A connection that logs in once, and once more when the server does not know it any longer.

    `login` is asked for a Login and told for how many seconds it may think; `seconds` is the time for all that is asked, less what passes between two verbs (a
    person may be thinking). `clock` and `sleep` are in seconds.
    """

    def __init__(
        self,
        login: Callable[[float], Login],
        seconds: float = 300,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._ended, self._closing = threading.Event(), False
        self._log_in, self._clock, self._sleep = login, clock, sleep or self.rest
        self.seconds, self._used = seconds, 0.0
        self._pace = Pace(clock)
        self._login: Login | None = None
        self._logins = 0
        self._lock = threading.Lock()
        self._answered = False
        self._end = float("inf")

    def verb(self, work: Callable[[], _Out], more: float = 0) -> _Out:
        """What the work gives that a user asked for: all of it shares the time. `more` seconds are for this one alone.

        Who is told to end meanwhile begins nothing more, and KeyboardInterrupt is raised when what has begun has ended.
        """
        self._ended, self._closing = threading.Event(), False
        return undisturbed(partial(self._in_time, work, more), self.hurry)

    def _in_time(self, work: Callable[[], _Out], more: float) -> _Out:
        begun = self._clock()
        self._end = begun + max(0.0, self.seconds - self._used) + more
        try:
            return work()
        finally:
            self._used += max(0.0, self._clock() - begun - more)
            self._end = float("inf")

    def allow(self, seconds: float) -> None:
        """Lets what has to be put in order at the end have so many seconds, whatever was used before or was told."""
        self._end = max(self._end, self._clock() + seconds)
        self._closing = True
        self._ended = threading.Event()

    def hurry(self) -> None:
        """Lets nobody ask for anything more, or wait for another try, until the next verb or `allow`."""
        ended = self._ended
        if not self._closing:
            ended.set()

    def rest(self, seconds: float) -> None:
        """Waits so long, and not when there is nothing more to be asked for."""
        self._ended.wait(seconds)

    @property
    def is_over(self) -> bool:
        """Whether the time is up, or somebody said to end."""
        return self._ended.is_set() or self._clock() >= self._end

    def at_once(self, work: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
        """The results in the order of the items, which are worked on as many at a time as the server bears.

        What one of them raises ends the others: they ask for nothing more.
        """
        return at_once(work, items, workers=MOST, failed=self.hurry)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        content_type: str = "",
        *,
        pinned: bool = False,
        at_once: bool = False,
    ) -> Answer:
        """The server's answer, whatever its status. Raises TargetError when there is none before the deadline.

        `pinned`: the body names the version it is for, so that a conflict does not pass by itself. `at_once`: it does
        not wait for its turn behind requests that may take long (the renewal of a lease).
        """
        login, times = self._current(0)
        waits = _waits()
        while True:
            try:
                with contextlib.nullcontext(_nobody) if at_once else self._pace.turn() as told:
                    if self._ended.is_set():
                        raise TargetError("interrupted before it was asked for")
                    answer = self._send(login, method, path, query, body, content_type)
                    told(answer.status)
            except _NoAnswer as error:
                wait = next(waits, None)
                if wait is None or error.final or self._clock() + wait >= self._end:
                    raise TargetError(f"the API server {login.host} gave no answer: {error}") from error
            else:
                if answer.status == 401 and times < 2:
                    login, times = self._current(times)
                    continue
                wait = next(waits, None) if _may_pass(answer, pinned) else None
                wait = max(wait, _spread(_asked_to_wait(answer))) if wait is not None else None
                if wait is None or self._clock() + wait >= self._end:
                    return answer
            self._sleep(wait)

    def _current(self, known: int) -> tuple[Login, int]:
        """The login, renewed when the caller's one (`known`) was refused and nobody else has done it meanwhile."""
        with self._lock:
            if self._login is None or (known and known == self._logins):
                self._login = self._log_in(max(0.1, self._end - self._clock()))
                self._logins += 1
            return self._login, self._logins

    def _send(
        self, login: Login, method: str, path: str, query: Mapping[str, str], body: bytes | None, content_type: str
    ) -> Answer:
        import urllib3

        url = f"{login.host}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        more = (("Accept", "application/json"), *([("Content-Type", content_type)] if body else ()))
        headers = urllib3.HTTPHeaderDict((*login.headers, *more))
        left = max(self._end - self._clock(), 0.1)
        limit = urllib3.Timeout(connect=min(_CONNECT_SECONDS, left), read=min(_READ_SECONDS, left))
        try:
            answer = login.pool.request(
                method, url, body=body, headers=headers, timeout=limit, retries=False, redirect=False
            )
        except (urllib3.exceptions.SSLError, urllib3.exceptions.LocationValueError, ValueError) as error:
            raise _NoAnswer(str(error), final=True) from error
        except urllib3.exceptions.HTTPError as error:
            # A server that was never there is a wrong address or a closed door; one that was there comes back.
            raise _NoAnswer(_brief(error), final=not self._answered) from error
        self._answered = True
        return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.data)


def _nobody(_: int) -> None:
    """Whom the status of an answer is told that teaches nothing."""


class _NoAnswer(Exception):
    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


def _brief(error: Exception) -> str:
    """urllib3's errors quote objects by address, and nest."""
    inner = error.__cause__ or error
    words = re.sub(r"<[^>]*> ?|HTTPS?Connection\([^)]*\):? ?", "", str(inner)).strip(" :")
    return words or type(error).__name__


def _waits() -> Iterator[float]:
    """Seconds before each further try, doubling."""
    for number in range(_TRIES - 1):
        yield _spread(0.25 * 2**number, share=0.5)


def _spread(seconds: float, share: float = 0.1) -> float:
    """So long or up to a share more: not the same for everybody who was turned away at once."""
    return seconds * (1 + share * secrets.randbelow(10**9) / 10**9)


def _may_pass(answer: Answer, pinned: bool) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    if answer.status == 409:
        # A quota or a stored version that moved under the server; owners, identities and preconditions do not pass.
        if pinned:
            return False
        if answer.document.get("reason") == "AlreadyExists":
            return True  # two made it at once; applying it again meets the one that is there
        return "cannot be fulfilled" in answer.message and not answer.causes and "uid mismatch" not in answer.message
    if answer.status == 500:
        # Says the document does not fit the schema, and says so for ever.
        return "typed patch" not in answer.message
    return answer.status in _PASSING


def _asked_to_wait(answer: Answer) -> float:
    """Seconds, from Retry-After (a number or a date) or the Status; 0 when the server does not say."""
    said = answer.headers.get("retry-after", "")
    if said.isdigit():
        return float(said)
    if said:
        try:
            return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return 0.0
    details = answer.document.get("details") or {}
    return float(details.get("retryAfterSeconds") or 0)
