"""The tests of a rule group, whichever kind it is: levels, a countdown, or a source's presence."""

from __future__ import annotations

from capgen.blueprint import Group
from capgen.prove.levels import prove_levels
from capgen.prove.presence import prove_presence
from capgen.prove.suite import Suite


def prove_group(group: Group) -> Suite:
    """The generated unit tests of a group, with what they prove and what they leave open."""
    return prove_levels(group, group.signal) if group.signal is not None else prove_presence(group)
