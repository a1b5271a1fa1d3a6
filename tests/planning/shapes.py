"""Series with known properties, made of sines and a hash of their index: the same on every machine."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from capgen.history.series import Series

START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
HOUR = 3600.0
WEEK = 168


def noise(count: int, seed: int) -> NDArray[np.float64]:
    """Standard normal, from numpy's own bit stream, which is the same everywhere."""
    return np.random.default_rng(seed).normal(0.0, 1.0, count)


def weekly(
    weeks: int, *, seed: int = 1, swing: float = 0.4, spread: float = 0.1, trend: float = 0.0, memory: float = 0.8
) -> NDArray[np.float64]:
    """Hourly load around 100: days, quieter weekends, a trend a week, and noise that remembers."""
    count = weeks * WEEK
    hour = np.arange(count)
    day = np.sin(2 * np.pi * (hour % 24 - 9) / 24) + 0.3 * np.sin(4 * np.pi * (hour % 24) / 24)
    weekend = np.where((hour // 24) % 7 >= 5, 0.65, 1.0)
    wave = np.zeros(count)
    steps = noise(count, seed)
    for index in range(1, count):
        wave[index] = memory * wave[index - 1] + np.sqrt(1 - memory**2) * steps[index]
    level = 100.0 * (1.0 + trend * hour / WEEK)
    return level * np.exp(swing * day) * weekend * np.exp(spread * wave)


def series(values: NDArray[np.float64], *, step: float = HOUR, start: float = START) -> Series:
    """A series at a steady step."""
    return Series("value", start + step * np.arange(len(values)), values)


def csv(values: NDArray[np.float64], *, step: float = HOUR, start: float = START) -> str:
    """The same as a file's text."""
    rows = [f"{start + step * index:.0f},{value!r}" for index, value in enumerate(values.tolist())]
    return "\n".join(["timestamp,value", *rows]) + "\n"
