"""A metric that the exporter of its prefix does not give: nothing is read, so an alert on it never fires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from capgen.check.lint import gated_metric
from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Expr, selectors

CODE = "CG502"
UNITS = ("total", "seconds", "bytes", "ratio", "count", "info")


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error when a known name differs by a unit's suffix or a letter, else a note: catalogues are not complete."""
    for name, selector in {selector.name: selector for selector in reversed(selectors(tree))}.items():
        owners = setting.facts.prefixes.get(name.partition("_")[0])
        if not owners or ":" in name or name in setting.records or setting.facts.of(name) or gated_metric.known(name):
            continue
        own = sorted(
            known for known, facts in setting.facts.all.items() if any(fact.exporter in owners for fact in facts)
        )
        who = " or ".join(sorted(owners))
        if meant := misspelt(name, own):
            yield Problem(CODE, Severity.ERROR, f"{who} gives no {name}", f"did you mean {meant!r}?", selector)
        else:
            yield Problem(CODE, Severity.NOTE, f"{name} is not in the catalogue of {who}, so nothing about it was checked",
                          "a file in the project's catalog/ can declare it", selector)  # fmt: skip


def misspelt(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs only by a unit at the end, or by one slip in one word of four letters or more."""
    words = name.split("_")
    for other in known:
        theirs = other.split("_")
        if _stem(words) == _stem(theirs):
            return other
        if len(words) == len(theirs):
            differing = [(mine, its) for mine, its in zip(words, theirs, strict=True) if mine != its]
            if len(differing) == 1 and min(map(len, differing[0])) >= 4 and one_slip(*differing[0]):
                return other
    return None


def _stem(words: list[str]) -> list[str]:
    while len(words) > 2 and words[-1] in UNITS:
        words = words[:-1]
    return words


def one_slip(left: str, right: str) -> bool:
    """Whether two words differ by one letter too many, too few, wrong (no digit), or by two swapped ones."""
    if len(left) > len(right):
        left, right = right, left
    same = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), len(left))
    if len(left) == len(right):
        rest = left[same + 1 :], right[same + 1 :]
        wrong = rest[0] == rest[1] and not (left[same : same + 1] + right[same : same + 1]).isdigit()
        swapped = left[same : same + 2] == right[same : same + 2][::-1] and left[same + 2 :] == right[same + 2 :]
        return wrong or swapped
    return len(right) - len(left) == 1 and left[same:] == right[same + 1 :] and not right[same].isdigit()
