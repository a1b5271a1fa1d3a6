"""One more member for who can wait: MSTL with AutoETS from statsforecast, with the extra `capgen[forecast]`.

Nothing else imports that library: it costs seconds to import and hundreds of megabytes to install, and on real series
the combination without it was better than any of its models alone.
"""

from __future__ import annotations

import warnings

import numpy as np

from capgen.errors import CapgenError
from capgen.history.series import Floats
from capgen.planning.members import LONGEST
from capgen.planning.seasons import Seasons

NAME = "MSTL"


def mstl(values: Floats, seasons: Seasons, horizon: int) -> Floats:
    """The seasons taken apart and each continued; NaN where two of a season have not been seen.

    Raises CapgenError where statsforecast is not installed.
    """
    try:
        from statsforecast.models import MSTL
    except ImportError as error:
        raise CapgenError("--thorough needs the extra: pip install 'capgen[forecast]'") from error
    recent = values[-LONGEST * seasons.long :] if seasons.long > 1 else values
    lengths = [steps for steps in (seasons.short, seasons.long) if steps > 1 and len(recent) >= 2 * steps]
    known = np.flatnonzero(~np.isnan(recent))
    if not lengths or not len(known):
        return np.full(horizon, np.nan)
    whole = np.interp(np.arange(len(recent)), known, recent[known])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        line: Floats = np.asarray(MSTL(season_length=lengths).forecast(whole, horizon)["mean"], dtype=np.float64)
    return line
