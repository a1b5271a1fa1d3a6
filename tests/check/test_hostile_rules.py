"""Whatever a file holds, the answer is findings inside the file and never an exception."""

from __future__ import annotations

import json

from check.conftest import EXPORTERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capgen.check.expressions import check_expression
from capgen.check.facts import facts_of
from capgen.check.problem import Setting

MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = [
    "node_cpu_seconds_total", "pg_up", "http_requests_total", "shop_query_duration_seconds_bucket", "x:y", "sum", "rate",
    "histogram_quantile", "absent", "by", "without", "on", "ignoring", "group_left", "bool", "or", "and", "unless", "(", ")", "{", "}", "[5m]",
    "[1h:1m]", "offset", "mode", "le", "job", '="x"', '=~".*"', '!~"("', "/", "+", ">", "==", "0", "1e9", "-", ",", " ", "\n", "#", '"', "vector",
    "topk", "predict_linear", "label_replace", "count_values", "@", "é", "\\", "NaN", "Inf", "time()",
]  # fmt: skip
expressions = st.one_of(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join), st.text(max_size=60))
trees = st.recursive(
    st.sampled_from(["pg_up", 'node_cpu_seconds_total{mode=~"i.*"}', "shop_query_duration_seconds_bucket", "x:y", "1", "vector(0)", "node_load5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["/", "-", "> bool", ">", "and", "or", "unless", "/ on (job)", "* on (a) group_left (b)", "- ignoring (mode)"]), inner)
        .map(lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"),
        st.tuples(st.sampled_from(["sum", "avg by (job, le)", "max without (cpu)", "count", "topk by (a)"]), inner)
        .map(lambda parts: f"{parts[0]} ({'3, ' if 'topk' in parts[0] else ''}{parts[1]})"),
        inner.map(lambda text: f"rate(({text})[5m:1m])"),
        inner.map(lambda text: f"histogram_quantile(0.9, {text})"),
        inner.map(lambda text: f"absent({text})"),
    ),
    max_leaves=8,
)  # fmt: skip
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["{{ $labels.job }}", "{{ $value | humanizeDuration }}s", "{{", "5m", "0", "1.5h"]),
    st.integers(),
    st.none(),
    st.booleans(),
)
rules = st.dictionaries(
    st.sampled_from(["alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations", "x"]),
    st.one_of(
        expressions,
        trees,
        texts,
        st.dictionaries(st.sampled_from(["a", "severity", "b-c"]), texts, max_size=3),
        st.lists(texts, max_size=2),
    ),
)
documents = st.fixed_dictionaries(
    {
        "groups": st.lists(
            st.one_of(
                texts, st.fixed_dictionaries({"name": texts, "rules": st.one_of(texts, st.lists(rules, max_size=4))})
            ),
            max_size=3,
        )
    }
)


@MANY
@given(st.text())
def test_any_text(check, text):
    inside(check(text), text)


@MANY
@given(documents)
def test_any_rules(check, document):
    text = json.dumps(document)
    inside(check(text), text)


@MANY
@given(trees)
def test_any_tree(catalog, text):
    for found in check_expression(text, Setting(facts_of(catalog, EXPORTERS))):
        assert found.length > 0 or not text
        assert 0 <= found.start <= found.start + found.length <= len(text)
        assert found.message and found.hint


def inside(found, text):
    lines = text.split("\n")
    for d in found:
        assert d.span is not None
        assert d.span.line >= 1 and d.span.column >= 1
        assert d.excerpt in ("", lines[d.span.line - 1].rstrip("\r") if d.span.line <= len(lines) else "")


def test_a_file_of_nothing_but_operators_ends_soon(check):
    text = json.dumps(
        {
            "groups": [
                {
                    "name": "a",
                    "rules": [{"record": "a", "expr": " + ".join(["pg_up"] * count)} for count in (90, 300, 1300)],
                }
            ]
        }
    )
    found = check(text)
    assert [d.code for d in found] == ["CG623", "CG623"]
