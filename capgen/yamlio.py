"""YAML in, with positions and limits; YAML scalars out, that nothing can break out of.

Specs come from pull requests of strangers, so a document is read as libyaml's stream of events and built
here without recursion: size, depth and what aliases expand to are limited while reading, duplicate keys and
tags are refused, and every value keeps its line and column. Plain scalars mean what YAML 1.2's core schema
says (`on`, `yes` and `12:30` are text), unlike PyYAML's own loader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NoReturn, TypeAlias

import yaml
from msgspec import Struct, field

from capgen import yamlfaults
from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.yamlfaults import line_of, place_of

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000
LEADS_OUT = "it leads out of the project through a link, or to a hidden file"
"""The fault of a file that a link puts where nothing is read."""

Data: TypeAlias = "str | int | float | bool | list[Data] | dict[str, Data] | None"
Mark: TypeAlias = "tuple[int, int, int, int]"
Path: TypeAlias = "tuple[str | int, ...]"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_MERGE, _MERGE_TAG = "\0<<", "tag:yaml.org,2002:merge"
"""A merge key until its mapping is whole: `"<<"` in quotes is a key like any other."""
_STRANGE_BREAKS = re.compile("[\x85\u2028\u2029]|\r(?!\n)")
_WORDS: Mapping[str, Data] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Source(Struct, frozen=True):
    """A file's text as read: `name` is what messages call it, `layer` what `explain` calls it."""

    name: str
    text: str
    layer: str = ""
    fault: str = ""
    """Why nothing could be read, in the system's words."""

    def line(self, number: int) -> str:
        """The text of a line (counted from 1), "" past the end."""
        return line_of(self.text, number)


class Node(Struct):
    """A value with its place. Mappings hold `keys`: the place of each key itself."""

    value: str | int | float | bool | list[Node] | dict[str, Node] | None
    source: Source
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)
    replaces: bool = False
    """Whether this mapping stands in for whatever lies beneath it, instead of merging with it."""

    @property
    def span(self) -> Span:
        """Where the value stands."""
        return Span(self.source.name, *self.mark)

    def key_source(self, key: str) -> Source:
        """The text that a key of this mapping stands in: its value's, which may be another layer than the mapping's."""
        inside = self.value.get(key) if isinstance(self.value, dict) else None
        return inside.source if inside is not None and key in self.keys else self.source

    def key_span(self, key: str) -> Span:
        """Where a key of this mapping stands (the whole mapping if it was added by a layer without text)."""
        return Span(self.key_source(key).name, *self.keys.get(key, self.mark))

    def data(self) -> Data:
        """The plain value, without positions."""
        if isinstance(self.value, dict):
            return {key: child.data() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.data() for child in self.value]
        return self.value

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Every node below this one, itself first, with the path that leads to it."""
        yield path, self
        if isinstance(self.value, dict):
            for key, child in self.value.items():
                yield from child.walk((*path, key))
        elif isinstance(self.value, list):
            for index, child in enumerate(self.value):
                yield from child.walk((*path, index))

    def at(self, path: Path) -> Node | None:
        """The node at a path, or None."""
        node: Node = self
        for step in path:
            inside = node.value
            if isinstance(inside, dict) and isinstance(step, str) and step in inside:
                node = inside[step]
            elif isinstance(inside, list) and isinstance(step, int) and 0 <= step < len(inside):
                node = inside[step]
            else:
                return None
        return node


def read(source: Source, *, times: int = 1, foreign: bool = False) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    """The document of a file, or what is wrong with it. An empty document gives (None, one finding).
    `times`: how many times a spec's size and number of values are let through. `foreign`: it is written for a reader
    of YAML 1.1 in Go (Prometheus, kubectl), who knows merge keys, and keys that are aliases."""
    if source.fault:
        code, hint = "CG619", "make it readable, or remove it: without it what it declares would be missing"
        if source.fault == LEADS_OUT:
            code, hint = "CG622", "put a copy of what it leads to in its place"
        span = Span(source.name, 1, 1, 1, 2)
        return None, (Diagnostic(code, f"the file cannot be read: {source.fault}", span, hint),)
    try:
        return _Builder(source, times, foreign=foreign).build(), ()
    except _Rejected as rejected:
        return None, (rejected.diagnostic,)
    except yaml.YAMLError as error:
        return None, (yamlfaults.told(source.name, source.text, error),)
    except UnicodeEncodeError as error:
        line, column = place_of(source.text, error.start)
        span, text = Span(source.name, line, column, line, column + 1), source.line(line)
        return None, (Diagnostic("CG109", "the file is not UTF-8 text", span, "save it as UTF-8", excerpt=text),)


def plain(text: str) -> Data:
    """What a plain (unquoted) scalar means: YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INT.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text) and isfinite(value := float(text)):
            return value
    return text


