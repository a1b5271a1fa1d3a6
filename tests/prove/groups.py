"""Rule groups written by hand, in the shapes that the compiler gives them, and the promtool that judges them."""

from __future__ import annotations

from capgen.blueprint import Alert, Group, Level, Record, Scrape, Signal
from capgen.blueprint.origin import Labels, Origin

ORIGIN = Origin("tests")
SCRAPE = Scrape("app", "http", "shop", ("localhost:1",), None, "http", "/metrics", 15.0, 10.0, (), False, ORIGIN)
IDENTITY: Labels = (("service", "shop"), ("source", "app"))
SCOPE = '{service="shop",source="app"}'


def signal(
    expr: str,
    levels: dict[str, float],
    *,
    unit: str = "short",
    worse: str = "above",
    labels: tuple[str, ...] = ("instance",),
    hold: float = 300.0,
    keep: float = 180.0,
    hysteresis: float = 0.0,
    buckets: tuple[float, ...] = (),
    traffic: str = "",
    floor: float = 0.0,
    name: str = "app.value",
    interval: float = 15.0,
) -> Signal:
    """A signal whose levels all alert."""
    ladder = tuple(Level(level, at, "warning", rank, ORIGIN) for rank, (level, at) in enumerate(levels.items()))
    return Signal(
        id=name, source="app", title="Value", description="", action="", unit=unit, worse=worse, ladder="utilisation",  # type: ignore[arg-type]
        levels=ladder, expr=expr, record="capgen:app_value:rate", labels=labels, metrics=(), interval=interval, window=300.0,
        for_=hold, keep_firing_for=keep, hysteresis=hysteresis, buckets=buckets, of_request=("", ""), traffic=traffic, min_traffic=floor, origin=ORIGIN,
    )  # fmt: skip


def group(signal_: Signal) -> Group:
    """The signal's records and alerts, as the compiler writes them."""
    records = [Record(signal_.record, signal_.expr, IDENTITY)]
    if signal_.traffic:
        records.append(Record("capgen:app_value:traffic", signal_.traffic, IDENTITY))
    alerts = tuple(level_alert(signal_, level) for level in signal_.levels)
    return Group("capgen/shop/app.value", 15.0, tuple(records), alerts, signal_, SCRAPE, ORIGIN)


def level_alert(signal_: Signal, level: Level) -> Alert:
    """One level's alert."""
    name = f"ShopValue{level.name.title()}"
    up = signal_.worse == "above"
    value, comparison = signal_.record + SCOPE, ">=" if up else "<="
    expr = f"{value} {comparison} {level.threshold!r}"
    keys = ", ".join((*signal_.labels, "service", "source"))
    if signal_.hysteresis:
        back = level.threshold - signal_.hysteresis if up else level.threshold + signal_.hysteresis
        firing = f'ALERTS{{alertname="{name}",alertstate="firing",service="shop"}}'
        expr = f"({expr} or ({value} {comparison} {back!r} and on ({keys}) {firing}))"
    if signal_.traffic:
        expr = f"{expr} and on ({keys}) capgen:app_value:traffic{SCOPE} >= {signal_.min_traffic!r}"
    labels = tuple(sorted({"level": level.name, "severity": "warning", "service": "shop", "team": "web"}.items()))
    printed = {"ratio": " | humanizePercentage", "seconds": " | humanizeDuration", "bytes": " | humanize1024"}
    entity = " of {{ $labels.instance }}" if "instance" in signal_.labels else ""
    summary = f"Value{entity} is {{{{ $value{printed.get(signal_.unit, ' | humanize')} }}}}: {level.name}"
    return Alert(
        name,
        expr,
        signal_.for_,
        signal_.keep_firing_for,
        labels,
        (("summary", summary),),
        "level",
        signal_.id,
        level.name,
    )


CPU = signal(
    '1 - avg by (instance) (max without (prometheus_replica) (rate(cpu_seconds_total{job="shop",mode="idle"}[5m])))',
    {"warning": 0.5, "critical": 0.8, "emergency": 0.95},
    unit="ratio",
)
MEMORY = signal(
    'max by (instance) (memory_used_bytes{job="shop"}) / (max by (instance) (memory_limit_bytes{job="shop"}) > 0)',
    {"warning": 0.7, "critical": 0.85},
    unit="ratio",
    hysteresis=0.05,
)
ERRORS = signal(
    '(sum by (route) (rate(requests_total{job="shop",code=~"5.."}[5m])) or 0 * sum by (route) (rate(requests_total{job="shop"}[5m])))'
    ' / (sum by (route) (rate(requests_total{job="shop"}[5m])) > 0)',
    {"poor": 0.01, "unacceptable": 0.05},
    unit="ratio",
    labels=("route",),
    traffic='sum by (route) (rate(requests_total{job="shop"}[5m]))',
    floor=0.5,
)
LATENCY = signal(
    'histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket{job="shop"}[5m])))',
    {"good": 0.2, "poor": 1.0},
    unit="seconds",
    labels=(),
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    hold=120.0,
    traffic='sum(rate(request_seconds_count{job="shop"}[5m]))',
    floor=0.1,
)
FREE = signal(
    'min by (instance) (free_slots{job="shop"})', {"low": 20.0, "empty": 5.0}, worse="below", hold=60.0, keep=0.0
)
JOINED = signal(
    'sum by (pod) (rate(work_seconds_total{job="shop",container!="",pod=~"web-[bcdf]{1,10}-[a-z0-9]{5}"}[5m]))'
    ' / on (pod) group_left (node) max by (pod, node) (limit_cores{job="kube",resource="cpu"})'
    ' and on (pod) max by (pod) (ready{job="kube"}) == 1 unless on (pod) paused{job="shop"}',
    {"warning": 0.9},
    labels=("node", "pod"),
)
OWN = signal(
    'sum by (queue) (queue_depth{job="shop"})',
    {"warning": 500.0, "critical": 2000.0},
    labels=("queue",),
    hold=0.0,
    keep=60.0,
)

SIGNALS = {
    "a counter's share, averaged": CPU, "a gauge with hysteresis": MEMORY, "a zero-filled ratio with a traffic floor": ERRORS,
    "a quantile of a histogram": LATENCY, "worse below": FREE, "a join with conditions": JOINED, "fires at once": OWN,
}  # fmt: skip


def watch() -> Group:
    """A source's group: its targets and two metrics."""

    def alert(name: str, expr: str, hold: float, kind: str, level: str, **labels: str) -> Alert:
        own = tuple(sorted({"service": "shop", "severity": "critical", **labels}.items()))
        return Alert(name, expr, hold, 0.0, own, (("summary", f"{level or 'app'} is gone"),), kind, "app", level)  # type: ignore[arg-type]

    alerts = (
        alert("ShopDown", 'max by (job) (up{job="shop"}) == 0 or absent(up{job="shop"})', 180.0, "down", ""),
        alert(
            "ShopAbsent",
            'absent(cpu_seconds_total{job="shop"})',
            600.0,
            "absent",
            "cpu_seconds_total",
            metric="cpu_seconds_total",
        ),
        alert(
            "ShopAbsent",
            'absent(memory_used_bytes{job="shop"})',
            600.0,
            "absent",
            "memory_used_bytes",
            metric="memory_used_bytes",
        ),
    )
    return Group("capgen/shop/app", 15.0, (), alerts, None, SCRAPE, ORIGIN)
