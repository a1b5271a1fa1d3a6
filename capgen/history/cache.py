"""What a server has answered before, by query, so that a rerun asks only for what is new.

A file a query, named by the hash of server, query and step; its content is the spans that were asked for and the samples
found there. A file that cannot be read is as good as none. The newest hour is never remembered: late samples still
come in. Values of other users' queries stay unreadable to others (the folder is made private).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from msgspec import Struct

SETTLED = 3600.0
"""How old a sample has to be before it is taken as final."""
Spans = tuple[tuple[float, float], ...]


class Cache(Struct, frozen=True):
    """A folder of answers. `now` is the caller's: what is newer than an hour before it is not kept."""

    folder: Path
    now: float

    def _file(self, url: str, query: str, step: float) -> Path:
        digest = hashlib.sha256(json.dumps([url, query, step]).encode()).hexdigest()
        return self.folder / f"{digest}.json"

    def _load(self, url: str, query: str, step: float) -> tuple[Spans, dict[float, float]]:
        try:
            document = json.loads(self._file(url, query, step).read_text(encoding="utf-8"))
            spans = tuple((float(begin), float(end)) for begin, end in document["spans"])
            return spans, {float(at): float(value) for at, value in document["samples"]}
        except (OSError, ValueError, TypeError, KeyError):
            return (), {}

    def spans(self, url: str, query: str, step: float) -> Spans:
        """The times that are known, both ends included."""
        return self._load(url, query, step)[0]

    def read(self, url: str, query: str, step: float) -> dict[float, float]:
        """The samples that are known."""
        return self._load(url, query, step)[1]

    def add(self, url: str, query: str, step: float, span: tuple[float, float], samples: dict[float, float]) -> None:
        """Remembers an answer, as far as it is settled."""
        last = (self.now - SETTLED) // step * step
        begin, end = span[0], min(span[1], last)
        if end < begin:
            return
        spans, known = self._load(url, query, step)
        known.update({at: value for at, value in samples.items() if begin <= at <= end})
        document = {"query": query, "spans": _joined((*spans, (begin, end)), step), "samples": sorted(known.items())}
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
        Path(name).replace(self._file(url, query, step))


def _joined(spans: Spans, step: float) -> Spans:
    """Spans that touch become one."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1] + step:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)