class _Rejected(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


class _Builder:
    """Builds nodes from parser events with a stack of its own, so that depth is a limit and not a crash."""

    def __init__(self, source: Source, times: int, *, foreign: bool) -> None:
        self.source, self.times, self.foreign = source, times, foreign
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0

    def build(self) -> Node:
        text = self.source.text
        most = MAX_BYTES * self.times
        if len(text) > most or len(text.encode("utf-8", "replace")) > most:
            self.reject("CG104", f"the file is larger than {most >> 20} MiB", None, "split it: one service a file")
        if strange := _STRANGE_BREAKS.search(text):
            line, column = place_of(text, strange.start())
            span, hint = Span(self.source.name, line, column, line, column + 1), "remove it, or write it as an escape"
            message = f"a line break that only some readers see (U+{ord(strange[0]):04X})"
            raise _Rejected(Diagnostic("CG109", message, span, hint, excerpt=self.source.line(line)))
        root: Node | None = None
        stack: list[tuple[Node, str | None, Mark | None, int, str | None]] = []
        key: str | None = None
        key_mark: Mark | None = None
        documents = 0
        for event in _events(text):
            kind = type(event)
            if kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self.reject("CG110", "a second document starts here", event, "write one document a file")
                continue
            if kind in (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent):
                continue
            if kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                node, key, key_mark, started, anchor = stack.pop()
                node.mark = (node.mark[0], node.mark[1], event.end_mark.line + 1, event.end_mark.column + 1)
                if self.foreign and _MERGE in node.keys and isinstance(node.value, dict):
                    self.merge(node, node.value)
                if anchor:
                    self.anchors[anchor] = (node, self.count - started)
                continue
            in_mapping = bool(stack) and isinstance(stack[-1][0].value, dict)
            if in_mapping and key is None:
                key, key_mark = self.key(event, stack[-1][0])
                continue
            self.count += 1
            if kind is yaml.AliasEvent:
                node, size = self.alias(event)
                self.count += size
            elif kind is yaml.ScalarEvent:
                node = self.scalar(event)
                if event.anchor:
                    self.anchors[event.anchor] = (node, 0)
            else:
                self.refuse_tag(event)
                node = Node({} if kind is yaml.MappingStartEvent else [], self.source, _mark(event))
            if self.count > MAX_NODES * self.times:
                what = f"the document holds more than {MAX_NODES * self.times:,} values"
                self.reject("CG106", what, event, "aliases count each time they are used")
            self.attach(stack[-1][0] if stack else None, key, key_mark, node)
            root = root or node
            if kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
                if len(stack) >= MAX_DEPTH:
                    self.reject(
                        "CG105", f"nested deeper than {MAX_DEPTH} levels", event, "no field of a spec is that deep"
                    )
                stack.append((node, None, None, self.count, event.anchor))
            key = key_mark = None
        if root is None:
            self.reject("CG110", "the file holds no document", None, "start with `apiVersion: capgen/v1`")
        return root

    def attach(self, parent: Node | None, key: str | None, mark: Mark | None, node: Node) -> None:
        if parent is None:
            return
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict) and key is not None and mark is not None:
            parent.value[key] = node
            parent.keys[key] = mark

    def merge(self, into: Node, value: dict[str, Node]) -> None:
        """Carries a merge key out: what the mapping says itself wins, then what comes first in the list."""
        merged, mark = value.pop(_MERGE), into.keys.pop(_MERGE)
        for one in merged.value if isinstance(merged.value, list) else [merged]:
            if not isinstance(one.value, dict):
                span, text = Span(self.source.name, *mark), self.source.line(mark[0])
                hint = "put an anchor of a mapping after it, or a list of such"
                raise _Rejected(Diagnostic("CG107", "`<<` merges mappings, and this is none", span, hint, excerpt=text))
            for key in one.value:
                if key not in value:
                    value[key], into.keys[key] = one.value[key], one.keys[key]

    def key(self, event: Any, parent: Node) -> tuple[str, Mark]:
        if self.foreign and type(event) is yaml.AliasEvent:
            return self.once(self.alias(event)[0].value, event, parent)
        if type(event) is not yaml.ScalarEvent:
            return self.once(None, event, parent)
        key = str(event.value)
        if event.anchor:
            self.anchors[event.anchor] = (Node(key, self.source, _mark(event)), 0)
        if self.foreign and key == "<<" and (not event.style or event.tag == _MERGE_TAG):
            return self.once(_MERGE, event, parent)
        self.refuse_tag(event)
        if key == "<<" and not event.style:
            self.reject(
                "CG107",
                "merge keys (`<<`) are not part of YAML 1.2",
                event,
                "put what is shared into a `kind: Defaults` file",
            )
        return self.once(key, event, parent)

    def once(self, key: object, event: Any, parent: Node) -> tuple[str, Mark]:
        if not isinstance(key, str):
            self.reject(
                "CG111", "a key must be a plain word", event, "quote the value if it starts with `{`, `[`, `*` or `&`"
            )
        if key in parent.keys:
            message = f"the key {key.lstrip(chr(0))!r} stands here twice, first in line {parent.keys[key][0]}"
            self.reject("CG103", message, event, "remove one of the two")
        return key, _mark(event)

    def scalar(self, event: Any) -> Node:
        self.refuse_tag(event)
        value: Any = event.value if event.style else plain(event.value)
        return Node(value, self.source, _mark(event))

    def alias(self, event: Any) -> tuple[Node, int]:
        if event.anchor not in self.anchors:
            self.reject(
                "CG101",
                f"the alias *{event.anchor} has no finished anchor before it",
                event,
                f"define &{event.anchor} first",
            )
        return self.anchors[event.anchor]

    def refuse_tag(self, event: Any) -> None:
        if event.tag and event.tag not in ("!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))):
            self.reject("CG108", f"the tag {event.tag!r} is not allowed", event, "write the value without a tag")

    def reject(self, code: str, message: str, event: Any | None, hint: str) -> NoReturn:
        mark = _mark(event) if event is not None else (1, 1, 1, 2)
        span = Span(self.source.name, *mark)
        raise _Rejected(Diagnostic(code, message, span, hint, Severity.ERROR, self.source.line(mark[0])))


def _events(text: str) -> Iterator[Any]:
    """The parser's events; their types have no attributes in common."""
    yield from yaml.parse(text, Loader=_Loader)


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    return (start.line + 1, start.column + 1, end.line + 1, end.column + 1)


_PLAIN = re.compile(
    r"[A-Za-z_/][A-Za-z0-9_./-]*+(?:[: ][A-Za-z0-9_./-]++)*+"  # words, paths, host:port, record names
    r"|(?:[0-9]+(?:ms|[smhdw]|[KMGT]i))+",  # durations and sizes, which no YAML takes for a number
    re.ASCII,
)
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_JSON = json.JSONEncoder(ensure_ascii=False)


def quoted(text: str) -> str:
    """The text as a JSON string that YAML 1.1, YAML 1.2 and the API server's parser all read back."""
    dumped = _JSON.encode(text)
    if dumped.isprintable():  # what has to be escaped is not
        return dumped
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", dumped)


def scalar(value: object) -> str:
    """One value on one line of YAML, which reads back as the same value whatever it holds.

    Words stay bare, text with double quotes in it (PromQL) is single-quoted, everything else is JSON;
    lists and mappings are written in flow style, in their own order.
    """
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
            return value
        if '"' in value and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(value[key])}" for key in value) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    return json.dumps(value)
