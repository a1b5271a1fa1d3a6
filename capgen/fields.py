"""The types of fields that people write: pydantic types whose JSON Schema accepts exactly what they accept.

A quantity is checked by the same pattern here and in the editor; what a pattern cannot say (a start after an
end) is left to the checks that run later, so that the models and the schema never disagree about a document.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from capgen import naming, units


class Model(BaseModel):
    """A mapping of the language: unknown keys are errors, values never change.

    Patterns end in `$(?!\\n)`: to Python, and so to jsonschema, a bare `$` also matches before a last newline.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, defer_build=True, regex_engine="python-re"
    )


_UNSIGNED = r"([0-9]{1,15}(\.[0-9]{0,12})?|\.[0-9]{1,12})([eE][+-]?[0-9])?"
_TIME = "".join(
    rf"([0-9]{{1,6}}(\.[0-9]{{1,9}})?{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms", "(us|µs)", "ns")
)
_LARGEST = 1e15


def _pattern(unit: str, *, signed: bool) -> str:
    if unit == "seconds":
        return rf"^(?=.){_TIME}$(?!\n)"
    suffixes = "|".join(sorted((s for s in units.UNITS[unit].suffixes if s), key=lambda s: (-len(s), s)))
    return rf"^{'[+-]?' if signed else ''}{_UNSIGNED} ?({suffixes})?$(?!\n)"


def _quantity(unit: str, title: str, *, signed: bool = False, bare: bool = True) -> Any:
    """A field of one unit. `bare`: a number without a suffix is taken, in the base unit."""
    spelling = _pattern(unit, signed=signed)
    pattern = re.compile(spelling, re.ASCII)
    examples = units.UNITS[unit].examples
    least = -_LARGEST if signed else 0

    def read(value: object) -> float:
        if not isinstance(value, (str, int, float)):
            raise _wrong(f"{title} is wanted here; write {examples}")
        if not bare and not isinstance(value, str):
            raise _wrong(f"{value!r} has no unit; write {examples}")
        try:
            number = units.parse(value, unit)
        except units.BadQuantity as error:
            raise _wrong(str(error)) from None
        if (not isinstance(value, str) and not least <= value <= _LARGEST) or number < least:
            raise PydanticCustomError(
                "quantity_range",
                "{reason}",
                {"reason": f"{value!r} is out of range; {title} is at least {units.human(least, unit)}"},
            )
        if isinstance(value, str) and not pattern.match(value):
            raise _wrong(f"{value!r} is not how {title} is written; write {examples}")
        return number

    text = {"type": "string", "pattern": spelling}
    number = {"type": "number", "minimum": least, "maximum": _LARGEST}
    schema = {"title": title, "description": f"For example {examples}.", "anyOf": [text, number] if bare else [text]}
    return Annotated[float, BeforeValidator(read), WithJsonSchema(schema)]


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{reason}", {"reason": reason})


def _whole(value: object) -> object:
    """JSON knows no difference between 3 and 3.0, and so neither do the schema and the models."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)

Ratio = _quantity("ratio", "a share", signed=True)
Duration = _quantity("seconds", "a duration", bare=False)
Bytes = _quantity("bytes", "an amount of data")
Cores = _quantity("cores", "an amount of CPU")
Count = _quantity("short", "a number", signed=True)

Name = Annotated[str, Field(pattern=rf"^{naming.DNS_LABEL}$(?!\n)", title="a DNS label", examples=["apm"])]
Word = Annotated[str, Field(pattern=rf"^{naming.WORD}$(?!\n)", title="a word", examples=["host"])]
LabelName = Annotated[str, Field(pattern=rf"^{naming.LABEL_NAME}$(?!\n)", title="a label name", examples=["tier"])]
# Control characters have no place in a label or a text, and some consumers cannot even carry them.
LabelValue = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
KubeLabelKey = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$(?!\n)",
        title="a Kubernetes label's key",
    ),
]
KubeLabelValue = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$(?!\n)", title="a Kubernetes label's value")
]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,3}$(?!\n)")]
UnitName = Literal["ratio", "seconds", "bytes", "bytes_per_second", "per_second", "short", "cores"]
PromQL = Annotated[str, Field(min_length=1, max_length=8192)]
Quantity = Annotated[
    str | int | float,
    Field(
        union_mode="left_to_right",
        title="a quantity",
        description="In the signal's unit.",
        examples=["80%", "200ms", 500],
    ),
]
