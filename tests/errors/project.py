"""A project on disk from a page's example, and what validating it says.

An example is a whole project when its lines `# specs/shop.yaml` name the files; a whole document when it starts
with `apiVersion`; else a part of this service, which has two sources unless the part brings its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from capgen import api
from capgen.diagnostics import Diagnostic, in_order

_FILE = re.compile(r"^# ([\w./-]+\.yaml)\n", re.MULTILINE)
_SERVICE = {
    "apiVersion": "apiVersion: capgen/v1\n",
    "kind": "kind: Capacity\n",
    "metadata": "metadata: {name: shop}\n",
    "sources": 'sources:\n  host: {exporter: node, targets: ["localhost:9100"]}\n  app: {exporter: http, targets: ["localhost:8080"]}\n',
}


def files(example: str) -> dict[str, str]:
    """The files of a project, by path below its folder."""
    if parts := _FILE.split(example)[1:]:
        return dict(zip(parts[::2], parts[1::2], strict=True))
    if example.startswith("apiVersion"):
        return {"specs/shop.yaml": example}
    given = {line.partition(":")[0] for line in example.splitlines()}
    return {"specs/shop.yaml": "".join(text for key, text in _SERVICE.items() if key not in given) + example + "\n"}


def write(folder: Path, example: str) -> Path:
    """Writes the project and returns its specs' folder."""
    for name, text in files(example).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "specs"


def findings(specs: Path) -> tuple[Diagnostic, ...]:
    """What `capgen validate` finds."""
    compiled = api.compile_project([specs])
    return in_order((*compiled.diagnostics, *api.check_compiled(compiled)))
