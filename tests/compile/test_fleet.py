"""Services side by side: what two of them may not both claim, and which alert silences which."""

from __future__ import annotations

import pytest
from compile.service import CATALOG, fleet

from capgen.compile.fleet import assemble, facts

SHOP = 'metadata: {name: shop}\nsources: {host: {exporter: node, job: nodes, targets: ["a:1"]}}\n'
WORKLOAD = "workloads: {web: {kind: Deployment, namespace: shop, %s}}\n"
HPA = 'horizontal: {replicas: {min: 1, max: 3}, targets: {cpu: "70%"}}'
VPA = "vertical: {mode: recommend}"


def cart(text: str) -> str:
    return "metadata: {name: cart}\n" + text


@pytest.mark.parametrize(
    ("one", "other", "claimed"),
    [
        (SHOP, cart('sources: {h: {exporter: node, job: nodes, targets: ["b:1"]}}'), ["the scrape job 'nodes'"]),
        (SHOP, cart('sources: {h: {exporter: node, job: nodes, existing: true}}'), []),
        (SHOP, cart('sources: {h: {exporter: node, targets: ["b:1"]}}'), []),
        (WORKLOAD % HPA, cart(WORKLOAD % HPA), ["the autoscaler 'HPA of shop/Deployment/web'"]),
        (WORKLOAD % VPA, cart(WORKLOAD % VPA), ["the autoscaler 'VPA of shop/Deployment/web'"]),
        (WORKLOAD % VPA, cart(WORKLOAD % HPA), []),
        (WORKLOAD % HPA, cart(WORKLOAD.replace("shop", "cart") % HPA), []),
        ('metadata: {name: a-b}\nsources: {c: {exporter: node, targets: ["a:1"]}}', 'metadata: {name: a}\nsources: {b_c: {exporter: node, targets: ["b:1"]}}', ["the alert"]),
    ],
)  # fmt: skip
def test_two_services_cannot_claim_the_same(one: str, other: str, claimed: list[str]) -> None:
    _, found = fleet(one, other)
    assert {finding.code for finding in found} <= {"CG315"}
    assert bool(found) is bool(claimed)
    for words in claimed:
        assert all(finding.message.startswith(words) for finding in found), [f.message for f in found]
        assert all(".yaml:" in finding.message and finding.span for finding in found), "both places are named"


def test_services_and_rules_stand_in_an_order_that_the_files_do_not_change() -> None:
    one, _ = fleet(SHOP, cart(""))
    other, _ = assemble([facts(each) for each in one.services[::-1]], CATALOG.ladders, one.services[::-1])
    assert [service.name for service in one.services] == ["cart", "shop"]
    assert other == one


def test_each_inhibition_asks_for_the_labels_that_say_which_others_there_are() -> None:
    together, _ = fleet(
        SHOP, cart('sources: {app: {exporter: http, targets: ["b:1"]}, db: {exporter: postgres, targets: ["b:2"]}}')
    )
    rules = together.routing.inhibitions
    assert len(rules) > 10
    signals = [signal for service in together.services for signal in service.signals]
    told_apart = {label for s in signals if any(level.severity for level in s.levels) for label in s.labels}
    for rule in rules:
        for side in (rule.source, rule.target):
            # Two labels that nobody has are equal to Alertmanager: what must not be missing is asked for.
            assert {("service", "=~", ".+"), (rule.equal[1], "=~", ".+")} <= set(side), rule
            assert side[0][:2] == ("kind", "=")
        assert rule.equal[:2] in (("service", "signal"), ("service", "source"))
        assert rule.equal[1] == "source" or set(rule.equal[2:]) == told_apart
