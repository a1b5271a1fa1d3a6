"""Whether two expressions measure the same thing, however they are written.

Both sides are brought to one form: without what only keeps out gaps and doubles (`X > 0` under a fraction, `or 0 * X`,
one of two replicas, an aggregation over series that are single already), and without constant factors at the outside,
which move to the threshold. What then stands the same is the same; nothing is guessed from likeness.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from capgen import promql
from capgen.promql import Aggregate, Binary, Call, Expr, Matcher, Number, Selector, String, Subquery, Unary

MARK = "__capgen__"
REPLICAS = "__replicas__"
WINDOW = 86_397.0
"""A range that no expression has: where a template says `$window`."""
_FIRST = 0.918273
_PARAM = "__param_"
_REPLICAS = frozenset((REPLICAS, "prometheus_replica", "replica"))
_CONSTANT = frozenset(("job",))
"""Labels that are one value in all that a source gives."""


class Match(Struct):
    """What a template's placeholders stand for in an expression that is the same."""

    window: float | None = None
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    scopes: list[tuple[str, frozenset[Matcher]]] = []
    """(metric, the matchers that stand where `$selector` does), in order."""


class Template(Struct, frozen=True):
    """A catalogue expression in the one form; `numbers` are the sentinels of its params."""

    core: Expr
    factor: Fraction
    offset: Fraction
    numbers: Mapping[float, str]


LabelsOf = Callable[[str], "promql.Shape | None"]


def template(text: str, params: Collection[str], words: Collection[str], labels: LabelsOf) -> Template:
    """A catalogue expression, with `$selector`, params and the rest as things that stand for others."""
    tree, numbers = _stand_ins(text, params, words)
    core, factor, offset = linear(canonical(without_floor(tree), labels))
    return Template(core, factor, offset, numbers)


def as_written(text: str, params: Collection[str], words: Collection[str]) -> Template:
    """As `template`, to be found in exactly the form that capgen writes."""
    tree, numbers = _stand_ins(text, params, words)
    return Template(tree, Fraction(1), Fraction(0), numbers)


def _stand_ins(text: str, params: Collection[str], words: Collection[str]) -> tuple[Expr, dict[float, str]]:
    numbers = {round(_FIRST + number * 1e-6, 9): name for number, name in enumerate(sorted(params))}
    values = {name: repr(value) for value, name in numbers.items()}
    values |= {name: f"{_PARAM}{name}" for name in words}
    values |= {"window": "86397s", "replicas": REPLICAS}
    return promql.parse(promql.fill(text, lambda _: f'{MARK}="1"', values)), numbers


def linear(expr: Expr) -> tuple[Expr, Fraction, Fraction]:
    """The inside of constant factors and summands: the value is `factor * core + offset`."""
    factor, offset = Fraction(1), Fraction(0)
    while True:
        match expr:
            case Binary(op=op, left=left, right=Number(value=number)) if op in "+-*/" and (number or op != "/"):
                amount = exact(number)
                if op in "*/":
                    factor *= amount if op == "*" else 1 / amount
                else:
                    offset += factor * (amount if op == "+" else -amount)
                expr = left
            case Binary(op=op, left=Number(value=number), right=right) if op in "+-*":
                amount = exact(number)
                if op == "*":
                    factor *= amount
                else:
                    offset += factor * amount
                    factor *= 1 if op == "+" else -1
                expr = right
            case Unary(inner=inner):
                factor, expr = -factor, inner
            case Binary(
                op="/",
                left=Binary(op="*", left=Number(value=number), right=over)
                | Binary(op="*", left=over, right=Number(value=number)),
                right=under,
            ):
                factor, expr = factor * exact(number), replace(expr, left=over, right=under)
            case _:
                return expr, factor, offset


def exact(value: float) -> Fraction:
    """A number as it is written: 0.1 is a tenth."""
    return Fraction(str(value))


def without_floor(expr: Expr) -> Expr:
    """Without the comparison that only drops what is no number."""
    match expr:
        case Binary(op=">=", left=left, right=Number(value=0.0), bool=False):
            return left
        case _:
            return expr


