"""What two replicas of Prometheus would count twice is told, where a spec says that there are two."""

from __future__ import annotations

import pytest
from compile.service import compiled

TEXT = """
prometheus: {{replica_labels: [{labels}]}}
signals:
  app.busy: {{source: app, expr: '{expr}', levels: {{warning: 5}}}}
"""
BUSY = "http_requests_in_progress{$selector}"


def found(expr: str, labels: str = "replica, member") -> list[tuple[str, str]]:
    _, findings = compiled(TEXT.format(expr=expr, labels=labels))
    return [(finding.code, str(finding.severity)) for finding in findings]


@pytest.mark.parametrize(
    "expr",
    [
        f"sum ({BUSY})", f"sum by (code) ({BUSY})", f"count ({BUSY} > 1)", f"max (sum by (instance) ({BUSY}))",
        "sum (rate(http_requests_total{$selector}[$window]))", f"sum (max without (replica) ({BUSY}))",
        f"sum (max by (instance, member) ({BUSY}))", f"1 - sum ({BUSY}) / count (max without ($replicas) ({BUSY}))",
        f"sum (avg_over_time({BUSY[:-1]}}}[5m]))",
    ],
)  # fmt: skip
def test_what_is_added_up_is_told(expr: str) -> None:
    assert found(expr) == [("CG381", "warning")]


@pytest.mark.parametrize(
    "expr",
    [
        f"sum (max without ($replicas) ({BUSY}))", f"sum (max by (instance) ({BUSY}))", f"max ({BUSY})", f"avg ({BUSY})",
        f"sum (max without (replica, member, code) ({BUSY}))",
        "sum (http_requests_in_progress{$selector,replica=\"a\",member=\"0\"})",
    ],
)  # fmt: skip
def test_what_takes_one_of_them_is_not(expr: str) -> None:
    assert found(expr) == []


def test_without_replicas_a_sum_is_a_sum() -> None:
    assert found(f"sum ({BUSY})", labels="") == []
