"""A schedule is refused when cron or Kubernetes would refuse it, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from errors.project import findings, write

JOB = 'jobs:\n  look: {{schedule: "{}", watch: [host.cpu]}}'


@pytest.mark.parametrize(
    "schedule",
    ["*/5 * * * *", "0 8 1 1,4,7,10 *", "0 8 * * Mon-Fri", "0-30/10 4 * jan-MAR 7", "59 23 31 12 0", "@daily"],
)
def test_what_runs(schedule: str, tmp_path: Path) -> None:
    assert findings(write(tmp_path, JOB.format(schedule))) == ()


@pytest.mark.parametrize(
    ("schedule", "wrong"),
    [
        ("60 * * * *", "'60' is no minute (0 to 59)"),
        ("0 24 * * *", "'24' is no hour (0 to 23)"),
        ("0 0 0 * *", "'0' is no day of the month (1 to 31)"),
        ("0 0 * 13 *", "'13' is no month (1 to 12)"),
        ("0 0 * * 8", "'8' is no day of the week (0 to 7)"),
        ("*/0 * * * *", "'*/0' is no minute (0 to 59)"),
        ("5/15 * * * *", "'5/15' is no minute (0 to 59)"),
        ("5-1 * * * *", "'5-1' is no minute (0 to 59)"),
        ("0,,5 * * * *", "'' is no minute (0 to 59)"),
        ("0 0 * mon *", "'mon' is no month (1 to 12)"),
        ("? * * * *", "'?' is no minute (0 to 59)"),
    ],
)
def test_what_never_would(schedule: str, wrong: str, tmp_path: Path) -> None:
    (found,) = findings(write(tmp_path, JOB.format(schedule)))
    assert found.code == "CG205"
    assert found.message == f"schedule: {wrong}"
