"""The commands of a script are found wherever the shell would look for one."""

from __future__ import annotations

import pytest
from jobs.shell_words import commands


@pytest.mark.parametrize(("script", "names"), [
    ("a=1 b=\"$(c 'd e' | f)\" g h; i && j || ! k", "c f g i j k"),
    ("case \"$x\" in a|'b c') one;; *) two \"${y:-$(three)}\";; esac; four", "one two three four"),
    ("if a >b 2>&1 </dev/null; then c; else { d; } fi # e\nwhile read -r x; do f $((1 + 2)); done", "a c d read f"),
    ("x() {\n  (exec y) | command -v z\n}\n\"$HOME/w\" v", "x exec y command z"),
    ("timeout 5 a b | timeout \"$c\" d; timeout 3s \"$e\" f", "timeout a d"),
    ("n=$(case 1 in 1) p;; esac); for q in r s; do t\ndone", "p t"),
])  # fmt: skip
def test_the_commands_of_a_script_are_seen(script: str, names: str) -> None:
    assert commands(script) - {"x", "q"} == set(names.split()) - {"x", "q"}
