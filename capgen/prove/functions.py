"""PromQL's functions on numbers, as Prometheus computes them.

Only what has a meaning without a server: each function takes plain floats. The tests hold them against a real
promtool, so where Prometheus' own code has a quirk (the half-interval extrapolation of `rate`, the cap of
`histogram_quantile` at the second-highest bound) it is kept on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

Points = Sequence[tuple[float, float]]
"""Time in seconds and value, oldest first."""

COUNTER_FUNCTIONS = frozenset(("rate", "increase", "irate", "resets"))
"""Read a series as a counter: its slope is what counts."""
SLOPE_FUNCTIONS = COUNTER_FUNCTIONS | {"deriv", "delta", "idelta"}
RANGE_FUNCTIONS = SLOPE_FUNCTIONS | {
    "predict_linear", "changes", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time",
    "count_over_time", "last_over_time", "first_over_time", "present_over_time", "stddev_over_time",
    "stdvar_over_time", "quantile_over_time",
}  # fmt: skip


def divide(a: float, b: float) -> float:
    """IEEE division, as Go does it."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    """`a ^ b`, infinite where Python raises."""
    try:
        result = a**b
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return result if isinstance(result, float) else math.nan


def modulo(a: float, b: float) -> float:
    """`a % b` with the sign of a."""
    return math.fmod(a, b) if b and math.isfinite(a) else math.nan


ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": divide,
    "%": modulo,
    "^": power,
    "atan2": math.atan2,
}
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def _log(base: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: base(x) if x > 0 else -math.inf if x == 0 else math.nan


def rounded(x: float, to: float = 1.0) -> float:
    """`round(x, to)`: halves go up."""
    inverse = divide(1.0, to)
    return math.floor(x * inverse + 0.5) / inverse if math.isfinite(x) else x


def clamp(x: float, low: float, high: float) -> float:
    """`clamp(x, low, high)` for low <= high."""
    return max(low, min(high, x))


ELEMENTWISE: Mapping[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": lambda x: float(math.ceil(x)) if math.isfinite(x) else x,
    "floor": lambda x: float(math.floor(x)) if math.isfinite(x) else x,
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "exp": lambda x: math.exp(x) if x < 709 else math.inf,
    "ln": _log(math.log),
    "log2": _log(math.log2),
    "log10": _log(math.log10),
    "sgn": lambda x: float((x > 0) - (x < 0)),
    "round": rounded,
    "clamp": clamp,
    "clamp_min": max,
    "clamp_max": min,
}
"""Functions of one vector, the scalar arguments after it."""


def quantile(q: float, values: Sequence[float]) -> float:
    """The q-quantile of values, interpolated between neighbours."""
    if not values:
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q - 0.5)
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low = max(0, math.floor(rank))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - math.floor(rank)
    return ordered[low] * (1 - weight) + ordered[high] * weight


def variance(values: Sequence[float]) -> float:
    """The population variance."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)


AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stddev": lambda values: math.sqrt(variance(values)),
    "stdvar": variance,
}


def bucket_quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """`histogram_quantile` of one classic histogram: (upper bound, cumulative count), in any order."""
    ordered = sorted(buckets)
    if not ordered or ordered[-1][0] != math.inf or len(ordered) < 2 or math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q - 0.5)
    counts: list[float] = []
    for _, count in ordered:
        counts.append(max(count, counts[-1]) if counts else count)
    if counts[-1] == 0 or math.isnan(counts[-1]):
        return math.nan
    rank = q * counts[-1]
    found = next((i for i, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if found == len(counts) - 1:
        return ordered[-2][0]
    end = ordered[found][0]
    if found == 0:
        return end if end <= 0 else end * (rank / counts[0])
    start, below = ordered[found - 1][0], counts[found - 1]
    return start + (end - start) * ((rank - below) / (counts[found] - below))


def extrapolated(
    increase: float,
    first: tuple[float, float],
    last: tuple[float, float],
    count: int,
    bounds: tuple[float, float],
    *,
    counter: bool,
) -> float:
    """What `increase` and `delta` make of the change between the first and last of `count` samples in a range."""
    sampled = last[0] - first[0]
    average = sampled / (count - 1)
    threshold = average * 1.1
    to_start, to_end = first[0] - bounds[0], bounds[1] - last[0]
    if to_start >= threshold:
        to_start = average / 2
    if counter and increase > 0 and first[1] >= 0:
        to_start = min(to_start, sampled * (first[1] / increase))
    if to_end >= threshold:
        to_end = average / 2
    return increase * ((sampled + to_start + to_end) / sampled)


def _regression(points: Points, origin: float) -> tuple[float, float]:
    """Slope, and value at `origin`, of the least-squares line."""
    n = len(points)
    if all(value == points[0][1] for _, value in points):
        return 0.0, points[0][1]
    xs = [time - origin for time, _ in points]
    ys = [value for _, value in points]
    sum_x, sum_y = math.fsum(xs), math.fsum(ys)
    covariance = math.fsum(x * y for x, y in zip(xs, ys, strict=True)) - sum_x * sum_y / n
    slope = covariance / (math.fsum(x * x for x in xs) - sum_x * sum_x / n)
    return slope, sum_y / n - slope * sum_x / n


def over(function: str, points: Points, bounds: tuple[float, float], extra: Sequence[float] = ()) -> float | None:
    """A range function over the samples of a window (`bounds`: its start and end); None for no result."""
    if not points:
        return None
    values = [value for _, value in points]
    match function:
        case "rate" | "increase" | "delta":
            if len(points) < 2:
                return None
            counter = function != "delta"
            drops = math.fsum(a for a, b in pairwise(values) if b < a) if counter else 0.0
            change = values[-1] - values[0] + drops
            result = extrapolated(change, points[0], points[-1], len(points), bounds, counter=counter)
            return result / (bounds[1] - bounds[0]) if function == "rate" else result
        case "irate" | "idelta":
            if len(points) < 2:
                return None
            change = values[-1] - values[-2] if function == "idelta" or values[-1] >= values[-2] else values[-1]
            return change if function == "idelta" else change / (points[-1][0] - points[-2][0])
        case "deriv":
            return _regression(points, points[0][0])[0] if len(points) > 1 else None
        case "predict_linear":
            if len(points) < 2:
                return None
            slope, intercept = _regression(points, bounds[1])
            return slope * extra[0] + intercept
        case "changes":
            return float(sum(a != b for a, b in pairwise(values)))
        case "resets":
            return float(sum(b < a for a, b in pairwise(values)))
        case "last_over_time":
            return values[-1]
        case "first_over_time":
            return values[0]
        case "present_over_time":
            return 1.0
        case "quantile_over_time":
            return quantile(extra[0], values)
        case _:
            return AGGREGATIONS[function.removesuffix("_over_time")](values)
