"""Data of a preview from a real Prometheus, or anything that speaks its HTTP API. Reads only."""

from __future__ import annotations

import http.client
import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from capgen import direct
from capgen.errors import TargetError, UsageError
from capgen.preview.data import Query, QueryFailed, Series, StandingAlert
from capgen.preview.variables import Variable, Window, interpolate, label_values

_SECONDS = 30.0
_MOST_BYTES = 64 * 1024 * 1024
_MESSAGE = 300


class Prometheus(Struct, frozen=True):
    """A server by its URL, at the moment `now`."""

    url: str
    now: float
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The address, without a password that may be in it."""
        parts = urllib.parse.urlsplit(self.url)
        return f"live data of {parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def choices(self, declared: dict[str, Any], variables: Sequence[Variable]) -> tuple[str, ...]:
        """The values of a label, among the series that the variable's query selects."""
        asked = label_values(declared.get("query"))
        if asked is None:
            raise QueryFailed(f"the variable {declared.get('name')!r} asks in a way that a preview does not know")
        selector, label = asked
        match = {"match[]": interpolate(selector, variables, {})} if selector else {}
        found = self._get(f"/api/v1/label/{urllib.parse.quote(label)}/values", match)
        return tuple(sorted(str(value) for value in found if value))

    def ask(self, query: Query, panel: dict[str, Any], window: Window) -> tuple[Series, ...]:
        """The series of a query."""
        if query.instant:
            data = self._get("/api/v1/query", {"query": query.expr, "time": f"{window.end:.3f}"})
        else:
            # Grafana aligns steps with the clock, so that a curve does not change its shape with each reload.
            start = window.start - window.start % query.step
            end = window.end - window.end % query.step
            span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{query.step:g}"}
            data = self._get("/api/v1/query_range", {"query": query.expr, **span})
        return tuple(_series(data))

    def marks(self, query: Query, window: Window) -> tuple[Series, ...]:
        """The series of an annotation's query, up to this moment: what has just begun is what people look for."""
        start = window.end - window.length // query.step * query.step
        span = {"start": f"{start:.3f}", "end": f"{window.end:.3f}", "step": f"{query.step:g}"}
        return tuple(_series(self._get("/api/v1/query_range", {"query": query.expr, **span})))

    def alerts(self) -> tuple[StandingAlert, ...]:
        """What Prometheus itself says of its alerting rules, the worst first."""
        found = self._get("/api/v1/alerts", {})["alerts"]
        return tuple(sorted((_alert(one) for one in found), key=lambda alert: (alert.state, alert.name)))

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise UsageError(f"{self.url!r} is no http(s) URL: give --prometheus one like http://localhost:9090")
        # A POST is what Prometheus advises for long queries; only label values have to be asked with GET.
        body = None if "/label/" in path or not query else urllib.parse.urlencode(query).encode()
        address = f"{self.url.rstrip('/')}{path}"
        if body is None and query:
            address += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(address, body, dict(self.headers))  # noqa: S310 - the scheme is checked above
        try:
            with direct.opener().open(request, timeout=_SECONDS) as reply:
                return json.loads(reply.read(_MOST_BYTES))["data"]
        except urllib.error.HTTPError as error:
            raise QueryFailed(_said(error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise TargetError(f"{self.title.removeprefix('live data of ')} cannot be asked: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise TargetError(f"{self.title.removeprefix('live data of ')} does not answer as a Prometheus") from error


def _said(error: urllib.error.HTTPError) -> str:
    text = error.read(_MOST_BYTES).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])[:_MESSAGE]
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _series(data: Mapping[str, Any]) -> list[Series]:
    match data["resultType"]:
        case "matrix":
            return [_one(one["metric"], one["values"]) for one in data["result"]]
        case "vector":
            return [_one(one["metric"], [one["value"]]) for one in data["result"]]
        case "scalar":
            return [_one({}, [data["result"]])]
        case other:
            raise QueryFailed(f"the query gives a {other}, which no panel draws")


def _one(labels: Mapping[str, str], samples: Sequence[Sequence[Any]]) -> Series:
    values = tuple(float(text) for _, text in samples)
    finite = tuple(value if math.isfinite(value) else None for value in values)
    return Series(dict(labels), tuple(float(time) for time, _ in samples), finite)


def _alert(one: Mapping[str, Any]) -> StandingAlert:
    labels = {str(name): str(value) for name, value in one["labels"].items()}
    since = datetime.fromisoformat(one["activeAt"].replace("Z", "+00:00")).timestamp()
    name = labels.pop("alertname", "")
    state: Literal["firing", "pending"] = "firing" if one["state"] == "firing" else "pending"
    return StandingAlert(name, state, labels, str(one.get("annotations", {}).get("summary", "")), since)
