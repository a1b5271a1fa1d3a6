"""Every signal of the catalogue, as a service would use it, comes out with its proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from capgen.api import compile_project
from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter
from capgen.prove.run import prove

_VALUES = {"ratio": "95%", "seconds": "1m", "bytes": "1Gi", "bytes_per_second": "1Gbps"}


def spec(exporter: Exporter) -> str:
    """A capacity with all signals of the exporter, and a value for each param that has none."""
    name = exporter.exporter.replace("_", "-")
    lines = [
        "apiVersion: capgen/v1",
        "kind: Capacity",
        "metadata:",
        f"  name: all-of-{name}",
        "  owner: platform",
        "sources:",
        "  it:",
    ]
    lines.append(f"    exporter: {exporter.exporter}")
    if not exporter.existing:
        lines += [f"    job: {name}", "    targets: [localhost:1234]"]
    lines.append("signals:")
    for key, definition in exporter.signals.items():
        lines.append(f"  it.{key}:")
        needed = {
            p: _VALUES.get(param.unit, "10")
            for p, param in definition.params.items()
            if param.default is None and f"${p}" in definition.expr
        }
        lines += [f"    {p}: {value}" for p, value in needed.items() if p in ("capacity", "quantile")]
        params = ", ".join(f"{p}: {value}" for p, value in needed.items() if p not in ("capacity", "quantile"))
        lines.append(f"    params: {{{params}}}" if params else "    enabled: true")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", Catalog().exporters)
def test_all_signals_of_an_exporter_are_proven(promtool: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "spec.yaml").write_text(spec(Catalog().entry(name).exporter))
    compiled = compile_project([tmp_path])
    assert [d.message for d in compiled.diagnostics if d.severity == "error"] == []
    proof = prove([service for fleet in compiled.fleets for service in fleet.services], promtool=promtool)
    assert [(r.rule, r.status, r.detail) for r in proof.results if r.status != "proven"] == []
    assert [(gap.group, gap.reason) for gap in proof.gaps] == []
    assert len(proof.results) > 1
