"""Writes what in the documentation is printed by capgen: the references, and the output below each command.

`make docs` runs it (`python -m docs.refresh`); the tests compare its result with what is committed. Everything else is written by people.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.binaries import find

from capgen import api
from capgen.report.catalogue import exporter_report, overview_report
from capgen.report.codes import codes, page
from capgen.report.reference import reference
from capgen.spec.schema import schema
from docs import transcripts

SPEC = """# The spec language

Every key of every kind of document. This page is made from the JSON Schema that `capgen schema` prints, so it says
what editors and `capgen validate` check. The [guide](guide.md) explains how the parts work together.

Every key that is not required may also be `null`, which removes what a weaker layer says. A key that is not listed is
an error.

"""
CATALOGUE = """# The catalogue

What `capgen catalog` knows: exporters, the signals that each brings with it, and the metrics that these read. A spec
that names an exporter gets its signals with these levels, unless it says otherwise. A signal marked "when named" is
there only if the spec names it.

"""
CODES = """# Codes

Every finding has a code. `capgen explain CG304` prints the page of a code in the terminal.

| code | what is wrong |
| --- | --- |
"""


def references() -> Mapping[str, str]:
    """The pages that are printed as a whole, by path in the repository."""
    catalog = api.load_catalog(transcripts.ROOT / "no-project")
    exporters = [catalog.entry(name).exporter for name in catalog.exporters]
    overview = overview_report(exporters, "markdown")
    rows = "".join(f"| [{code}](../capgen/codes/{code}.md) | {_cell(page(code).title)} |\n" for code in codes())
    return {
        "docs/spec.md": SPEC + reference(schema()).rstrip() + "\n",
        "docs/catalogue.md": "\n".join((CATALOGUE + overview, *(exporter_report(e, "markdown") for e in exporters))),
        "docs/codes.md": CODES + rows,
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def stories() -> tuple[Path, ...]:
    """The pages that people write, which may hold commands."""
    written = (*transcripts.ROOT.glob("*.md"), *transcripts.ROOT.glob("docs/**/*.md"))
    return tuple(sorted(path for path in written if path.relative_to(transcripts.ROOT).as_posix() not in references()))


def main() -> None:
    for name, text in references().items():
        Path(transcripts.ROOT, name).write_text(text, encoding="utf-8")
    for path in stories():
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "project")
            transcripts.begin(folder, checkout=path.parent == transcripts.ROOT)
            variables = transcripts.surroundings(folder, find("promtool"), find("amtool"))
            before = path.read_text(encoding="utf-8")
            after = transcripts.told(before, folder, lambda command: transcripts.run(command, folder, variables))  # noqa: B023 (used at once)
            path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
