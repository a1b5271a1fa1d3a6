"""What Prometheus has against the template in an annotation or a label: with one that does not parse it refuses the file.

Go's templates, as far as they are judged before any alert exists: brackets, blocks, the names of functions and variables.
"""

from __future__ import annotations

import re

from capgen.diagnostics import nearest

_FUNCTIONS = frozenset(
    ("args", "externalURL", "first", "graphLink", "humanize", "humanize1024", "humanizeDuration", "humanizePercentage",
     "humanizeTimestamp", "label", "match", "now", "parseDuration", "pathPrefix", "query", "reReplaceAll", "safeHtml",
     "sortByLabel", "stripDomain", "stripPort", "strvalue", "tableLink", "title", "toDuration", "toLower",
     "toTime", "toUpper", "urlQueryEscape", "value",
     # Go's own.
     "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
     "println", "slice", "urlquery")
)  # fmt: skip
_OPENS = frozenset(("if", "range", "with", "define", "block"))
_WORDS = frozenset(("else", "end", "template", "break", "continue", "nil", "true", "false", *_OPENS))
_GIVEN = frozenset(("$", "$labels", "$externalLabels", "$externalURL", "$value"))
_TEXT = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|' + r"'(?:[^'\\\n]|\\.)+'"
_ACTION = re.compile(r"\{\{(/\*.*?\*/|(?:" + _TEXT + r'|[^"`\'{}]|[{](?![{])|\}(?!\}))*)\}\}', re.DOTALL)
_TOKEN = re.compile(_TEXT + r"|\$\w*|(?<![\w)\]])\.[\w.]*|\.\w+|\d[\w.]*|\w+|:=|=|\S")


def wrong(text: str) -> str:
    """Why Prometheus does not take the template, "" if it does."""
    opened: list[str] = []
    known = set(_GIVEN)
    rest = 0
    for action in _ACTION.finditer(text):
        if "{{" in text[rest : action.start()]:
            break
        rest = action.end()
        inside = action[1].strip().removeprefix("- ").removesuffix(" -")
        if inside.startswith("/*"):
            continue
        tokens = _TOKEN.findall(inside)
        if not tokens:
            return "an action `{{ }}` says nothing"
        known.update(name for name in tokens if name.startswith("$") and ":=" in tokens)
        if unknown := next((name for name in tokens if name.startswith("$") and name not in known), None):
            return f"there is no variable {unknown}"
        if unknown := next((t for t in tokens if re.match(r"[A-Za-z_]", t) and t not in _FUNCTIONS | _WORDS), None):
            close = nearest(unknown, _FUNCTIONS)
            return f"there is no function {unknown!r}" + (f": did you mean {close!r}?" if close else "")
        if tokens[0] in _OPENS:
            opened.append(tokens[0])
        elif tokens[0] in ("else", "end") and not opened:
            return f"`{{{{ {tokens[0]} }}}}` ends nothing"
        elif tokens[0] == "end":
            opened.pop()
    if "{{" in text[rest:]:
        return "a `{{` is not closed"
    return f"`{{{{ {opened[-1]} }}}}` has no `{{{{ end }}}}`" if opened else ""
