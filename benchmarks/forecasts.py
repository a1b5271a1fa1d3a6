"""Forecasts held against what came: capgen's beside seasonal naive, the straight line and models of statsforecast.

Run as a program it measures one method and prints its scores as JSON:

    python benchmarks/forecasts.py METHOD ORIGINS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cases import Bench, Row

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent)]
REAL = HERE.parents[1] / "shared" / "data"
HOUR, WEEK, TRAINED = 3600.0, 168, 13 * 168
LIBRARY = ("MSTL", "DynamicOptimizedTheta", "AutoCES")
METHODS = ("capgen", "last week again", "straight line", *LIBRARY)


def forecasts(bench: Bench) -> Iterator[Row]:
    """A week of hours ahead, at several origins of real and made series, each from at most 13 weeks before it."""
    from cases import Row

    origins = 8 if bench.fleet >= 1000 else 2 if bench.fleet >= 100 else 1
    folder = bench.folder("forecasts")
    chosen = METHODS if bench.with_peers and find_spec("statsforecast") else METHODS[:3]
    for method in chosen:
        cost = bench.cost([sys.executable, Path(__file__), method, str(origins)], folder, runs=1)
        said = json.loads((folder / ".measured").read_text(encoding="utf-8").splitlines()[-1])
        made = (
            f"error {said['naive']:.2f} × last week's, {said['line']:.2f} × the line's; 80% held "
            f"{said['held80']:.0%}, 95% {said['held95']:.0%}; peak short {said['short']:.0%}; {said['each'] * 1000:.1f} ms each"
        )
        goal, reached = "", None
        if method == "capgen":
            goal = "≤ 1.00, ≤ 0.70, 75–88%, ≤ 15%, ≤ 100 ms"
            good = (said["naive"] <= 1, said["line"] <= 0.7, 0.75 <= said["held80"] <= 0.88, said["short"] <= 0.15)
            reached = all(good) and said["each"] <= 0.1
        yield Row(f"{said['count']} forecasts of {said['series']} series", method, cost, made, goal, reached)


def series() -> dict[str, Any]:
    """Hourly values by name: of tests/planning/shapes.py, and of the folder of real series where there is one."""
    from planning.shapes import weekly

    from capgen.api.planning import read_history
    from capgen.planning.grid import regular

    found = {
        "calm": weekly(20, seed=1, swing=0.6, spread=0.08),
        "nervous": weekly(20, seed=2, swing=0.5, spread=0.25),
        "growing": weekly(20, seed=3, swing=0.5, trend=0.05),
        "flat days": weekly(20, seed=5, swing=0.25, spread=0.1, memory=0.5),
    }
    for path in sorted(REAL.glob("*.csv")) if REAL.is_dir() else ():
        values = regular(read_history(path), HOUR)[0].values
        if "daily" not in path.stem and len(values) >= 3 * WEEK:
            found[path.stem] = values
    return found


def scores(method: str, origins: int) -> dict[str, float]:
    """The method's scores: geometric means of errors over series, means of the others."""
    import numpy as np

    from capgen.planning.members import seasonal_naive, straight_line

    rows, each, count = [], [], 0
    found = series()
    for values in found.values():
        errors, held = [], []
        last, first = len(values) - WEEK, min(TRAINED, len(values) - WEEK)
        for origin in sorted({round(first + (last - first) * place / max(1, origins - 1)) for place in range(origins)}):
            past, came = values[max(0, origin - TRAINED) : origin], values[origin : origin + WEEK]
            begin = time.perf_counter()
            p50, lo80, hi80, lo95, hi95 = _made(method, past)
            each.append(time.perf_counter() - begin)
            count += 1
            lines = (p50, seasonal_naive(past, WEEK, WEEK), straight_line(past, WEEK))
            errors.append([float(np.nanmean(np.abs(line - came))) for line in lines])
            short = float(np.quantile(p50, 0.95) < 0.8 * np.nanquantile(came, 0.95))
            held.append((np.mean((came >= lo80) & (came <= hi80)), np.mean((came >= lo95) & (came <= hi95)), short))
        mine, naive, line = np.mean(errors, axis=0)
        rows.append((np.log(mine / naive), np.log(mine / line), *np.mean(held, axis=0)))
    naive, line, held80, held95, short = np.mean(rows, axis=0)
    return {
        "naive": float(np.exp(naive)), "line": float(np.exp(line)), "held80": float(held80), "held95": float(held95),
        "short": float(short), "each": float(np.median(each)), "count": count, "series": len(found),
    }  # fmt: skip


def _made(method: str, past: Any) -> tuple[Any, ...]:
    """p50, lo80, hi80, lo95, hi95 of one forecast; the yardsticks have the errors of their past as intervals."""
    import numpy as np

    from capgen.history.series import Series
    from capgen.planning.forecast import forecast
    from capgen.planning.members import seasonal_naive, straight_line

    if method == "capgen":
        made = forecast(Series("value", HOUR * np.arange(len(past)), past), WEEK * HOUR)
        return made.p50, made.lo80, made.hi80, made.lo95, made.hi95
    yardsticks: Mapping[str, Callable[[Any], Any]] = {
        "last week again": lambda known: seasonal_naive(known, WEEK, WEEK),
        "straight line": lambda known: straight_line(known, WEEK),
    }
    if method in yardsticks:
        line = yardsticks[method](past)
        errors = np.abs(yardsticks[method](past[:-WEEK]) - past[-WEEK:])
        half80, half95 = np.quantile(errors, [0.8, 0.95])
        return line, line - half80, line + half80, line - half95, line + half95
    from statsforecast import models

    seasons = [24, WEEK] if method == "MSTL" else 24
    said = getattr(models, method)(season_length=seasons).forecast(past, WEEK, level=[80, 95])
    return tuple(np.asarray(said[name]) for name in ("mean", "lo-80", "hi-80", "lo-95", "hi-95"))


if __name__ == "__main__":
    print(json.dumps(scores(sys.argv[1], int(sys.argv[2]))))
