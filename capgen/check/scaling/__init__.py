"""The checks of who scales what, one a file: every dimension of every workload has exactly one owner.

A check looks at a spec and its Blueprint and yields findings. Adding one is a file here, its row below, and a
page in `capgen/codes/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling import (
    bounds_exclude_target,
    fixed_replicas,
    min_above_max,
    missing_request,
    resize_beside_vpa,
    same_resource,
    scale_to_zero,
    target_above_level,
    unscaled,
)
from capgen.diagnostics import Diagnostic, in_order
from capgen.spec.parse import Spec

SpecCheck = Callable[[Spec, Blueprint], Iterator[Diagnostic]]

SPEC_CHECKS: tuple[SpecCheck, ...] = (
    same_resource.check, target_above_level.check, min_above_max.check, scale_to_zero.check,
    bounds_exclude_target.check, fixed_replicas.check, resize_beside_vpa.check, missing_request.check,
    unscaled.check,
)  # fmt: skip


def check_scaling(spec: Spec, blueprint: Blueprint) -> tuple[Diagnostic, ...]:
    """Everything wrong with a service's autoscaling, by position."""
    return in_order(finding for check in SPEC_CHECKS for finding in check(spec, blueprint))
