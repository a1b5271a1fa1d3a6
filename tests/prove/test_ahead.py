"""What is told before the fact: on weeks of real load, at the lead time that was declared, by a real promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from compile.service import compiled, service
from msgspec.structs import replace
from numpy.typing import NDArray
from planning.shapes import weekly

from capgen.api.planning import read_history
from capgen.blueprint import Group
from capgen.planning.grid import regular
from capgen.prove.ahead import written
from capgen.prove.mutate import run_mutants
from capgen.prove.run import prepare, prove
from capgen.render.rules import rule_file

REAL = Path(__file__).parents[3] / "shared" / "data" / "nab_nyc_taxi_30min.csv"
SPEC = """
sources:
  app: {exporter: http, targets: ["a:80"]}
  db: {exporter: postgres, targets: ["a:9187"]}
  cost: {exporter: opencost, match: {namespace: shop}}
planning:
  capacity: {app.throughput: 1000}
  lead_time: {app.throughput: 14d, db.cache_hit: 30d}
  storage: {data: {size: 10Gi, volume: 100Gi, signal: db.database_size, lead_time: 14d}}
  cost: {currency: USD, months: 12, budget: {monthly: 2000, alert_at: [80%, 125%]}}
"""
LABELS = 'service="shop",source="db",instance="a",datname="d"'


def ahead(text: str = SPEC) -> dict[str, Group]:
    return {group.name.removeprefix("capgen/shop/"): group for group in service(text).groups if group.ahead is not None}


def test_every_group_is_proven_and_mistakes_are_noticed(promtool: Path) -> None:
    groups = ahead()
    assert list(groups) == ["app.throughput/ahead", "cost.total_cost/budget", "db.cache_hit/ahead", "db.database_size/ahead"]  # fmt: skip
    proof = prove([replace(service(SPEC), groups=tuple(groups.values()))], promtool=promtool)
    assert [(r.rule, r.detail) for r in proof.results if r.status != "proven"] == []
    found = run_mutants([prepare(group) for group in groups.values()], promtool=promtool, every=14)
    survivors = [f"{m.mutant.rule}: {m.mutant.what}" for m in found if not m.killed]
    assert len(found) > 8 and len(survivors) <= 0.05 * len(found), survivors


def loads() -> dict[str, NDArray[np.float64]]:
    """Writes an hour: of the project's own making, and taxi rides of New York with their holidays."""
    own = weekly(12, seed=41, swing=0.6, spread=0.2)
    real = regular(read_history(REAL), 3600.0)[0].values[: 12 * 168] if REAL.is_file() else own
    return {"own": own, "real": np.where(np.isnan(real), np.nanmedian(real), real)}


@pytest.mark.parametrize("name", ["own", "real"])
def test_a_volume_is_told_of_its_lead_time_before_it_is_full(promtool: Path, tmp_path: Path, name: str) -> None:
    """What is written is kept, so the volume fills by the load's own weeks. It is full on the day that is known."""
    stored = np.cumsum(loads()[name])
    full = 55 * 24 + 7
    stored *= (100 << 30) / stored[full]
    group = ahead()["db.database_size/ahead"]
    (tmp_path / "rules.yml").write_text(rule_file([group]))
    alert = group.alerts[0].name
    record = 'capgen:full_in:seconds{service="shop",signal="db.database_size",source="db",instance="a",datname="d"}'
    checks = []
    for days in (40, 30, 21, 10):
        at = full - 24 * days
        truth = days * 86400
        # Two weeks tell the next six to an eighth; the table of the reference has 6 % for half of all series.
        checks.append((at, f"abs({record} / {truth} - 1) <= bool 0.125", f"{{{record[23:-1]}}}", "1"))
    fires = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    checks += [(full - 24 * 17, f"count({fires}) or vector(0)", "{}", "0"), (full - 24 * 11, f"count({fires}) or vector(0)", "{}", "1")]  # fmt: skip
    (tmp_path / "tests.yml").write_text(
        "rule_files: [rules.yml]\nevaluation_interval: 3h\ntests:\n- interval: 1h\n  input_series:\n"
        f"  - series: 'capgen:postgres_database_size:max{{{LABELS}}}'\n    values: '{written(stored[:full].tolist())}'\n"
        "  promql_expr_test:\n"
        + "".join(
            f"  - expr: '{expr}'\n    eval_time: {at // 3 * 3}h\n    exp_samples: [{{labels: '{labels}', value: {value}}}]\n"
            for at, expr, labels, value in checks
        )
    )
    run = subprocess.run([promtool, "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("planning", "code"),
    [
        ("lead_time: {app.nothing: 14d}", "CG306"),
        ("lead_time: {app.throughput: 0s}", "CG205"),
        ("lead_time: {db.database_size: 14d}", "CG929"),
        ("storage: {data: {size: 10Gi, growth: 3%, lead_time: 14d}}", "CG929"),
        ("storage: {data: {size: 10Gi, signal: db.database_size, lead_time: 14d}}", "CG929"),
        ("storage: {a: &a {size: 1Gi, volume: 9Gi, signal: db.database_size, lead_time: 14d}, b: *a}", "CG930"),
    ],
)
def test_what_nobody_can_be_told_of_is_an_error(planning: str, code: str) -> None:
    _, found = compiled(SPEC.partition("planning:")[0] + f"planning: {{{planning}}}\n")
    assert [one.code for one in found] == [code]
