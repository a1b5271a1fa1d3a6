"""Prints what has to be in the development environment: the input of `make lock`.

pyproject.toml is the only place where dependencies are named. `dev.txt` pins them and everything below them, with
hashes, so that a checkout installs the same bytes today and in a year; pip-compile cannot read dependency groups.
"""

from __future__ import annotations

import tomllib
from pathlib import Path


def wanted(pyproject: Path) -> list[str]:
    """The requirements of the package, its extras, its build and its `dev` group, as written, sorted."""
    told = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    extras = told["project"].get("optional-dependencies", {})
    return sorted(
        {
            *told["project"]["dependencies"],
            *told["dependency-groups"]["dev"],
            *told["build-system"]["requires"],
            *(requirement for extra in extras.values() for requirement in extra),
        }
    )


if __name__ == "__main__":
    print("\n".join(wanted(Path(__file__).parents[1] / "pyproject.toml")))
