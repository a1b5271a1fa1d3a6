"""The library: what the commands call, and what Python users call.

Reads and writes happen here and in `targets`; everything in between is pure. What is about whole projects is loaded when
it is first asked for: half of the verbs read no specs, and would wait twice as long for what compiles them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from capgen.api.reading import read_sources

if TYPE_CHECKING:
    from capgen.api.project import (
        Built,
        Compiled,
        build,
        check_compiled,
        check_rule_files,
        compile_project,
        explain,
        exporter,
        generate,
        generated_files,
        init,
        load_catalog,
        load_templates,
        prove,
    )
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("capgen.api.project"), name)


__all__ = [
    "Built",
    "Compiled",
    "build",
    "check_compiled",
    "check_rule_files",
    "compile_project",
    "explain",
    "exporter",
    "generate",
    "generated_files",
    "init",
    "load_catalog",
    "load_templates",
    "prove",
    "read_sources",
]
