"""The tests of a rule group, whichever kind it is: levels, a countdown, a source's presence, or what is to come."""

from __future__ import annotations

from capgen.blueprint import Group
from capgen.prove.ahead import prove_ahead
from capgen.prove.levels import prove_levels
from capgen.prove.presence import prove_presence
from capgen.prove.suite import Suite


def prove_group(group: Group) -> Suite:
    """The generated unit tests of a group, with what they prove and what they leave open."""
    if group.ahead is not None:
        return prove_ahead(group, group.ahead)
    return prove_levels(group, group.signal) if group.signal is not None else prove_presence(group)
