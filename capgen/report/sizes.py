"""Right-sizing and autoscaled replicas in a plan: as tables, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from capgen.planning.advice import amount_of, hours
from capgen.planning.replicas import Scaled
from capgen.planning.sizing import Joint, Size, WorkloadSize
from capgen.report.document import Block, Paragraph, Table
from capgen.report.forecast import rounded
from capgen.simulate.result import Summary


def sizes(found: Sequence[WorkloadSize]) -> tuple[Block, ...]:
    """What each container asks for and should; then what an HPA holds, with its replays."""
    if not found:
        return (Paragraph("The spec names no containers, so nothing is sized."),)
    known = [(one, size) for one in found for size in one.sizes if size.percentile is not None]
    blocks: list[Block] = []
    if known:
        headings = ("container", "resource", "asked for", "used", "by percentile", "by VPA", "verdict")
        rows = tuple(_row(one, size) for one, size in known)
        blocks.append(
            Table("Requests (P95 of CPU; the most of memory, and 15 %)", headings, rows, frozenset({2, 3, 4, 5}))
        )
    for one in found:
        if one.joint is not None:
            blocks.append(_joint(one, one.joint))
        elif one.unjoint:
            blocks.append(Paragraph(f"{one.workload.name}, request and target together: {one.unjoint}."))
    unknown = [f"{one.workload.name}/{size.container} {size.resource} ({size.reason})" for one in found for size in one.sizes if size.reason]  # fmt: skip
    if unknown and not known:
        blocks.append(Paragraph("There is no history of what containers use, so nothing is sized: give --history or --prometheus."))  # fmt: skip
    elif unknown:
        blocks.append(Paragraph(f"Not sized: {'; '.join(unknown)}."))
    return tuple(blocks)


def _row(one: WorkloadSize, size: Size) -> tuple[str, ...]:
    def shown(amount: Decimal | None) -> str:
        return "nothing" if amount is None else amount_of(size.resource, amount)

    held = one.joint is not None and one.joint.resource == size.resource
    note = "use was at the limit: more may be wanted" if size.censored else "held by the HPA, see below" if held else ""
    return (
        f"{one.workload.name}/{size.container}", size.resource, shown(size.requested), shown(size.used),
        shown(size.percentile), shown(size.vpa), note or ("change" if size.off else "right"),
    )  # fmt: skip


def _joint(one: WorkloadSize, joint: Joint) -> Table:
    request, advised = (amount_of(joint.resource, amount) for amount in (joint.request, joint.advised_request))
    rows = tuple(
        (what, of_pod, f"{target}%", f"{summary.mean:.1f}", str(summary.most), hours(summary.at_max), _asked(joint, size, summary))
        for what, of_pod, target, summary, size in (
            ("as it is", request, joint.target, joint.today, joint.request),
            ("together", advised, joint.advised_target, joint.together, joint.advised_request),
            ("request alone", advised, joint.target, joint.alone, joint.advised_request),
        )
    )  # fmt: skip
    title = f"{one.workload.name}: request and target of {joint.metric}, replayed over {joint.days:.0f} days"
    headings = ("setting", "request", "target", "pods, mean", "most", "at the maximum", "asked for")
    return Table(title, headings, rows, frozenset({1, 2, 3, 4, 5, 6}))


def _asked(joint: Joint, size: Decimal, summary: Summary) -> str:
    return amount_of(joint.resource, size * Decimal(repr(round(summary.mean, 6))), rough=True)


def replicas(found: Sequence[Scaled], month: Sequence[str]) -> Table:
    """Pods at the busiest by month: one in ten is below the first number, one in ten above the last."""
    rows = tuple(
        (label, *(f"{low} / {middle} / {high}" + (" (its maximum)" if middle >= one.most else "") for one in found for low, middle, high in (one.replicas[place],)))
        for place, label in enumerate(month)
    )  # fmt: skip
    headings = ("month", *(one.workload for one in found))
    return Table(
        "Pods at the busiest, by replay of the HPA (10/50/90%)", headings, rows, frozenset(range(1, len(headings)))
    )


def plain_sizes(found: Sequence[WorkloadSize]) -> list[dict[str, object]]:
    """As plain data; amounts are strings with every digit, in cores and bytes."""
    return [
        {
            "workload": one.workload.name,
            "containers": [_plain_size(size) for size in one.sizes],
            "joint": None if one.joint is None else _plain_joint(one.joint),
            "joint_reason": one.unjoint or None,
            "replicas": None if one.replicas is None else rounded(float(one.replicas)),
        }
        for one in found
    ]


def _plain_size(size: Size) -> dict[str, object]:
    amounts = {
        "requested": size.requested, "limit": size.limited, "used": size.used, "percentile": size.percentile,
        "p99": size.higher, "vpa": size.vpa,
    }  # fmt: skip
    return {
        "container": size.container,
        "resource": size.resource,
        **{name: None if amount is None else f"{amount.normalize():f}" for name, amount in amounts.items()},
        "samples": size.samples,
        "change": size.off,
        "at_limit": size.censored,
        "reason": size.reason or None,
    }


def _plain_joint(joint: Joint) -> dict[str, object]:
    return {
        "metric": joint.metric,
        "resource": joint.resource,
        "change": joint.off,
        "request": f"{joint.request.normalize():f}",
        "target": joint.target,
        "advised_request": f"{joint.advised_request.normalize():f}",
        "advised_target": joint.advised_target,
        "days": rounded(joint.days),
        **{
            name: {"mean": rounded(s.mean), "most": s.most, "at_max_seconds": rounded(s.at_max), "changes": s.events, "pod_hours": rounded(s.pod_hours)}
            for name, s in (("today", joint.today), ("together", joint.together), ("request_alone", joint.alone))
        },
    }  # fmt: skip


def plain_replicas(found: Sequence[Scaled]) -> list[dict[str, object]]:
    """As plain data, by workload."""
    return [
        {
            "workload": one.workload,
            "growth_a_month": {"p10": rounded(float(one.rate.low)), "p50": rounded(float(one.rate.expected)), "p90": rounded(float(one.rate.high))},
            "maximum": one.most,
            "replicas": [{"month": month, "p10": low, "p50": middle, "p90": high} for month, (low, middle, high) in enumerate(one.replicas)],
        }
        for one in found
    ]  # fmt: skip
