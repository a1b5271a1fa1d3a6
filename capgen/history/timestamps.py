"""Times as people and programs write them: ISO 8601 with or without a zone, or seconds since 1970.

A number is taken for seconds, milliseconds, microseconds or nanoseconds by its size: no monitoring began before
2001 or goes on after the year 5000. A time without a zone is UTC, as Prometheus and its exports have it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_NUMBER = re.compile(r"\d{9,20}(\.\d*)?|\d\.\d+[eE]\+?(?:0?9|1[0-9])", re.ASCII)
_DATE = re.compile(r"(\d{4})([-/])(\d\d)\2(\d\d)", re.ASCII)
_NAMED = re.compile(r"\s*(?:UTC|GMT)$", re.ASCII)
EXAMPLES = "2026-11-24T17:00:00Z, 2026-11-24 17:00, 2026-11-24 or seconds since 1970"


def seconds(text: str) -> float:
    """Seconds since 1970. Raises ValueError, with the accepted spellings, for anything that is no time."""
    written = text.strip()
    if _NUMBER.fullmatch(written):
        number = float(written)
        for _ in range(3):
            if number >= 1e11:
                number /= 1000
        return round(number, 3)
    date = _DATE.match(written)
    if not date:
        raise ValueError(f"{text!r} is no time; write {EXAMPLES}")
    try:
        moment = datetime.fromisoformat(_NAMED.sub("", "-".join(date.group(1, 3, 4)) + written[date.end() :]))
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; write {EXAMPLES}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
