"""Which alerts are silenced by others and when, as Alertmanager decides it with the generated rules.

From alertmanager/inhibit: an alert is silenced while some other alert fires that matches the source of a rule whose target
it matches, where all labels of `equal` agree; a label that both lack agrees. An alert that matches both sides of a rule is
not silenced by another one that does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from capgen.blueprint.notifications import Inhibition, Matcher
from capgen.history.matrix import Labels
from capgen.simulate.alerts.firings import Firing, Span, united


def silenced(fired: Sequence[Firing], rules: Sequence[Inhibition]) -> list[tuple[Span, ...]]:
    """For each firing the spans from its begin on in which it was silenced, in order; that it is over may be silenced, too."""
    spans: list[list[Span]] = [[] for _ in fired]
    for rule in rules:
        sources: dict[tuple[str, ...], list[Firing]] = {}
        for one in fired:
            if matches(rule.source, one.labels):
                sources.setdefault(_equal(rule, one.labels), []).append(one)
        for place, one in enumerate(fired) if sources else ():
            if not matches(rule.target, one.labels):
                continue
            both = matches(rule.source, one.labels)
            for source in sources.get(_equal(rule, one.labels), ()):
                begin, end = max(one.fired, source.fired), source.resolved
                if begin < end and not (both and matches(rule.target, source.labels)):
                    spans[place].append((begin, end))
    return [united(each) for each in spans]


def matches(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Whether all matchers take the labels; a label that is not there is empty, and a regular expression is anchored."""
    known = dict(labels)
    return all(
        known.get(name, "") == value if operator == "=" else _regex(value).fullmatch(known.get(name, "")) is not None
        for name, operator, value in matchers
    )


@lru_cache(maxsize=1024)
def _regex(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _equal(rule: Inhibition, labels: Labels) -> tuple[str, ...]:
    known = dict(labels)
    return tuple(known.get(name, "") for name in rule.equal)
