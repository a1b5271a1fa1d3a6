"""One HTML file a dashboard: the bundle and the data are in it, so it opens offline, from a mail or a CI artifact."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from typing import Any

from msgspec import Struct


class Bundle(Struct, frozen=True):
    """What the browser runs."""

    script: str
    style: str


def page(content: dict[str, Any], bundle: Bundle) -> str:
    """The page. It loads nothing, and runs no script but the bundle: what a dashboard says is data."""
    script = bundle.script.replace("</script", "<\\/script")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}' '{_digest(_BEFORE)}'",
            "style-src 'unsafe-inline'",
            "font-src data:",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    # `<` inside JSON could end the element that holds it.
    data = json.dumps(content, ensure_ascii=True, sort_keys=True).replace("<", "\\u003c")
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(content["title"])}</title>
<style>body{{margin:0}}{bundle.style}</style>
</head>
<body>
<div id="root"></div>
<script type="application/json" id="dashboard">{data}</script>
<script>{_BEFORE}</script>
<script>{script}</script>
</body>
</html>
"""


# Grafana's packages read these when they are loaded; there is no server that would have set them.
_BEFORE = "window.grafanaBootData={settings:{},user:{}};"


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
