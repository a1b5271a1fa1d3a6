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


_NUMBER = r"[+-]?([0-9]{1,15}(\.[0-9]{0,12})?|\.[0-9]{1,12})([eE][+-]?[0-9]{1,2})?"
_TIME = r"([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h|d|w|y))"


def _pattern(unit: str) -> str:
    if unit == "seconds":
        return rf"^{_TIME}{{1,7}}$(?!\n)"
    suffixes = "|".join(sorted((s for s in units.UNITS[unit].suffixes if s), key=lambda s: (-len(s), s)))
    return rf"^{_NUMBER} ?({suffixes})?$(?!\n)"


def _quantity(unit: str, title: str, *, low: float | None, high: float | None, bare: bool) -> Any:
    pattern = re.compile(_pattern(unit), re.ASCII)
    examples = units.UNITS[unit].examples

    def read(value: object) -> float:
        acceptable = isinstance(value, str) and pattern.match(value) is not None
        if bare and isinstance(value, (int, float)) and not isinstance(value, bool):
            acceptable = True
        if not acceptable and not isinstance(value, (str, int, float)):
            raise PydanticCustomError(
                "quantity", "{title} is wanted here; write {examples}", {"title": title, "examples": examples}
            )
        try:
            number = units.parse(value, unit)  # type: ignore[arg-type]  # str, int or float: checked above
        except units.BadQuantity as error:
            raise PydanticCustomError("quantity", "{reason}", {"reason": str(error)}) from None
        if not acceptable:
            raise PydanticCustomError(
                "quantity",
                "{value} is not how {title} is written; write {examples}",
                {"value": repr(value), "title": title, "examples": examples},
            )
        if (low is not None and number < low) or (high is not None and number > high):
            limits = " to ".join(units.human(x, unit) for x in (low, high) if x is not None)
            words = (
                f"from {limits}"
                if high is not None and low is not None
                else f"at least {limits}"
                if low is not None
                else f"at most {limits}"
            )
            raise PydanticCustomError(
                "quantity_range",
                "{value} is out of range; {title} is {words}",
                {"value": repr(value), "title": title, "words": words},
            )
        return number

    schema: dict[str, Any] = {"type": "string", "pattern": _pattern(unit)}
    kinds = [schema, {"type": "number"}] if bare else [schema]
    described: dict[str, Any] = {
        "title": title,
        "description": f"For example {examples}.",
        "anyOf": kinds,
        "x-unit": unit,
    }
    if low is not None:
        described["x-minimum"] = low
    if high is not None:
        described["x-maximum"] = high
    return Annotated[float, BeforeValidator(read), WithJsonSchema(described)]


Ratio = _quantity("ratio", "a share", low=None, high=None, bare=True)
Duration = _quantity("seconds", "a duration", low=0, high=315_360_000, bare=False)
Bytes = _quantity("bytes", "an amount of data", low=0, high=None, bare=True)
Cores = _quantity("cores", "an amount of CPU", low=0, high=None, bare=True)
Count = _quantity("short", "a number", low=None, high=None, bare=True)

Name = Annotated[str, Field(pattern=rf"^{naming.DNS_LABEL}$(?!\n)", title="a DNS label", examples=["apm"])]
Word = Annotated[str, Field(pattern=rf"^{naming.WORD}$(?!\n)", title="a word", examples=["host"])]
LabelName = Annotated[str, Field(pattern=rf"^{naming.LABEL_NAME}$(?!\n)", title="a label name", examples=["tier"])]
LabelValue = Annotated[str, Field(max_length=256)]
Text = Annotated[str, Field(max_length=4096)]
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
