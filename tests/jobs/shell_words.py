"""The commands that a POSIX shell script names, on all its branches: a small lexer for the shell that capgen generates.

It knows quotes, substitutions, `case`, redirections and here-documents' absence; what it does not know fails loudly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OPENING = frozenset(("!", "{", "do", "elif", "else", "if", "then", "until", "while"))
"""Keywords behind which a command begins."""
OTHERS = frozenset(("}", "case", "done", "esac", "fi", "for", "in"))
RUNNING = frozenset(("command", "exec", "timeout"))
"""Those whose argument is a command as well; timeout's is behind a duration."""
BUILTINS = frozenset(
    [
        ".",
        ":",
        "[",
        "break",
        "cd",
        "command",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "kill",
        "printf",
        "read",
        "return",
        "set",
        "shift",
        "test",
        "trap",
        "true",
        "umask",
        "unset",
        "wait",
    ]
)
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")


@dataclass
class _Level:
    """Where the lexer is in one list of commands: the script, or a substitution in it."""

    begins: bool = True
    cases: list[str] = field(default_factory=list)
    redirected: bool = False
    timed: bool = False


def commands(text: str) -> set[str]:
    """The names. Raises ValueError where the script does not end as it began."""
    found: set[str] = set()
    if _listed(text, 0, "", found) != len(text):
        raise ValueError("a parenthesis too many")
    return found


def _listed(text: str, at: int, closing: str, found: set[str]) -> int:
    """Reads commands up to `closing`; returns the place behind it."""
    level, word, quoted = _Level(), "", False
    while at < len(text):
        char = text[at]
        if char in "\\'\"$":
            part, at = _part(text, at, found)
            word, quoted = word + part, quoted or char != "\\" or bool(part)
        elif char == "#" and not word and not quoted:
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif char in " \t\n;&|()<>":
            if char in "<>" and word.isdigit():
                word = ""  # the number of what is redirected
            _told(level, word, quoted, found)
            word, quoted = "", False
            if char == ")" and closing == ")" and not (level.cases and level.cases[-1] == "pattern"):
                return at + 1
            at = _operator(text, at, level)
        else:
            word, at = word + char, at + 1
    _told(level, word, quoted, found)
    if closing:
        raise ValueError(f"{closing} is missing")
    return at


def _operator(text: str, at: int, level: _Level) -> int:
    char = text[at]
    if char in " \t":
        return at + 1
    if char in "<>":
        level.redirected = True
        end = re.compile(r"[<>]{1,2}[&|]?").match(text, at)
        assert end is not None and not end[0].startswith("<<"), "a here-document"
        return end.end()
    if level.cases and char == ")" and level.cases[-1] == "pattern":
        level.cases[-1], level.begins = "body", True
        return at + 1
    if level.cases and text.startswith(";;", at):
        level.cases[-1], level.begins = "pattern", False
        return at + 2
    level.begins = level.begins or not (level.cases and level.cases[-1] == "pattern")
    return at + 1


def _told(level: _Level, word: str, quoted: bool, found: set[str]) -> None:
    """A word is over."""
    if not word and not quoted:
        return
    if level.redirected:
        level.redirected = False
        return
    if level.cases and not quoted:
        if level.cases[-1] == "subject" and word == "in":
            level.cases[-1], level.begins = "pattern", False
            return
        if level.cases[-1] == "pattern" and word == "esac":
            level.cases.pop()
            level.begins = False
            return
    if not level.begins or (_ASSIGNED.match(word) is not None):
        return
    if not quoted and word == "case":
        level.cases.append("subject")
    elif not quoted and word == "esac" and level.cases:
        level.cases.pop()
    if not level.timed and (quoted or word not in OPENING | OTHERS) and not word.startswith(("-", "$")):
        found.add(word)  # a name that is computed is a variable's of the script, and an option is none
    argument = word.startswith("-") or level.timed
    level.begins = argument or (not quoted and word in OPENING | RUNNING)
    level.timed = word == "timeout" or (level.timed and word.startswith("-"))


def _part(text: str, at: int, found: set[str]) -> tuple[str, int]:
    """A quoted or substituted part of a word, as far as it is known, and the place behind it."""
    char = text[at]
    if char == "\\":
        return ("" if text[at + 1] == "\n" else text[at + 1]), at + 2
    if char == "'":
        end = text.index("'", at + 1)
        return text[at + 1 : end], end + 1
    if char == '"':
        return _doubled(text, at + 1, found)
    if text.startswith("$((", at):
        return "0", text.index("))", at) + 2
    if text.startswith("$(", at):
        return "$", _listed(text, at + 2, ")", found)
    if text.startswith("${", at):
        return "$", _braced(text, at + 2, found)
    return "$", at + 1


def _doubled(text: str, at: int, found: set[str]) -> tuple[str, int]:
    word = ""
    while text[at] != '"':
        if text[at] in "\\$":
            part, at = _part(text, at, found)
        else:
            part, at = text[at], at + 1
        word += part
    return word, at + 1


def _braced(text: str, at: int, found: set[str]) -> int:
    while text[at] != "}":
        at = _part(text, at, found)[1] if text[at] in "\\'\"$" else at + 1
    return at + 1
