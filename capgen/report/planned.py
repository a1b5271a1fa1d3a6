"""Plans as plain data: what `capgen plan --format json` prints, and the part of a report that looks ahead."""

from __future__ import annotations

import json
from collections.abc import Sequence

from capgen.history.series import instant
from capgen.planning.crossing import Reached
from capgen.planning.plan import MONTHS, Outlook, ServicePlan
from capgen.report.forecast import plain_backtest, plain_notice, rounded
from capgen.report.machine import plain as plain_finding
from capgen.report.sizes import plain_replicas, plain_sizes
from capgen.report.visible import encodable

SCHEMA_VERSION = 1
_POINTS = 900

SCHEMA_VERSION = 1


def as_json(plans: Sequence[ServicePlan]) -> str:
    """`{"schema_version", "services": [...]}`; money and sizes are strings with every digit, shares are numbers."""
    document_ = {"schema_version": SCHEMA_VERSION, "services": [plain(plan) for plan in plans]}
    return encodable(json.dumps(document_, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def plain(plan: ServicePlan) -> dict[str, object]:
    """A plan as plain data."""
    months = len(plan.volumes[0].plan.sizes) - 1 if plan.volumes and plan.volumes[0].plan else MONTHS
    costs, declared = plan.costs, plan.declared.costs if plan.declared else None
    return {
        "service": plan.service,
        "environment": plan.environment,
        "now": None if plan.now is None else instant(plan.now),
        "horizon_seconds": plan.horizon,
        "months": months,
        "signals": [_plain_outlook(outlook) for outlook in plan.outlooks],
        "compute": [
            {
                "month": month.month,
                "used": {name: rounded(float(share)) for name, share in month.used},
                "needed": dict(month.needed),
                "binding": month.binding,
                "nodes": month.nodes,
                "nodes_p10": month.between[0],
                "nodes_p90": month.between[1],
                "filled": {name: rounded(float(share)) for name, share in month.filled},
            }
            for month in plan.nodes
        ],
        "autoscaled": plain_replicas(plan.scaled),
        "right_sizing": plain_sizes(plan.sizes),
        "storage": [
            {
                "volume": outlook.volume.name,
                "growth": None if outlook.plan is None else rounded(float(outlook.plan.growth)),
                "bytes": [] if outlook.plan is None else [str(round(size)) for size in outlook.plan.sizes],
                "full_after_months": None if outlook.plan is None or outlook.plan.full_after is None else rounded(float(outlook.plan.full_after)),
                "full_measured": None if outlook.measured is None else _plain_dates(outlook.measured),
                "resizes": [] if outlook.plan is None else [{"month": r.month, "bytes": str(round(r.capacity))} for r in outlook.plan.resizes],
                "retentions": [] if outlook.plan is None else [
                    {
                        "seconds": rounded(float(kept.retention)), "bytes": str(round(kept.size)), "saved": str(round(kept.saved)),
                        "full_after_months": None if kept.full_after is None else rounded(float(kept.full_after)),
                    }
                    for kept in outlook.plan.kept
                ],
                "lead_seconds": outlook.lead,
                "reason": outlook.reason or None,
            }
            for outlook in plan.volumes
        ],
        "cost": None
        if costs is None or declared is None
        else {
            "currency": costs.currency,
            "months": [
                {"month": month.month, **{name: str(amount) for name, amount in month.parts}, "total": str(month.total), "total_p10": str(month.low), "total_p90": str(month.high)}
                for month in costs.months
            ],
            "total": str(costs.total),
            "total_p10": str(costs.between[0]),
            "total_p90": str(costs.between[1]),
            "source": declared.source or None,
            "as_of": declared.as_of or None,
            "budget": None if costs.budget is None else str(costs.budget),
            "alerts": [{"share": rounded(float(a.share)), "amount": str(a.amount), "month": a.month, "month_p90": a.early} for a in costs.alerts],
            "savings": [{"option": s.name, "of": s.of, "total": str(s.total), "assumes": s.assumes} for s in costs.savings],
            "unpriced": list(costs.unpriced),
            "unforecast": list(costs.unforecast),
        },
        "recommendations": [
            {"about": one.key, "what": one.what, "rule": one.rule, "basis": one.basis, "otherwise": one.otherwise} for one in plan.advice
        ],
        "roadmap": [
            {
                "quarter": item.entry.quarter, "theme": item.entry.theme, "title": item.entry.title,
                "owner": item.entry.owner or None, "status": item.entry.status, "moves": item.entry.moves or None,
                "due": None if item.due is None else instant(item.due), "late": item.late,
            }
            for item in plan.roadmap
        ],
        "findings": [plain_finding(finding) for finding in plan.found],
    }  # fmt: skip


def _plain_outlook(outlook: Outlook) -> dict[str, object]:
    made = outlook.made
    peaks = outlook.peaks
    return {
        "signal": outlook.signal.id,
        "unit": outlook.signal.unit,
        "reason": outlook.reason or None,
        "levels": [
            {"level": level.name, "severity": level.severity, "threshold": rounded(level.reached.threshold), "lead_seconds": level.lead, **_plain_dates(level.reached)}
            for level in outlook.levels
        ],
        "peak": None
        if peaks is None
        else dict(zip(("last_four_weeks", "p10", "p50", "p90"), (rounded(peak) for peak in peaks), strict=True)),
        "backtest": None if made is None else plain_backtest(made.backtest),
        "warnings": [] if made is None else [plain_notice(notice) for notice in made.notices],
    }  # fmt: skip


def _plain_dates(when: Reached) -> dict[str, object]:
    dates = {"p10": when.early, "p50": when.expected, "p90": when.late}
    return {"already": when.already, **{name: None if at is None else instant(at) for name, at in dates.items()}}
