"""What is secret in a value, hidden before anybody prints or saves it.

capgen renders references to secrets and no secrets; what stands in a live object was put there by whoever did. The
names of keys give them away, as do credentials in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"

_NAMES = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization)"
)
_NAME = re.compile(rf"(?i){_NAMES}s?[\"'\]]*(?:\.value)?$")
# At the start of a line: inside an expression a label may well be called `token`.
_IN_TEXT = re.compile(
    rf"(?im)^([ \t+-]*(?:export[ \t]+)?[\"']?[\w-]*{_NAMES}[\"']?[ \t]*[:=][ \t]*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;}}\]]+)"
)
_IN_URL = re.compile(r"(://)[^/\s:@]+:[^/\s@]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic) +[A-Za-z0-9._~+/=-]{8,}")


def masked(path: str, value: Any) -> Any:
    """The value at a path with everything hidden that is a secret by its name."""
    if isinstance(value, Mapping):
        named = isinstance(value.get("name"), str) and _NAME.search(str(value["name"]))
        return {
            key: HIDDEN if named and key == "value" else masked(f"{path}.{key}", child) for key, child in value.items()
        }
    if isinstance(value, list):
        return [masked(path, item) for item in value]
    if isinstance(value, str):
        return HIDDEN if value and _NAME.search(path) else without_secrets(value)
    return value


def without_secrets(text: str) -> str:
    """Text with the secrets in it hidden: `password=…`, `token: …`, credentials in a URL or a header."""
    text = _BEARER.sub(HIDDEN, text)
    return _IN_TEXT.sub(rf"\g<1>{HIDDEN}", _IN_URL.sub(rf"\g<1>{HIDDEN}@", text))
