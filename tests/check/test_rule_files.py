"""Rules in their files: what the file's structure must be, where a finding points, and how one is silenced."""

from __future__ import annotations

import re

import pytest

HEAD = "groups:\n  - name: a\n    rules:\n"


def at(found):
    """`CG504 5:12-26 error`: code, line, columns, severity."""
    return [f"{d.code} {d.span.line}:{d.span.column}-{d.span.end_column} {d.severity}" for d in found]


GAUGE = "rate(pg_up[5m]) > 1"


@pytest.mark.parametrize(
    "marked",
    [
        "expr: rate(«pg_up»[5m]) > 1",
        "expr: 'rate(«pg_up»[5m]) > 1'",
        'expr: "pg_up{a=\\"pg_up\\"} + rate(«pg_up»[5m])"',
        "expr: |\n          shop_x\n          + rate(«pg_up»[5m])",
        "expr: >-\n          shop_x +\n          rate(\n          «pg_up»[5m])",
        "expr: shop_x +\n          rate(«pg_up»[5m])",
        'expr: «"rate(pg\\u005fup[5m])"»',
        'expr: label_replace(rate(«pg_up»[5m]), "pg_up", "", "", "pg_up")',
    ],
)
def test_the_caret_is_under_the_metric(marked, check):
    text = HEAD + "      - record: a:b:c\n        " + marked + "\n"
    before, within, _ = re.split("[«»]", text)
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    text = re.sub("[«»]", "", text)
    found = [d for d in check(text) if d.code == "CG504"]
    assert at(found) == [f"CG504 {line}:{column}-{column + len(within)} error"]
    for d in found:
        assert d.excerpt == text.split("\n")[d.span.line - 1]


def test_windows_line_ends(check):
    found = check((HEAD + f"      - record: a:b:c\n        expr: {GAUGE}\n").replace("\n", "\r\n"))
    assert at(found) == ["CG504 5:20-25 error"]
    assert found[0].excerpt == f"        expr: {GAUGE}"


def test_the_keys_of_a_rule_are_pointed_at(check):
    text = HEAD + (
        "      - alert: A\n"
        "        expr: sum by (job) (shop_x) > 1\n"
        "        for: 30s\n"
        "        labels: {severity: info, now: '{{ $value }}'}\n"
        "        annotations:\n"
        "          summary: '{{ $labels.pod }} of {{ $labels.job }}'\n"
    )
    assert at(check(text)) == ["CG515 6:14-17 warning", "CG523 7:44-49 error", "CG521 9:32-35 warning"]


def test_a_manifest_and_a_list_and_several_documents(check):
    rule = "[{name: a, rules: [{record: 'a:b:c', expr: 'rate(pg_up[5m])'}]}]"
    manifest = f"kind: PrometheusRule\nspec:\n  groups: {rule}\n"
    assert at(check(manifest)) == ["CG504 3:60-65 error"]
    listed = f"kind: List\nitems:\n- kind: ConfigMap\n- kind: PrometheusRule\n  spec:\n    groups: {rule}\n"
    assert at(check(listed)) == ["CG504 6:62-67 error"]
    several = f"# first\n---\nkind: ConfigMap\n---\n{manifest}---\n# nothing\n---\n{manifest}"
    assert [d.span.line for d in check(several) if d.code == "CG504"] == [7, 13]
    assert at(check("kind: ConfigMap\n---\nkind: Secret\n")) == ["CG500 1:1-2 error"]


def test_a_silenced_finding_is_gone_in_its_rule_alone(check):
    def rules(first, second):
        return (
            HEAD
            + f"{first}      - record: a:b:c\n        expr: {GAUGE}{second}\n      - record: a:b:d\n        expr: {GAUGE}\n"
        )

    assert [d.span.line for d in check(rules("", ""))] == [5, 7]
    assert [d.span.line for d in check(rules("      # capgen: ignore CG504\n", ""))] == [8]
    assert [d.span.line for d in check(rules("      # capgen: ignore CG511, CG504 - known\n", ""))] == [8]
    assert [d.span.line for d in check(rules("", "  # capgen: ignore CG504"))] == [7]
    assert [d.span.line for d in check(rules("", "\n      # capgen: ignore CG504"))] == [5]
    assert [d.span.line for d in check(rules("      # capgen: ignore CG505\n", ""))] == [6, 8]


