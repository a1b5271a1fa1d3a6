"""Makes up ten weeks of hourly measurements of the example service `apm`, for `make demo`.

    python docs/examples/history.py FOLDER

Days and weeks have their shape, demand grows, one evening had an outage and one afternoon a rush. Nothing of it was
measured; the same bytes come out each time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

HOUR = 3600
START = 1788220800  # a Tuesday, midnight UTC
HOURS = 70 * 24
OUTAGE = range(61 * 24 + 19, 61 * 24 + 22)
RUSH = range(66 * 24 + 13, 66 * 24 + 18)


def demand(hour: int) -> float:
    """Requests a second: busy in the afternoon, less so at weekends, a fifth more after ten weeks."""
    day, weekday = hour % 24, (hour // 24 + 1) % 7
    busy = 0.35 + 0.65 * math.exp(-(((day - 14) / 5) ** 2))
    weekend = 0.6 if weekday >= 5 else 1.0
    rush = 1.5 if hour in RUSH else 1.0
    return 520 * busy * weekend * rush * (1 + 0.2 * hour / HOURS) * (1 + 0.04 * unrest(hour))


def unrest(hour: int) -> float:
    """What looks like chance, between -1 and 1, and is the same each time."""
    return math.sin(12.9898 * hour) * math.sin(0.7351 * hour * hour)


def replicas(hour: int) -> float:
    """One for each 110 requests a second, as an autoscaler between 2 and 10 would have it."""
    return max(2, min(10, math.ceil(demand(hour) / 110)))


def latency(hour: int) -> float:
    """Seconds: it rises as each replica gets more than it answers with ease."""
    return 0.12 + 0.05 * (1 + unrest(hour + 7)) + 0.4 * max(0.0, demand(hour) / replicas(hour) / 110 - 0.9)


SIGNALS: dict[str, Callable[[int], float]] = {
    "app.throughput": demand,
    "app.latency": latency,
    "app.errors": lambda hour: 0.0004 * (2 + unrest(hour + 3)) + (0.012 if hour in RUSH else 0),
    "host.cpu": lambda hour: 0.12 + demand(hour) / 1100,
    "host.memory": lambda hour: 0.52 + 0.09 * hour / HOURS + 0.02 * unrest(hour + 11),
    "host.disk_space": lambda hour: 0.61 + 0.17 * hour / HOURS + 0.004 * unrest(hour + 5),
    "database.connections": lambda hour: 0.15 + demand(hour) / 1400,
    "apm-service-hpa.replicas": replicas,
}


def main(folder: Path) -> None:
    """Writes one file a signal into `<folder>/apm/`."""
    target = folder / "apm"
    target.mkdir(parents=True, exist_ok=True)
    for signal, value in SIGNALS.items():
        rows = (f"{START + hour * HOUR},{value(hour):.6g}\n" for hour in range(HOURS) if hour not in OUTAGE)
        (target / f"{signal}.csv").write_text("timestamp,value\n" + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
