"""Documents that are too long, too deep or too strange to be written down: whole files, by name, as bytes."""

from __future__ import annotations

_HEAD = b"apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: apm}\n"

DOCUMENTS: dict[str, bytes] = {
    "empty": b"",
    "comments": b"# nothing\n# yet\n",
    "listed": b"- apiVersion: capgen/v1\n- kind: Capacity\n",
    "huge": _HEAD + b"# " + b"x" * (1 << 20),
    "wide": _HEAD + b"# " + "€".encode() * (400 << 10),
    "brackets": _HEAD + b"x: " + b"[" * 100_000,
    "indented": _HEAD + b"".join(b" " * depth + b"a:\n" for depth in range(1000)),
    "many": _HEAD + b"planning: {x: [" + b"1," * 60_000 + b"1]}\n",
    "bomb": _HEAD
    + b"a: &a [1,1,1,1,1,1,1,1,1]\n"
    + b"".join(b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9)) for name in b"bcdefghij"),
    "aliases": _HEAD + b"signals: {x: &a 1, y: [" + b"*a," * 60_000 + b"*a]}\n",
    "bell": _HEAD + b"# the bell: \x07\n",
    "separator": _HEAD + "# the break: \u2028a: [\n".encode(),
    "latin": _HEAD + b"# the word: \xfcber\n",
}
