"""Growth a month with its uncertainty, as what is planned by the month (money, nodes) needs it: from a signal's forecast.

The forecast's own paths, so that a date, a node and an amount say the same of the same history.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from msgspec import Struct

from capgen.planning.crossing import paths
from capgen.planning.forecast import DAY, Forecast

MONTH = 365.25 / 12 * DAY


class Rate(Struct, frozen=True):
    """Growth a month as a share: the 10th, 50th and 90th percentile."""

    low: Decimal
    expected: Decimal
    high: Decimal


def rate(made: Forecast) -> Rate | None:
    """What the forecast's last week means a month, to a tenth of a percent; None where it cannot be said."""
    low, middle, high = paths(made)
    steps = max(1, round(7 * DAY / made.history.step))
    span = max(1, len(middle) - steps) * made.history.step / MONTH
    begin = float(np.median(middle[:steps]))
    if begin <= 0 or span < 0.2:
        return None
    ends = [max(float(np.median(path[-steps:])), 0.0) for path in (low, middle, high)]
    return Rate(*(Decimal(f"{(end / begin) ** (1 / span) - 1:.3f}") for end in ends))
