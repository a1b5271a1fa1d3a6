"""A review: what a change of the specs does, compared with a commit of git."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capgen import api
from capgen.api import git
from capgen.diagnostics import Diagnostic, in_order
from capgen.errors import Findings, UsageError
from capgen.review.changes import changes
from capgen.review.document import Review

if TYPE_CHECKING:
    from capgen.api.simulate import Circumstances
    from capgen.simulate.result import Comparison


def review(
    paths: Sequence[Path],
    base: str,
    *,
    environment: str | None = None,
    demand: Path | None = None,
    around: Circumstances | None = None,
) -> Review:
    """Compiles the specs as they are here and as they are at `base`, and compares.

    With demand and an environment, autoscalers are replayed before and after. Raises Findings when the specs here have
    errors, UsageError for a base or paths that git does not know.
    """
    git.inside(paths)
    environments = [environment] if environment else []
    commit = git.commit_of(base)
    after = api.build(paths, environments=environments)
    said = api.check_compiled(after.compiled)
    unknown = ["pages a week, since no Prometheus was asked", "what the cluster has, since none was asked"]
    with tempfile.TemporaryDirectory(prefix="capgen-review-") as scratch:
        there = Path(scratch)
        git.extract(commit, git.project_parts(paths), there)
        before, once = _built(paths, environments, there)
        if before is None:
            unknown.append("how it was, since the base has no valid specs at these paths: everything counts as new")
        replays, broken = (
            _replays(paths, environment, demand, around, before, there)
            if environment and demand and around
            else ((), ())
        )
    if not replays:
        unknown.append(
            "replicas and money, since there is no demand to replay: name it with --env, --demand and --pod-hour"
        )
    old = api.generated_files(before) if before else {}
    new = api.generated_files(after)
    known = {(finding.code, finding.message) for finding in once}
    return Review(
        base=base,
        changes=changes(before.compiled.fleets if before else (), after.compiled.fleets),
        files=tuple(
            (path, "added" if path not in old else "removed" if path not in new else "changed")
            for path in sorted({*old, *new})
            if old.get(path) != new.get(path)
        ),
        alerts=(_alerts(before), _alerts(after)),
        replays=replays,
        new=in_order(f for f in (*after.compiled.diagnostics, *said) if (f.code, f.message) not in known),
        bounds=tuple(finding for finding in broken if finding.code == "CG927"),
        unknown=tuple(unknown),
    )


def _built(
    paths: Sequence[Path], environments: Sequence[str], there: Path
) -> tuple[api.Built | None, tuple[Diagnostic, ...]]:
    present = [path for path in paths if (there / path).exists()]
    if not present:
        return None, ()
    try:
        built = api.build(present, environments=environments, under=there)
    except (Findings, UsageError):
        return None, ()
    return built, (*built.compiled.diagnostics, *api.check_compiled(built.compiled))


def _replays(
    paths: Sequence[Path],
    environment: str,
    demand: Path,
    around: Circumstances,
    before: api.Built | None,
    there: Path,
) -> tuple[tuple[Comparison, ...], tuple[Diagnostic, ...]]:
    from capgen.api.simulate import simulate_specs

    built = there / "generated-at-base"
    for path, text in (api.generated_files(before) if before else {}).items():
        (built / path).parent.mkdir(parents=True, exist_ok=True)
        (built / path).write_text(text, encoding="utf-8")
    return simulate_specs(paths, environment, demand, around, against=built)


def _alerts(built: api.Built | None) -> int:
    fleets = built.compiled.fleets if built else ()
    return sum(len(group.alerts) for fleet in fleets for service in fleet.services for group in service.groups)
