"""What a project's own templates may do: loop over what they are given and print it, in bounded time and memory.

They come from pull requests like the specs do. Jinja's sandbox keeps them away from Python's insides; it does not
keep them from looping for a day, doubling a text forty times or padding one to a gigabyte. So everything a template does
is paid for from one purse, and filters and methods that compute, or that make much of little, are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

MOST = 32 << 20
"""What one rendering may spend: a character that is printed costs one. Fleet-wide files of a thousand services take 2 %."""
_STEP = 32
"""What a turn of a loop, a call or an included template costs beside the text that stands in it."""
_DEEPEST_INDENT = 100

# The rest switch escaping off, escape for HTML, compute, are random, or make much of little.
_FILTERS = frozenset(
    ("abs", "attr", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items", "last",
     "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr",
     "sort", "string", "title", "trim", "unique", "upper", "wordcount")
)  # fmt: skip
_TEXT_METHODS = frozenset(
    ("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdecimal", "isdigit", "islower",
     "isnumeric", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind", "rindex",
     "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper")
)  # fmt: skip
_GLOBALS = frozenset(("cycler", "dict", "joiner", "namespace", "range"))


class _Purse:
    """What is left to spend."""

    def __init__(self) -> None:
        self.left = MOST

    def pay(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise SecurityError("it loops or prints too much: more than one file could be made of")


class _Turns:
    """What a loop runs over, each turn of it paid for."""

    def __init__(self, over: Iterable[Any], purse: _Purse, cost: int) -> None:
        self.over, self.purse, self.cost = over, purse, cost

    def __iter__(self) -> Iterator[Any]:
        for one in self.over:
            self.purse.pay(self.cost)
            yield one

    def __len__(self) -> int:
        return len(self.over)  # type: ignore[arg-type]  # what has no length says so itself


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of a project's own templates: `literals` is how much text stands in the longest of them."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, *, escape: Callable[[Any], str], literals: int, **options: Any) -> None:
        self.purse = _Purse()
        self.literals = literals

        def printed(value: Any) -> str:
            text = escape(value)
            self.purse.pay(len(text))
            return text

        super().__init__(finalize=printed, **options)
        self.filters = {name: made for name, made in self.filters.items() if name in _FILTERS} | {"indent": _indent}
        self.globals = {name: made for name, made in self.globals.items() if name in _GLOBALS}
        self.globals["turns"] = lambda over, cost: _Turns(over, self.purse, cost)

    def rendered(self, name: str, values: dict[str, Any]) -> str:
        """The text of a template, from a full purse. Raises SecurityError where that is not enough."""
        self.refill()
        return "".join(self._paid(self.get_template(name).generate(values)))

    def refill(self, times: int = 1) -> None:
        """A full purse, or as many."""
        self.purse.left = MOST * times

    def _paid(self, pieces: Iterable[str]) -> Iterator[str]:
        for piece in pieces:
            self.purse.pay(len(piece))
            yield piece

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            cost = _STEP + sum(len(text.data) for text in loop.find_all(nodes.TemplateData))
            loop.iter = nodes.Call(nodes.Name("turns", "load"), [loop.iter, nodes.Const(cost)], [], None, None)
            loop.iter.set_lineno(loop.lineno)
            loop.iter.set_environment(self)
        return tree

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls are paid for: a macro may call itself."""
        self.purse.pay(_STEP + (self.literals if type(obj).__name__ == "Macro" else 0))
        return super().call(context, obj, *args, **kwargs)

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> Any:  # noqa: A002 (Jinja's name)
        """Included templates are paid for: one may include itself."""
        self.purse.pay(_STEP + self.literals)
        return super().get_template(name, parent, globals)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Jinja's own judgement; of texts, methods that print more than there was are left out too."""
        if isinstance(obj, str) and attr not in _TEXT_METHODS:
            return False
        return bool(super().is_safe_attribute(obj, attr, value))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """A format may pad as far as it likes."""
        if getattr(value, "__name__", "") in ("format", "format_map") and isinstance(value.__self__, str):
            raise SecurityError("`format` is not allowed: print the values one after the other")
        return None

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Numbers may be computed, texts and lists be joined for what that costs."""
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "**" or (operator != "+" and not numbers):
            raise SecurityError(f"`{operator}` is not allowed here: templates loop and print")
        if numbers and operator == "*" and max(abs(left), abs(right)) > 1e100:
            raise SecurityError("a number is too large")
        if not numbers:
            self.purse.pay(sum(len(side) for side in (left, right) if hasattr(side, "__len__")))
        return super().call_binop(context, operator, left, right)


def _indent(text: str, width: Any = 4, first: bool = False, blank: bool = False) -> str:
    """Jinja's `indent`, as far as a file is ever indented; what was printed stays what was printed."""
    if not isinstance(width, int) or not 0 <= width <= _DEEPEST_INDENT:
        raise SecurityError(f"`indent` takes a width from 0 to {_DEEPEST_INDENT}")
    lines = str(text).split("\n")
    space = " " * width
    moved = [f"{space}{line}" if (index or first) and (line or blank) else line for index, line in enumerate(lines)]
    joined = "\n".join(moved)
    return Markup(joined) if isinstance(text, Markup) else joined  # noqa: S704 (only what was Markup before)


def is_below(name: str) -> bool:
    """Whether a template's name stays in the folder of templates."""
    return not name.startswith("/") and not {"..", ".", ""} & set(name.split("/")) and "\\" not in name