STRUCTURE = [
    ("a: b\n", "CG500 1:1-2 error"),
    ("[]\n", "CG500 1:1-3 error"),
    ("", "CG500 1:1-2 error"),
    ("groups: {}\n", "CG500 1:9-11 error"),
    ("groups: []\nother: 1\n", "CG500 2:1-6 error"),
    ("kind: PrometheusRule\nspec: {}\n", "CG500 1:1-5 error"),
    ("groups: [1]\n", "CG500 1:10-11 error"),
    ("groups: [{rules: []}]\n", "CG500 1:10-21 error"),
    ("groups:\n- {name: a}\n- {name: a}\n", "CG500 3:10-11 error"),
    ("groups: [{name: a, rules: {}}]\n", "CG500 1:27-29 error"),
    ("groups: [{name: a, interval: soon, rules: []}]\n", "CG500 1:30-34 error"),
    (HEAD + "      - 5\n", "CG500 4:9-10 error"),
    (HEAD + "      - {alert: A}\n", "CG500 4:9-10 error"),
    (HEAD + "      - {alert: [A], expr: x > 1}\n", "CG500 4:17-20 error"),
    (HEAD + "      - {record: a, expr: {}}\n", "CG500 4:27-29 error"),
    (HEAD + "      - {record: a-b, expr: x}\n", "CG500 4:18-21 warning"),
    (HEAD + "      - {record: a, expr: x, labels: [b]}\n", "CG500 4:38-41 error"),
    (HEAD + "      - {record: a, expr: x, labels: {b-c: d}}\n", "CG500 4:39-42 warning"),
    (HEAD + "      - {record: a, expr: x, annotations: {}}\n", "CG500 4:30-41 error"),
    (HEAD + "      - {record: a, exrp: x}\n", "CG500 4:21-25 error"),
    ("groups: [\n", "CG101"),
    ("groups: []\n---\n: :\n  - [\n", "CG101"),
]


@pytest.mark.parametrize(("text", "wanted"), STRUCTURE)
def test_structure(text, wanted, check):
    found = check(text)
    assert any(line.startswith(wanted) for line in at(found)), at(found)


def test_the_group_counts(check):
    def rules(interval, labels=""):
        return f"groups:\n  - name: a\n    {interval}\n    {labels}\n    rules:\n      - {{alert: A, expr: absent(sum(shop_x)), for: 1m}}\n"

    assert [d.code for d in check(rules("interval: 30s"))] == ["CG513"]
    assert [d.code for d in check(rules("interval: 30s", "labels: {team: shop}"))] == []
    assert [d.code for d in check(rules("interval: 1m", "labels: {team: shop}"))] == ["CG515"]
    assert [d.code for d in check(rules("limit: 5", "labels: {team: shop}"), evaluation_interval=15)] == []
    assert at(check(rules("interval: 6m", "labels: {team: shop}"))) == [
        "CG528 3:15-17 warning",
        "CG515 6:52-54 warning",
    ]


def test_records_of_the_file_are_known_by_their_labels(check):
    def rules(by):
        return HEAD + (
            f"      - {{record: 'x:a', expr: 'sum by ({by}) (shop_a)'}}\n"
            "      - {record: 'x:b', expr: 'sum by (service) (shop_b)'}\n"
            "      - {record: 'x:c', expr: 'x:a / (x:b > 0)'}\n"
        )

    assert check(rules("service")) == ()
    assert [(d.code, d.span.line) for d in check(rules("service, pod"))] == [("CG508", 6)]
