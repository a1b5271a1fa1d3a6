"""History from any API that speaks Prometheus' query_range: Prometheus, Thanos, Mimir, VictoriaMetrics.

A range is asked for in pieces that every server takes, aligned to the step so that a rerun asks the same. What may
pass is tried again; a piece with too many samples is halved. A step without a sample is a gap, and what the server
calls partial is told and not remembered. Redirects are not followed: a token belongs to the server it was given for.
"""

from __future__ import annotations

import gzip
import http.client
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct, field

from capgen import direct
from capgen.errors import TargetError
from capgen.history.cache import Cache
from capgen.history.series import Notice, Series, instant

PIECE = 10_000
"""Steps a request; servers refuse more than 11,000."""
_TRIES, _SECONDS = 5, 60.0
_PASSING = frozenset((408, 429, 500, 502, 503, 504))
_TOO_LARGE = 1 << 28
_TOO_MANY = re.compile(
    r"too many (samples|points)|maximum resolution|(exceed\w*|violated?)\b.*\b(limit|maximum)|limit \S+ violated"
    r"|-search\.max|err-mimir-max|larger than max|timed out|deadline exceeded",
    re.IGNORECASE,
)
"""What Prometheus, Thanos, Mimir and VictoriaMetrics say of a range that is too long for them."""


class Server(Struct, frozen=True):
    """Where to ask, and the headers that say who is asking."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    @property
    def asked(self) -> str:
        """What its answers are remembered under: the address, and whatever else says of whom is asked (a tenant)."""
        plain = {name: value for name, value in self.headers.items() if name != "Authorization"}
        return f"{self.url} {json.dumps(plain, sort_keys=True)}" if plain else self.url

    def __repr__(self) -> str:
        return f"Server({self.url!r})"


class TooMuch(Exception):
    """The server would answer a shorter range."""


class Refused(TargetError):
    """The server understands the query and cannot evaluate it at some step, like a rule that fails there."""


def query_range(
    server: Server, query: str, begin: float, end: float, step: float, *, name: str = "", cache: Cache | None = None
) -> Series:
    """The highest value of the query's result at each step from `begin` to `end`. Raises TargetError."""
    first, last = math.floor(begin / step) * step, math.floor(end / step) * step
    known = cache.read(server.asked, query, step) if cache is not None else {}
    values = {at: value for at, value in known.items() if first <= at <= last}
    notices: list[Notice] = []
    for piece_begin, piece_end in _missing(cache.spans(server.asked, query, step) if cache else (), first, last, step):
        found, partial = _piece(server, query, piece_begin, piece_end, step)
        values.update(found)
        if partial:
            said = "; ".join(partial)[:300]
            message = f"{instant(piece_begin)} to {instant(piece_end)}: the server calls its answer partial: {said}"
            notices.append(Notice("CG918", message, piece_begin, piece_end))
        elif cache is not None:
            cache.add(server.asked, query, step, (piece_begin, piece_end), found)
    times = np.asarray(sorted(values), dtype=np.float64)
    return Series(name or query, times, np.asarray([values[at] for at in times], dtype=np.float64), tuple(notices))


def _missing(
    spans: tuple[tuple[float, float], ...], first: float, last: float, step: float
) -> Iterator[tuple[float, float]]:
    """What no span covers, in pieces that a server takes."""
    at = first
    for begin, end in (*sorted(spans), (last + step, last + step)):
        stop = min(begin - step, last)
        while at <= stop:
            piece_end = min(at + (PIECE - 1) * step, stop)
            yield at, piece_end
            at = piece_end + step
        at = max(at, end + step)


def _piece(server: Server, query: str, begin: float, end: float, step: float) -> tuple[dict[float, float], list[str]]:
    try:
        return _asked(server, query, begin, end, step)
    except TooMuch as much:
        half = math.floor((begin + end) / 2 / step) * step
        if half <= begin:
            raise TargetError(f"{server.url} cannot answer even two steps of {query}: {much}") from much
        left, said = _piece(server, query, begin, half, step)
        right, more = _piece(server, query, half + step, end, step)
        return {**left, **right}, said + more


def _asked(server: Server, query: str, begin: float, end: float, step: float) -> tuple[dict[float, float], list[str]]:
    form = {"query": query, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
    document = post(server, "/api/v1/query_range", form)
    data = document.get("data")
    if document.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise TargetError(f"{server.url} does not answer like Prometheus: {str(document)[:300]}")
    found: dict[float, float] = {}
    try:
        for series in data["result"] or ():
            for at, text in series.get("values", ()):
                # A server may answer in milliseconds that are off by a float's last digit.
                moment, value = round(float(at) / step) * step, float(text)
                if math.isfinite(value):
                    found[moment] = max(value, found.get(moment, -math.inf))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise TargetError(f"{server.url} does not answer like Prometheus: {error}") from error
    return found, lacking(document)


def lacking(document: Mapping[str, Any]) -> list[str]:
    """What an answer says it lacks: Thanos' and Mimir's warnings, VictoriaMetrics' flag. What Prometheus has to remark
    on the expression itself is no lack, whichever list it puts it in."""
    said = [str(warning) for warning in document.get("warnings") or ()]
    partial = ["isPartial, so some of its storage did not answer"] if document.get("isPartial") is True else []
    return partial + [one for one in said if not one.startswith(("PromQL info:", "PromQL warning:"))]


def post(server: Server, path: str, form: Mapping[str, str]) -> dict[str, Any]:
    """One request, tried again while it may pass. Raises TargetError, or TooMuch for what a shorter range would mend."""
    headers = {"Accept-Encoding": "gzip", "Accept": "application/json", **server.headers}
    problem = ""
    for attempt in range(_TRIES):
        if attempt:
            server.sleep(min(0.5 * 2**attempt, 10.0))
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked where the environment is read
            server.url.rstrip("/") + path, urllib.parse.urlencode(form).encode(), headers
        )
        try:
            with direct.opener().open(request, timeout=_SECONDS) as answer:
                return _read(server, answer.headers.get("Content-Encoding", ""), answer.read(_TOO_LARGE + 1))
        except urllib.error.HTTPError as error:
            body = _body(error)
            problem = f"HTTP {error.code}: {body}"
            if error.code in (401, 403):
                raise TargetError(f"{server.url} does not let capgen ask ({problem}): see prometheus.auth") from error
            if error.code in (400, 413, 422, 500, 503, 504) and _TOO_MANY.search(body):
                raise TooMuch(body) from error
            if error.code not in _PASSING:
                kind = Refused if error.code == 422 else TargetError
                raise kind(f"{server.url} refuses the query ({problem}): {form['query']}") from error
        except (OSError, http.client.HTTPException, EOFError) as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
    raise TargetError(f"{server.url} did not answer after {_TRIES} tries: {problem}")


def _read(server: Server, encoding: str, raw: bytes) -> dict[str, Any]:
    if len(raw) > _TOO_LARGE:
        raise TooMuch("the answer is larger than 256 MiB")
    try:
        document = json.loads(gzip.decompress(raw) if encoding == "gzip" else raw)
    except (ValueError, RecursionError) as error:
        raise TargetError(f"{server.url} does not answer in JSON: {raw[:200]!r}") from error
    return document if isinstance(document, dict) else {}


def _body(error: urllib.error.HTTPError) -> str:
    raw = error.read(4096)
    try:
        text = gzip.decompress(raw).decode(errors="replace") if error.headers.get("Content-Encoding") == "gzip" else raw.decode(errors="replace")  # fmt: skip
    except (OSError, EOFError):
        text = ""
    return " ".join(text.split())[:500]
