"""A metric that is there only behind a flag, or in some versions: the rule is silent everywhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Binary, Expr, selectors, walk

CODE = "CG503"
ACKNOWLEDGE = "set it, and say so with `# capgen: ignore CG503`"

KNOWN = tuple(
    (re.compile(pattern), what, hint)
    for pattern, what, hint in (
        (r"pg_stat_bgwriter_(checkpoints?_\w+|buffers_(checkpoint|backend\w*)_total)",
         "is gone with PostgreSQL 17, which moved the counts to pg_stat_checkpointer",
         "read pg_stat_checkpointer_* there (collector stat_checkpointer, off by default), with `or` for older servers"),
        (r"pg_replication_slot_\w+", "is called pg_replication_slots_* since postgres_exporter 0.20", "rename it"),
        (r"mysql_slave_status_\w+", "changes its name with MySQL 8.4, which replaced SHOW SLAVE STATUS",
         "match both names, like {__name__=~\"mysql_slave_status_seconds_behind_(master|source)\"}"),
        (r"kube_hpa_\w+", "is called kube_horizontalpodautoscaler_* since kube-state-metrics 2.0", "rename it"),
        (r"kube_pod_container_resource_(requests|limits)_(cpu_cores|memory_bytes)",
         "is gone since kube-state-metrics 2.0", "read the name without the resource, with resource=\"cpu\" or \"memory\""),
        (r"pg_stat_checkpointer_\w+", "is there only when postgres_exporter runs with --collector.stat_checkpointer", ACKNOWLEDGE),
        (r"redis_total_system_memory_bytes", "is there only when redis_exporter runs with --include-system-metrics", ACKNOWLEDGE),
        (r"node_(systemd|processes|tcpstat|ethtool|qdisc|buddyinfo|slabinfo|zoneinfo)_\w+|node_tcp_connection_states",
         "is there only when node_exporter runs with a collector that is off by default", ACKNOWLEDGE),
        (r"kube_\w+_labels", "is there only for the labels that kube-state-metrics' --metric-labels-allowlist names",
         ACKNOWLEDGE),
    )
)  # fmt: skip
"""Metrics that the catalogue does not declare or whose change lies behind the exporter, in what it watches."""


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for each such metric, once."""
    seen: set[str] = set()
    for selector in selectors(tree):
        name = selector.name
        if name in seen or name in setting.records:
            continue
        seen.add(name)
        if row := known(name):
            # `old or new` is the documented way over the change.
            if not _has_alternative(tree, name):
                yield Problem(CODE, Severity.WARNING, f"{name} {row[0]}", row[1], selector)
            continue
        facts = setting.facts.of(name)
        if facts and all(fact.metric.flag for fact in facts):
            flag, exporter = facts[0].metric.flag, facts[0].exporter
            yield Problem(CODE, Severity.WARNING, f"{name} is there only when {exporter} runs with {flag}",
                          ACKNOWLEDGE, selector)  # fmt: skip
        elif facts and all(fact.metric.until for fact in facts):
            until, exporter = facts[0].metric.until, facts[0].exporter
            yield Problem(
                CODE,
                Severity.WARNING,
                f"{name} is gone after version {until} of {exporter}",
                facts[0].metric.absent,
                selector,
            )


def known(name: str) -> tuple[str, str] | None:
    """What is to be said of a metric of the table, and what to do; None for any other."""
    return next(((what, hint) for pattern, what, hint in KNOWN if pattern.fullmatch(name)), None)


def _has_alternative(tree: Expr, name: str) -> bool:
    for node in walk(tree):
        if isinstance(node, Binary) and node.op == "or":
            sides = [{selector.name for selector in selectors(side)} for side in (node.left, node.right)]
            if any(name in one and other - {name} for one, other in (sides, sides[::-1])):
                return True
    return False
