"""The proof of a whole environment: what `capgen test` reports, one an environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from capgen.blueprint import Fleet
from capgen.prove.mutate import Mutation, run_mutants
from capgen.prove.run import Proof, prepare, prove


@dataclass(frozen=True, slots=True)
class Proven:
    """The proof of one environment's rules; `mutations` is None when no mutants were made."""

    environment: str
    proof: Proof
    mutations: tuple[Mutation, ...] | None


def prove_environment(fleet: Fleet, promtool: Path, *, jobs: int, cache: Path | None, mutants: bool) -> Proven:
    """Tests every rule of a fleet, and on request every mutant. Raises CapgenError when promtool does not run."""
    proof = prove(fleet.services, promtool=promtool, jobs=jobs, cache_dir=cache)
    return Proven(fleet.environment, proof, _mutations(fleet, promtool, jobs) if mutants else None)


def _mutations(fleet: Fleet, promtool: Path, jobs: int) -> tuple[Mutation, ...]:
    groups = [prepare(group) for service in fleet.services for group in service.groups]
    return run_mutants(groups, promtool=promtool, jobs=jobs)
