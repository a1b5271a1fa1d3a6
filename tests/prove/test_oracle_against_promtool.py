"""The prover's own evaluation against the real one: whatever it claims about a value, promtool has to agree.

Series with resets, gaps, beginnings and ends; expressions of all the shapes that signals have. Prometheus 3
leaves the older end of a range open and Prometheus 2 does not, so the reading for the one at hand is compared.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capgen.promql import parse
from capgen.prove.plan import prepare
from capgen.prove.printer import text
from capgen.prove.sources import STALE, Recording
from capgen.prove.suite import braces
from capgen.prove.tape import spelled
from capgen.prove.templates import expand
from capgen.prove.vectors import Conflict, Identity, Vector

UNIVERSE = tuple(
    Identity(name, tuple(sorted({"instance": instance, **labels}.items())))
    for instance in ("a", "b")
    for name, labels in (
        ("c_total", {"code": "200"}), ("c_total", {"code": "500"}), ("g", {"x": "1"}), ("g", {"x": "2"}), ("lim", {}),
        ("h_bucket", {"le": "0.1"}), ("h_bucket", {"le": "1"}), ("h_bucket", {"le": "+Inf"}),
    )
)  # fmt: skip
EXPRESSIONS = (
    "rate(c_total[2m])", "increase(c_total[90s])", "irate(c_total[2m])", "sum by (instance) (rate(c_total[2m]))",
    'sum by (instance) (rate(c_total{code=~"5.."}[2m])) / (sum by (instance) (rate(c_total[2m])) > 0)',
    '(sum(rate(c_total{code="500"}[2m])) or 0 * sum(rate(c_total[2m]))) / sum(rate(c_total[2m]))',
    "g", "-g", "g offset 1m", "g > 5", "5 < g", "g > bool 5", "1 - g / on (instance) group_left () lim", "g / ignoring (x) group_left lim",
    "lim / on (instance) max by (instance) (g)", "lim > on (instance) max by (instance) (g)", "lim and on (instance) g > 3",
    'g{x="1"} > on (instance) lim',
    'g{x="1"} >= ignoring (x) lim',
    'lim unless on (instance) g{x="1"} > 5', 'g{x="1"} or g{x="2"}', "lim or g", "max without (x) (g)", "avg(g)", "min by (x) (g)", "count(g > 2)",
    "stddev(g)", "quantile by (instance) (0.3, g)", "sum(topk(2, g))", "absent(g)", 'absent(nothing{job="x",y!="z"})', "clamp(g, 2, 7)",
    "clamp_max(g, 5) * 2 ^ 2", "ceil(g) % 3", "round(g, 0.5)", "abs(g - 5)", "sqrt(g)", "ln(g + 1)", "deriv(g[3m])", "delta(g[2m])",
    "predict_linear(g[3m], 600)", "changes(g[3m])", "resets(c_total[5m])", "avg_over_time(g[2m])", "min_over_time(g[2m])",
    "max_over_time(g[2m])", "sum_over_time(g[2m])", "count_over_time(g[2m])", "last_over_time(g[2m])", "quantile_over_time(0.5, g[2m])",
    "stddev_over_time(g[2m])", "present_over_time(g[1m])", "max_over_time(rate(c_total[1m])[3m:30s])", "time() - g", "scalar(sum(g)) * lim",
    'label_replace(lim, "name", "$1x", "instance", "(.*)")', "vector(3)", "histogram_quantile(0.9, sum by (le) (rate(h_bucket[2m])))",
    "histogram_quantile(0.2, rate(h_bucket[2m]))", "rate(c_total[2m] offset 30s)", "sum(g) by (x) - on (x) group_right () g",
)  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> list[list[float | None]]:
    count = draw(st.integers(24, 48))
    made = []
    below = [0.0] * count
    for series in UNIVERSE:
        steps = draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))
        if series.name in ("c_total", "h_bucket"):
            total, row = 0.0, []
            cut = draw(st.sampled_from((None, None, count // 2))) if series.name == "c_total" else None
            for k, step in enumerate(steps):
                total = float(step) if k == cut else total + step
                row.append(total)
            if series.name == "h_bucket":
                below = [0.0] * count if dict(series.labels)["le"] == "0.1" else below
                row = below = [value + lower for value, lower in zip(row, below, strict=True)]
        else:
            row = [step / 4 for step in steps]
        gaps = draw(st.sets(st.integers(0, count - 1), max_size=4)) if series.name != "h_bucket" else set()
        end = draw(st.sampled_from((count, count, count - 6)))
        made.append([None if k in gaps else STALE if k >= end else value for k, value in enumerate(row)])
    return made


def notation(row: Sequence[float | None]) -> str:
    return " ".join("_" if v is None else "stale" if v == STALE else repr(v) for v in row)


def closed_ranges(promtool: Path) -> bool:
    out = subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True).stdout
    return "version 2." in out


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(found=rows(), at=st.integers(8, 30))
def test_values_are_promtools(promtool: Path, tmp_path: Path, found: list[list[float | None]], at: int) -> None:
    interval, now = 15.0, at * 15.0
    moment = Recording(found, interval, interval).at(now, closed=closed_ranges(promtool))
    lines = ["rule_files: []", "evaluation_interval: 15s", "tests:", "- interval: 15s", "  input_series:"]
    for series, row in zip(UNIVERSE, found, strict=True):
        lines += [f"  - series: '{spelled(series)}'", f"    values: '{notation(row)}'"]
    lines.append("  promql_expr_test:")
    for expression in EXPRESSIONS:
        plan = prepare(parse(expression), UNIVERSE)
        assert isinstance(plan, Vector)
        try:
            values = {labels: v for labels, v in zip(plan.labels, plan.run(moment), strict=True) if v is not None}
        except Conflict:
            continue  # Prometheus fails here too, and promtool stops at the first failure
        expr = text(parse(expression))
        if any(not math.isfinite(value) for value in values.values()):
            continue
        for value in sorted(set(values.values())):
            # Every row says whether it has this value, so that labels, rows and values are all compared.
            near = {other: abs(v - value) <= 1e-9 * max(1.0, abs(value)) for other, v in values.items()}
            check = f"abs(({expr}) * 1 - {value!r}) <= bool {1e-9 * max(1.0, abs(value))!r}"
            lines += [f"  - expr: {check!r}", f"    eval_time: {now:g}s", "    exp_samples:"]
            for other, same in sorted(near.items()):
                lines += [f"    - labels: '{braces(other)}'", f"      value: {int(same)}"]
        if not values:
            lines += [f"  - expr: {expr!r}", f"    eval_time: {now:g}s", "    exp_samples: []"]
    file = tmp_path / "values.test.yml"
    file.write_text("\n".join(lines) + "\n")
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


NUMBERS = (
    0.0,
    0.5,
    1.0,
    3.25,
    12.5,
    59.5,
    61.5,
    999.5,
    1010.0,
    1024.0,
    3725.5,
    90061.5,
    1536.0,
    123456.0,
    5e6,
    2.5e9,
    3e12,
    0.0125,
    0.00042,
    -2.5,
    0.8081,
)
TEMPLATES = (
    "{{ $value }}", "{{ $value | humanize }}", "{{ $value | humanize1024 }}B", "{{ $value | humanizeDuration }}",
    "{{ $value | humanizePercentage }}", '{{ printf "%.3g" $value }}', '{{ $value | printf "%.2f" }}', '{{ "{{" }} {{ $labels.instance }} {{ $labels.none }}.',
)  # fmt: skip


def test_annotations_are_promtools(promtool: Path, tmp_path: Path) -> None:
    annotations = {f"t{n}": template for n, template in enumerate(TEMPLATES)}
    rules = ["groups:", "- name: g", "  rules:", "  - alert: A", "    expr: x", "    annotations:"]
    rules += [f"      {key}: '{template}'" for key, template in annotations.items()]
    (tmp_path / "r.yml").write_text("\n".join(rules) + "\n")
    lines = ["rule_files: [r.yml]", "evaluation_interval: 1m", "tests:", "- interval: 1m", "  input_series:"]
    lines += [f"  - series: 'x{{instance=\"{n}\"}}'\n    values: '{value!r}'" for n, value in enumerate(NUMBERS)]
    lines += ["  alert_rule_test:", "  - eval_time: 0m", "    alertname: A", "    exp_alerts:"]
    for n, value in enumerate(NUMBERS):
        texts = {key: expand(template, {"instance": str(n)}, value) for key, template in annotations.items()}
        lines.append(f"    - exp_labels: {{instance: '{n}'}}\n      exp_annotations:")
        lines += [f"        {key}: '{words}'" for key, words in texts.items()]
    (tmp_path / "t.yml").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [promtool, "test", "rules", "t.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_printed_expression_is_the_same_expression(expression: str) -> None:
    assert parse(text(parse(expression))) == parse(expression)
