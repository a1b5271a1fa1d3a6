"""Templates become PromQL, and PromQL says by which labels its result is told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen.promql import BadPromQL, Shape, String, fill, matchers, parse, placeholders, selectors, shape, string

SERIES = {
    "up": frozenset({"job", "instance"}),
    "cpu": frozenset({"job", "instance", "mode", "cpu"}),
    "bucket": frozenset({"job", "instance", "le", "route"}),
    "info": frozenset({"job", "instance", "version"}),
}


def labels_of(name: str) -> Shape | None:
    return Shape("vector", SERIES[name]) if name in SERIES else None


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("cpu", "job instance mode cpu"), ("rate(cpu[5m])", "job instance mode cpu"), ("-cpu", "job instance mode cpu"),
        ("sum(cpu)", ""), ("sum by (instance) (cpu)", "instance"), ("sum without (cpu, mode) (cpu)", "job instance"),
        ("sum by (nothing) (cpu)", ""), ("topk(3, cpu)", "job instance mode cpu"), ("count_values(\"v\", cpu)", "v"),
        ("histogram_quantile(0.9, sum by (le, route) (rate(bucket[5m])))", "route"),
        ("sum by (instance) (cpu) / sum by (instance) (up)", "instance"),
        ("cpu / on (instance) group_left (version) info", "job instance mode cpu version"),
        ("sum by (instance) (cpu) / on () group_left () sum(up)", "instance"),
        ("up / on (instance) info", "instance"), ("up > on (instance) info", "instance"),
        ("up * ignoring (version) info", "job instance"), ("up and on (job) cpu", "job instance"),
        ("sum by (a, job) (up) or sum by (job) (up)", "job"), ("1 - sum by (job) (up)", "job"), ("up > bool 0", "job instance"),
        ("label_replace(sum by (job) (up), \"class\", \"$1\", \"job\", \"(.*)\")", "job class"), ("vector(1)", ""),
        ("absent(up{job=\"a\",env=~\"p.*\"})", "job"), ("max_over_time(sum by (job) (up)[1h:5m])", "job"),
        ("cpu{tenant=\"a\"}", "job instance mode cpu tenant"),
    ],
)  # fmt: skip
def test_the_labels_of_a_result(expression: str, labels: str) -> None:
    found = shape(parse(expression), labels_of)
    assert (found.kind, found.labels, found.open) == ("vector", frozenset(labels.split()), False)


@pytest.mark.parametrize(
    ("expression", "kind", "open_"),
    [
        ("1 + 2", "scalar", False), ("time()", "scalar", False), ('"text"', "string", False), ("cpu[5m]", "range", False),
        ("unknown", "vector", True), ("sum by (a) (unknown)", "vector", False), ("up or cpu", "vector", True),
        ("sum without (x) (unknown)", "vector", True), ("unknown and up", "vector", True),
    ],
)  # fmt: skip
def test_what_is_no_closed_vector_is_known_as_such(expression: str, kind: str, open_: bool) -> None:
    found = shape(parse(expression), labels_of)
    assert (found.kind, found.open) == (kind, open_)


def test_of_two_sides_only_the_labels_of_both_are_certain() -> None:
    assert shape(parse("up or cpu"), labels_of) == Shape("vector", SERIES["up"], True)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("rate(m{$selector}[$window])", 'rate(m{job="m"}[5m])'),
        ("m{$selector,mode=\"idle\"} / n{$selector}", 'm{job="m",mode="idle"} / n{job="n"}'),
        ("a{ $selector }", 'a{job="a" }'), ("{$selector}", '{job=""}'), ("sum(\n  m{$selector}\n)", 'sum(m{job="m"})'),
        ("m{$selector} > $limit", 'm{job="m"} > 0.5'), ("label_replace(m{$selector}, \"a\", \"${1}\", \"b\", \"(.)\")", 'label_replace(m{job="m"}, "a", "${1}", "b", "(.)")'),
    ],
)  # fmt: skip
def test_a_template_is_filled(template: str, filled: str) -> None:
    assert fill(template, lambda metric: f'job="{metric}"', {"window": "5m", "limit": "0.5"}) == filled


def test_what_is_filled_in_is_not_filled_again() -> None:
    hostile = 'a="  $window  $limit "'
    assert fill("m{$selector}", lambda _: hostile, {"window": "5m"}) == "m{" + hostile + "}"


def test_a_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(KeyError, match="limt"):
        fill("m{$selector} > $limt", lambda _: "", {"limit": "1"})
    assert placeholders("m{$selector}[$window] > $a_b or $window") == ("a_b", "selector", "window")


@given(st.text(max_size=30))
def test_no_value_breaks_out_of_its_quotes(text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    (found,) = selectors(parse("m{" + matchers({"a": text}, {"b": "x"}) + "}"))
    assert [(m.name, m.op) for m in found.matchers] == [("a", "="), ("b", "=~")]
    assert found.matchers[0].value == text
    assert parse(string(text)) == String(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("sum(", "paren"), ("m{", "brace"), ("x" * 70_000, "longer"), ("(" * 70 + "m" + ")" * 70, "nested"), ("m{a=\"1\" or b=\"2\"}", "or")],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadPromQL, match=reason):
        parse(text)
