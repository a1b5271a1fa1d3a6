"""Dashboard variables and Grafana's macros: what stands for `$instance` and `$__rate_interval` in a query."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

_REFERENCE = re.compile(r"\$(\w+)|\[\[(\w+)\]\]|\$\{(\w+)(?::(\w+))?\}")
_LABEL_VALUES = re.compile(r"label_values\(\s*(?:(?P<match>.+?)\s*,\s*)?(?P<label>[a-zA-Z_]\w*)\s*\)\s*", re.DOTALL)
_SCRAPE = 15.0
"""Grafana's idea of the scrape interval where the data source does not say."""
_RATE_SCRAPES = 4


class Variable(Struct, frozen=True):
    """A variable with what it stands for: some values, or one text for all of them (`.+`)."""

    name: str
    label: str
    values: tuple[str, ...]
    all_value: str = ""
    """What a query reads when all values are chosen; "" when the values are listed."""
    multi: bool = False
    hidden: bool = False
    everything: bool = False

    def only(self, value: str) -> Variable:
        """The variable with one value, for a panel that is repeated."""
        return replace(self, values=(value,), all_value="", everything=False)

    @property
    def shown(self) -> str:
        """As Grafana's drop-down shows it."""
        return "All" if self.everything else " + ".join(self.values)


class Window(Struct, frozen=True):
    """The time that a dashboard shows, seconds since 1970."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


def interpolate(text: str, variables: Sequence[Variable], macros: Mapping[str, str] | None = None) -> str:
    """The text with values for variables, and for macros in a query. What is unknown stays as it is."""
    known = {variable.name: variable for variable in variables}

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        if macros is not None and name in macros:
            return macros[name]
        if name not in known:
            return match[0]
        return _written(known[name], match[4] or ("" if macros is not None else "text"))

    return _REFERENCE.sub(value, text)


def _written(variable: Variable, form: str) -> str:
    if form == "text":
        return variable.shown
    if variable.all_value:
        return variable.all_value
    if form == "raw":
        return ",".join(variable.values)
    if form == "pipe":
        return "|".join(variable.values)
    if not variable.multi and form != "regex":
        return "".join(_string(value) for value in variable.values[:1])
    escaped = [_string(re.sub(r"[\\^$*+?.()|\[\]{}]", lambda m: "\\" + m[0], value)) for value in variable.values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _string(value: str) -> str:
    """Inside PromQL's quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def macros(window: Window, *, interval: float, minimum: float) -> dict[str, str]:
    """Grafana's time macros for a query of steps of `interval` whose scrapes are at least `minimum` apart."""
    scrape = minimum or _SCRAPE
    rate = max(interval + scrape, _RATE_SCRAPES * scrape)
    whole = round(window.length)
    return {
        "__interval": f"{max(1, round(interval))}s",
        "__interval_ms": str(round(interval * 1000)),
        "__rate_interval": f"{round(rate)}s",
        "__range": f"{whole}s",
        "__range_s": str(whole),
        "__range_ms": str(whole * 1000),
        "__from": str(round(window.start * 1000)),
        "__to": str(round(window.end * 1000)),
    }


def label_values(query: object) -> tuple[str, str] | None:
    """The selector ("" for none) and the label of a `label_values()` query; None when it asks in another way."""
    text = query.get("query", "") if isinstance(query, dict) else query
    found = _LABEL_VALUES.fullmatch(str(text).strip())
    return (found["match"] or "", found["label"]) if found else None


def declared(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variables as the dashboard declares them."""
    templating = dashboard.get("templating")
    listed = templating.get("list") if isinstance(templating, dict) else None
    return [one for one in listed if isinstance(one, dict) and one.get("name")] if isinstance(listed, list) else []
