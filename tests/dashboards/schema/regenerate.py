"""Makes the JSON Schemas of this folder out of Grafana's own types, the npm package `@grafana/schema`.

    python tests/dashboards/schema/regenerate.py

Grafana publishes no schema of a dashboard's body; it publishes TypeScript types of it, and of every panel's options.
`ts-json-schema-generator` turns them into strict schemas (no key that the types do not know). Both packages are
installed into a scratch folder with the versions below; only what is generated is kept, as one file, with the
notice that the types' licence asks for. Needs npm.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VERSIONS = {
    "@grafana/schema": "13.2.3",
    "ts-json-schema-generator": "2.4.0",
    "typescript": "5.9.3",
    "@grafana/data": "13.2.3",
}
NOTICE = (
    "Generated from the TypeScript types of @grafana/schema {version}, Copyright Grafana Labs, licensed under the Apache "
    "License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0). Changed: translated to JSON Schema, and loosened "
    "where it says so in regenerate.py."
)
UNITS = HERE.parents[2] / "capgen" / "check" / "dashboards" / "units.py"
UNITS_HEAD = '''"""The unit ids that Grafana knows; made by tests/dashboards/schema/regenerate.py from @grafana/data {version}."""

_KNOWN = """
{units}
"""
UNITS = frozenset(_KNOWN.split())
'''
_RAW = "./node_modules/@grafana/schema/dist/types/raw"
PANELS = {
    "bargauge": "Options", "heatmap": "Options", "stat": "Options", "statetimeline": "Options", "table": "Options",
    "text": "Options", "timeseries": "Options",
}  # fmt: skip
FIELDS = {"heatmap": "FieldConfig", "statetimeline": "FieldConfig", "table": "FieldConfig", "timeseries": "FieldConfig"}
"""Panels of which the package has a type for `fieldConfig.defaults.custom`; the alert list has none at all."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="capgen-schema-") as scratch:
        folder = Path(scratch)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": VERSIONS}))
        (folder / "tsconfig.json").write_text(
            json.dumps({"compilerOptions": {"module": "esnext", "moduleResolution": "bundler", "strict": True, "skipLibCheck": True}})
        )  # fmt: skip
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True)
        schemas = {
            "classic": _schema(folder, f"import type {{ Dashboard as D }} from '{_RAW}/dashboard/x/types.gen';"),
            "v2": _schema(folder, "import type { Spec as D } from '@grafana/schema/apis/dashboard.grafana.app/v2';"),
        }
        for kinds, what in ((PANELS, "options"), (FIELDS, "custom")):
            for panel, type_ in kinds.items():
                source = f"import type {{ {type_} as D }} from '{_RAW}/composable/{panel}/panelcfg/x/types.gen';"
                schemas[f"{what}/{panel}"] = _schema(folder, source)
        _loosen(schemas["classic"])
        notice = NOTICE.format(version=VERSIONS["@grafana/schema"])
        text = json.dumps({"notice": notice, "schemas": schemas}, indent=1, sort_keys=True, ensure_ascii=False)
        (HERE / "grafana.json").write_text(text + "\n", encoding="utf-8")
        units = textwrap.fill(" ".join(_units(folder)), 110, break_long_words=False, break_on_hyphens=False)
        UNITS.write_text(UNITS_HEAD.format(version=VERSIONS["@grafana/data"], units=units), encoding="utf-8")
    return 0


def _schema(folder: Path, source: str) -> dict[str, Any]:
    (folder / "wanted.ts").write_text(f"{source}\nexport type Wanted = D;\n")
    command = [
        "npx",
        "ts-json-schema-generator",
        "--path",
        "wanted.ts",
        "--type",
        "Wanted",
        "--tsconfig",
        "tsconfig.json",
    ]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    schema: dict[str, Any] = json.loads(run.stdout)
    return _without_prose(schema)


def _without_prose(node: Any) -> Any:
    """Leaves out the descriptions: they are Grafana's documentation, and nothing is checked by them."""
    if isinstance(node, dict):
        return {
            key: _without_prose(value) for key, value in node.items()
            if not (key in ("description", "$comment") and isinstance(value, str))
        }  # fmt: skip
    return [_without_prose(item) for item in node] if isinstance(node, list) else node


def _loosen(classic: dict[str, Any]) -> None:
    """The types leave a data source's own fields of an annotation (`expr`, `step`, …) to the data source."""
    for name, definition in classic["definitions"].items():
        if name.startswith("AnnotationQuery"):
            definition["additionalProperties"] = True


def _units(folder: Path) -> list[str]:
    """The unit ids that Grafana itself knows, asked of its own code."""
    script = (
        "globalThis.navigator ??= {userAgent: 'node', language: 'en', languages: ['en']};"
        "const {getValueFormats} = require('@grafana/data');"
        "console.log(JSON.stringify(getValueFormats().flatMap(g => g.submenu.map(u => u.value))))"
    )
    run = subprocess.run(["node", "-e", script], cwd=folder, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(run.stdout.strip().splitlines()[-1])
    return sorted(set(found))


if __name__ == "__main__":
    sys.exit(main())
