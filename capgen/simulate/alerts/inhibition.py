"""Which alerts are silenced by others and when, as Alertmanager decides it with the generated rules.

From alertmanager/inhibit: an alert is silenced while some other alert fires that matches the source of a rule whose target
it matches, where all labels of `equal` agree; a label that both lack agrees. An alert that matches both sides of a rule is
not silenced by another one that does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from capgen.blueprint.notifications import Inhibition, Matcher
from capgen.history.matrix import Labels
from capgen.simulate.alerts.firings import Firing, Span, united


def silenced(fired: Sequence[Firing], rules: Sequence[Inhibition]) -> list[tuple[Span, ...]]:
    """For each firing the spans in which an alert like it is silenced, in order, also those before and after it: that it is
    over may be silenced, too.

    Alerts that the same ones silence share their spans: where two levels come and go ten thousand times, each has as many.
    """
    spans: list[list[tuple[Span, ...]]] = [[] for _ in fired]
    for rule in rules:
        sources: dict[tuple[str, ...], list[Firing]] = {}
        for one in fired:
            if matches(rule.source, one.labels):
                sources.setdefault(_equal(rule, one.labels), []).append(one)
        if not sources:
            continue
        known: dict[tuple[tuple[str, ...], bool], tuple[Span, ...]] = {}
        for place, one in enumerate(fired):
            if not matches(rule.target, one.labels) or (equal := _equal(rule, one.labels)) not in sources:
                continue
            key = (equal, matches(rule.source, one.labels))
            if key not in known:
                silencing = [s for s in sources[equal] if not (key[1] and matches(rule.target, s.labels))]
                known[key] = united((source.fired, source.resolved) for source in silencing)
            if known[key]:
                spans[place].append(known[key])
    together: dict[tuple[int, ...], tuple[Span, ...]] = {}
    for each in spans:
        key_ = tuple(map(id, each))
        if key_ not in together:
            together[key_] = each[0] if len(each) == 1 else united(chain.from_iterable(each))
    return [together[tuple(map(id, each))] for each in spans]


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
