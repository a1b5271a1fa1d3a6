"""Replicas over time as one line of blocks, for places where a chart cannot be."""

from __future__ import annotations

import numpy as np

from capgen.simulate.replay import Replay

_BLOCKS = "▁▂▃▄▅▆▇█"


def peaks(replay: Replay, pieces: int) -> list[int]:
    """The highest number of replicas in each of so many equal pieces of the time."""
    split = np.array_split(replay.replicas, min(pieces, len(replay.replicas)) or 1)
    return [int(piece.max(initial=0)) for piece in split]


def sparkline(replay: Replay, highest: int, width: int = 60) -> str:
    """The peaks as blocks; a full one is `highest`."""
    return "".join(_BLOCKS[min(round(peak / max(highest, 1) * 7), 7)] for peak in peaks(replay, width))
