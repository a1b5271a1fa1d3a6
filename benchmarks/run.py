"""Measures capgen and its peers on equal work, one after the other, and writes docs/benchmarks.md.

    python benchmarks/run.py [--quick] [--no-peers] [--out FILE]

Nothing here judges a change by itself: clocks differ from machine to machine, so no test depends on a time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT / "tests")]

import cases  # noqa: E402
import deliveries  # noqa: E402
import forecasts  # noqa: E402
import plans  # noqa: E402
import replays  # noqa: E402
from cases import Bench, Row  # noqa: E402
from measure import Failed  # noqa: E402
from peers import Unavailable  # noqa: E402
from report import document  # noqa: E402

TABLES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": cases.start_up,
    "cold": cases.cold_builds,
    "rebuild": cases.rebuilds,
    "rules": cases.rules_alone,
    "proof": cases.proof,
    "replays": replays.replays,
    "deliveries": deliveries.deliveries,
    "forecasts": forecasts.forecasts,
    "plans": plans.plans,
}


def main(arguments: Sequence[str]) -> int:
    """Runs what the arguments ask for; the document goes to `--out`, or to stdout."""
    given = _parser().parse_args(arguments)
    fleet = given.services or (100 if given.quick else 1000)
    sizes = [size for size in (10, 100, 1000, 10_000) if size < fleet] + [fleet] + ([10_000] if fleet == 1000 else [])
    tables: dict[str, list[Row]] = {}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="capgen-bench-") as scratch:
        peers = not given.no_peers
        bench = Bench(Path(scratch), fleet, sizes, given.runs, peers, _promtool() if peers else None)
        try:
            for name in given.only or TABLES:
                print(f"measuring {name}", file=sys.stderr, flush=True)
                tables[name] = list(TABLES[name](bench))
        except Unavailable as missing:
            print(f"{missing}\nmake it available, or measure capgen alone with --no-peers", file=sys.stderr)
            return 1
        except Failed as failed:
            print(failed, file=sys.stderr)
            return 1
    text = document(tables, TABLES, given.runs, load)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fleets of 100 services instead of 1,000 and 10,000")
    parser.add_argument("--services", type=int, help="the size of the fleet")
    parser.add_argument("--runs", type=int, default=3, help="how often each command is timed; the fastest counts")
    parser.add_argument("--only", action="append", choices=TABLES, help="one table; may be given several times")
    parser.add_argument("--no-peers", action="store_true", help="capgen alone; nothing is fetched or built")
    parser.add_argument("--out", type=Path, help="the Markdown file to write instead of stdout")
    return parser


def _promtool() -> Path:
    from components.build import BuildFailed, ensure

    try:
        folder: Path = ensure("prometheus")
    except BuildFailed as failed:
        raise Unavailable(str(failed)) from failed
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
