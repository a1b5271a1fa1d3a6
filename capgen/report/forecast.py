"""A forecast for people and for programs.

The JSON is a promise: `{"schema_version", "forecast": [{"t", "p50", "lo80", "hi80", "lo95", "hi95"}], "backtest",
"warnings", "series"}`. Times are ISO 8601 in UTC; numbers have six significant digits, which is more than any forecast
knows, and the same on every machine. What could not be said is null.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from capgen import units
from capgen.history.series import Notice, instant
from capgen.report.color import painted
from capgen.report.visible import encodable, visible

if TYPE_CHECKING:
    from capgen.planning.forecast import Forecast
    from capgen.planning.intervals import Backtest

SCHEMA_VERSION = 1
_LINES = ("p50", "lo80", "hi80", "lo95", "hi95")


def rounded(value: float | None) -> float | None:
    """Six significant digits; None stays None."""
    return None if value is None else float(f"{value:.6g}") + 0.0


def plain(made: Forecast) -> dict[str, object]:
    """A forecast as plain data."""
    lines = [getattr(made, line) for line in _LINES]
    points = [
        {"t": instant(at), **{name: rounded(float(line[index])) for name, line in zip(_LINES, lines, strict=True)}}
        for index, at in enumerate(made.times)
    ]
    known = ~np.isnan(made.history.values)
    return {
        "series": {
            "name": made.name,
            "step_seconds": rounded(made.history.step),
            "values": int(np.count_nonzero(known)),
            "from": instant(made.history.start),
            "to": instant(made.history.at(len(known) - 1)),
            "season": made.season,
            "only_grows": made.growing,
            "members": {name: rounded(share) for name, share in made.members},
        },
        "forecast": points,
        "backtest": plain_backtest(made.backtest),
        "warnings": [plain_notice(notice) for notice in made.notices],
    }


def plain_backtest(tested: Backtest) -> dict[str, object]:
    """The back-test as plain data."""
    return {
        "origins": tested.origins,
        "steps": tested.steps,
        "mase": rounded(tested.mase),
        "mase_seasonal_naive": rounded(tested.mase_seasonal_naive),
        "mase_straight_line": rounded(tested.mase_straight_line),
        "coverage80": rounded(tested.coverage80),
        "coverage95": rounded(tested.coverage95),
        "peak_errors": [rounded(error) for error in tested.peak_errors],
        "peak_short_by_a_fifth": rounded(tested.short),
    }


def plain_notice(notice: Notice) -> dict[str, object]:
    """A notice as plain data; its times only where it has some."""
    data: dict[str, object] = {"code": notice.code, "message": notice.message}
    if notice.begin is not None:
        data["from"] = instant(notice.begin)
    if notice.end is not None:
        data["to"] = instant(notice.end)
    return data


def as_json(made: Forecast) -> str:
    """The whole forecast; see the module's promise."""
    document = {"schema_version": SCHEMA_VERSION, **plain(made)}
    return encodable(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def as_text(made: Forecast, *, color: bool = False, width: int = 80) -> str:
    """A table by day (by step where a step is longer), the back-test in words, and what its reader has to know."""
    history = made.history
    title = f"{made.name}: {instant(history.start)} to {instant(history.at(len(history.values) - 1))}"
    steps = f"{len(history.values)} steps of history, {len(made.p50)} ahead"
    lines = [
        painted(visible(title), "bold", color),
        f"season: {made.season}; step: {units.duration(history.step)}; {steps}",
        "",
        f"{'from':<20} {'mean':>8} {'highest':>8} {'of it 80 % within':>20} {'95 % within':>20}",
    ]
    per_day = max(1, round(86400 / history.step))
    times = made.times
    for first in range(0, len(times), per_day):
        part = slice(first, first + per_day)
        top = first + int(np.argmax(made.p50[part]))
        mean, high = short(float(made.p50[part].mean())), short(float(made.p50[top]))
        spans = [
            f"{short(float(low[top]))} to {short(float(up[top]))}"
            for low, up in ((made.lo80, made.hi80), (made.lo95, made.hi95))
        ]
        lines.append(f"{instant(times[first]):<20} {mean:>8} {high:>8} {spans[0]:>20} {spans[1]:>20}")
    lines += ["", *textwrap.wrap(backtest_in_words(made.backtest), width)]
    if made.members:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in made.members if share >= 0.005)
        lines += textwrap.wrap(f"made of: {shares}", width)
    for notice in made.notices:
        first_line, *rest = textwrap.wrap(visible(f"{notice.code}: {notice.message}"), width, subsequent_indent="  ")
        lines += [first_line.replace(notice.code, painted(notice.code, "yellow", color), 1), *rest]
    return "\n".join(lines) + "\n"


def short(value: float) -> str:
    """A number of about four digits without an exponent: 0.0123, 50.9, 11170, 1.2M."""
    for size, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return units.number(float(f"{value / size:.4g}")) + suffix
    return units.number(float(f"{value:.4g}") if abs(value) < 1000 else float(round(value)))


def backtest_in_words(tested: Backtest) -> str:
    """One sentence on how far to trust it."""
    if tested.mase is None or not tested.origins:
        return "back-test: none, the history is too short or never changes"
    parts = [f"back-test: {tested.origins} times {tested.steps} steps ahead, error {tested.mase:.2f} × last season's"]
    if tested.mase_seasonal_naive and tested.mase_straight_line:
        parts.append(
            f"(seasonal naive {tested.mase_seasonal_naive:.2f}, straight line {tested.mase_straight_line:.2f})"
        )
    if tested.coverage80 is not None and tested.coverage95 is not None:
        parts.append(f"; the intervals held {tested.coverage80:.0%} and {tested.coverage95:.0%}")
    if tested.short is not None:
        parts.append(f"; the peak came out more than a fifth too low in {tested.short:.0%}")
    return " ".join(parts).replace(" ;", ";")