def canonical(expr: Expr, labels: LabelsOf) -> Expr:
    """The one form of an expression."""
    match expr:
        case Aggregate():
            inner = canonical(expr.inner, labels)
            if expr.op == "max" and expr.grouping == "without" and set(expr.labels) <= _REPLICAS:
                return inner
            if expr.op in ("max", "min", "avg", "sum") and expr.grouping == "by":
                shape = promql.shape(inner, labels)
                if shape.kind == "vector" and shape.labels and shape.labels - _CONSTANT - {MARK} <= set(expr.labels):
                    return inner
            kept = tuple(sorted(set(expr.labels) - _CONSTANT)) if expr.grouping == "by" else tuple(sorted(expr.labels))
            parameter = canonical(expr.parameter, labels) if expr.parameter is not None else None
            grouping = None if expr.grouping == "by" and not kept else expr.grouping
            return Aggregate(expr.op, inner, grouping, kept, parameter)
        case Binary():
            left, right = canonical(expr.left, labels), canonical(expr.right, labels)
            if expr.op == "/" and isinstance(right, Binary) and right.op == ">" and right.right == Number(0.0):
                right = right.left
            if expr.op == "or" and _is_zero(right):
                return left
            if expr.group is None and expr.op in ("+", "-", "*", "/"):
                return Binary(expr.op, left, right, None, (), None, (), expr.bool)
            return replace(expr, left=left, right=right, labels=tuple(sorted(expr.labels)))
        case Call():
            return Call(expr.function, tuple(canonical(a, labels) for a in expr.arguments))
        case Subquery():
            return replace(expr, inner=canonical(expr.inner, labels))
        case Unary():
            return Unary(canonical(expr.inner, labels))
        case _:
            return expr


def _is_zero(expr: Expr) -> bool:
    match expr:
        case Binary(op="*", left=Number(value=0.0)) | Binary(op="*", right=Number(value=0.0)):
            return True
        case Call(function="vector", arguments=(Number(value=0.0),)):
            return True
        case _:
            return False


def matched(known: Template, core: Expr) -> Match | None:
    """What the template's placeholders stand for, if the expression is the same."""
    match = Match()
    return match if _same(known.core, core, known.numbers, match) else None


def _same(a: Expr, b: Expr, numbers: Mapping[float, str], found: Match) -> bool:
    match a, b:
        case Selector(), Selector():
            return _same_selector(a, b, found)
        case Number(), Number():
            name = numbers.get(round(a.value, 9))
            if name is None:
                return a.value == b.value
            return found.numbers.setdefault(name, b.value) == b.value
        case String(), String():
            return _word(a.value, b.value, found)
        case Call(), Call():
            return (
                a.function == b.function
                and len(a.arguments) == len(b.arguments)
                and all(_same(x, y, numbers, found) for x, y in zip(a.arguments, b.arguments, strict=True))
            )
        case Aggregate(), Aggregate():
            parameters = (a.parameter is None) == (b.parameter is None)
            return (
                parameters and a.op == b.op and a.grouping == b.grouping and _words(a.labels, b.labels, found)
                and (a.parameter is None or b.parameter is None or _same(a.parameter, b.parameter, numbers, found))
                and _same(a.inner, b.inner, numbers, found)
            )  # fmt: skip
        case Binary(), Binary():
            if (a.op, a.matching, a.group, a.bool) != (b.op, b.matching, b.group, b.bool):
                return False
            if not _words(a.labels, b.labels, found) or not _words(a.include, b.include, found):
                return False
            before = (found.window, dict(found.numbers), dict(found.words), list(found.scopes))
            if _same(a.left, b.left, numbers, found) and _same(a.right, b.right, numbers, found):
                return True
            found.window, found.numbers, found.words, found.scopes = before
            turned = a.op in ("+", "*") and a.group is None
            return turned and _same(a.left, b.right, numbers, found) and _same(a.right, b.left, numbers, found)
        case Subquery(), Subquery():
            same = _range(a.range, b.range, found) and a.step == b.step and a.offset == b.offset
            return same and _same(a.inner, b.inner, numbers, found)
        case Unary(), Unary():
            return _same(a.inner, b.inner, numbers, found)
        case _:
            return False


def _same_selector(a: Selector, b: Selector, found: Match) -> bool:
    if a.name != b.name or a.offset != b.offset or (a.range is None) != (b.range is None):
        return False
    if a.range is not None and b.range is not None and not _range(a.range, b.range, found):
        return False
    rest = list(b.matchers)
    for wanted in a.matchers:
        if wanted.name == MARK:
            continue
        twin = next(
            (m for m in rest if (m.op, m.value) == (wanted.op, wanted.value) and _word(wanted.name, m.name, found)),
            None,
        )
        if twin is None:
            return False
        rest.remove(twin)
    found.scopes.append((b.name, frozenset(rest)))
    return True


def _range(a: float, b: float, found: Match) -> bool:
    if a != WINDOW:
        return a == b
    if found.window is None:
        found.window = b
    return found.window == b


def _words(a: tuple[str, ...], b: tuple[str, ...], found: Match) -> bool:
    if a == (REPLICAS,):
        return bool(b)
    return len(a) == len(b) and all(_word(x, y, found) for x, y in zip(sorted(a), sorted(b), strict=True))


def _word(a: str, b: str, found: Match) -> bool:
    if not a.startswith(_PARAM):
        return a == b
    return found.words.setdefault(a.removeprefix(_PARAM), b) == b
