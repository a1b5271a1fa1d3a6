"""The proof of a whole environment: what `capgen test` reports, one an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from capgen.artifact import Artifact
from capgen.blueprint import Fleet
from capgen.prove.mutate import Mutation, run_mutants
from capgen.prove.run import Proof, prepare, prove
from capgen.prove.written import written_groups
from capgen.yamlio import Node


class Proven(Struct, frozen=True):
    """The proof of one environment's rules; `mutations` is None when no mutants were made."""

    environment: str
    proof: Proof
    mutations: tuple[Mutation, ...] | None


def prove_environment(
    fleet: Fleet,
    promtool: Path,
    *,
    jobs: int,
    cache: Path | None,
    mutants: bool,
    written: Sequence[Artifact] | None = None,
) -> Proven:
    """Tests every rule of a fleet, and on request every mutant. `written`: the fleet's files, where templates of the
    project's own made them; None for what the packaged ones make. Raises CapgenError when promtool does not run."""
    groups = None if written is None else written_groups(written)
    proof = prove(fleet.services, promtool=promtool, jobs=jobs, cache_dir=cache, written=groups)
    return Proven(fleet.environment, proof, _mutations(fleet, promtool, jobs, groups) if mutants else None)


def _mutations(fleet: Fleet, promtool: Path, jobs: int, written: Mapping[str, Node] | None) -> tuple[Mutation, ...]:
    groups = [prepare(group, written) for service in fleet.services for group in service.groups]
    return run_mutants(groups, promtool=promtool, jobs=jobs)
