"""The pictures that the README shows are there, small enough for a page, and none lies about unused."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MOST = 200 * 1024


def test_each_picture_is_shown_and_small() -> None:
    shown = set(re.findall(r"\]\(docs/images/([\w.-]+)\)", (ROOT / "README.md").read_text()))
    kept = {path.name: path.stat().st_size for path in IMAGES.iterdir()}
    assert shown == kept.keys()
    assert {name: size for name, size in kept.items() if size > MOST} == {}
    assert all((IMAGES / name).read_bytes().startswith(b"\x89PNG") for name in kept)
