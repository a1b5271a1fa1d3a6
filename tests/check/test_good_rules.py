"""Rules as careful people write them pass without a finding, and Prometheus' own tool loads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from check.conftest import HERE

GOOD = sorted((HERE / "good").iterdir())
LOADED = [*GOOD, *sorted((HERE / "corpus").glob("*/good.yml"))]


@pytest.fixture(scope="session")
def promtool() -> str:
    """The binary on the PATH, or the one that the project's components hold."""
    if found := shutil.which("promtool"):
        return found
    build = HERE.parent / "components" / "build.py"
    done = subprocess.run([sys.executable, str(build), "prometheus"], capture_output=True, text=True, timeout=1800)
    if done.returncode == 0:
        return f"{done.stdout.strip()}/promtool"
    if os.environ.get("CI"):
        pytest.fail(f"promtool is not there and could not be built: {done.stderr[-500:]}")
    pytest.skip(f"promtool is not there and could not be built: {done.stderr[-500:]}")


def accepts(promtool, tmp_path, text) -> bool:
    document = yaml.safe_load(text)
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(document.get("spec", document)), encoding="utf-8")
    return subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
@pytest.mark.parametrize("interval", [15, 60])
def test_good_rules_have_no_findings(file, interval, check):
    assert check(file.read_text(), scrape_interval=interval) == ()


@pytest.mark.parametrize("file", LOADED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_promtool_loads_what_passes(file, promtool, tmp_path):
    assert accepts(promtool, tmp_path, file.read_text())


RULE = "groups: [{name: a, rules: [%s]}]"


@pytest.mark.parametrize(
    "rule",
    [
        "{alert: A, expr: 'sum by (x (y)'}",
        "{alert: A, expr: 'x > > 1'}",
        "{alert: A, expr: 'rate(x)'}",
        "{alert: A, expr: ''}",
        "{alert: A}",
        "{expr: x}",
        "{alert: A, record: b, expr: x}",
        "{alert: A, expr: x > 1, for: five}",
        "{alert: A, expr: x > 1, For: 5m}",
        "{record: a, expr: x, for: 5m}",
        "{alert: A, expr: x > 1, labels: {__name__: d}}",
        "{alert: A, expr: x > 1}], rules: [{}",
    ],
)
def test_what_promtool_refuses_is_an_error(rule, check, promtool, tmp_path):
    text = RULE % rule
    codes = {d.code for d in check(text) if d.severity == "error"}
    assert codes & {"CG500", "CG501", "CG103"}
    if "CG103" not in codes:  # a key twice, which PyYAML would hide from promtool
        assert not accepts(promtool, tmp_path, text)


MERGES = {
    "a rule taken over": "groups: [{name: a, rules: [&r {alert: A, expr: x > 1, for: 5m}, {<<: *r, alert: B}]}]",
    "labels taken over": "groups: [{name: a, rules: [{alert: A, expr: x > 1, for: 5m, labels: &l {a: b}}, "
    "{alert: B, expr: x > 1, for: 5m, labels: {<<: [*l, {c: d}]}}]}]",
    "an expression of another rule": "groups: [{name: a, rules: [{record: 'a:b', expr: &e sum(x)}, {record: 'c:d', expr: *e}]}]",
    "a key of another rule": "groups: [{name: a, rules: [{&k record : 'a:b', expr: sum(x)}, {*k : 'c:d', expr: sum(x)}]}]",
    "a tagged merge key": "groups: [{name: a, rules: [{alert: A, expr: x > 1, !!merge <<: {for: 5m}}]}]",
    "no mapping": "groups: [{name: a, rules: [{alert: A, expr: x > 1, for: 5m, <<: 5}]}]",
    "nothing": "groups: [{name: a, rules: [{alert: A, expr: x > 1, for: 5m, <<: }]}]",
    "twice": "groups: [{name: a, rules: [{alert: A, expr: x > 1, <<: {for: 5m}, <<: {labels: {a: b}}}]}]",
    "in quotes": "groups: [{name: a, rules: [{alert: A, expr: x > 1, for: 5m, '<<': {}}]}]",
    "a field that is none": "groups: [{name: a, rules: [{alert: A, expr: x > 1, for: 5m, <<: {foo: bar}}]}]",
    "an anchor of its own": "x-rule: &r {alert: A, expr: x > 1, for: 5m}\ngroups: [{name: a, rules: [*r]}]",
}


@pytest.mark.parametrize("text", MERGES.values(), ids=MERGES.keys())
def test_merge_keys_are_read_as_prometheus_reads_them(text, check, promtool, tmp_path):
    """Its reader is of YAML 1.1 there; as the file stands, for PyYAML would resolve them."""
    file = tmp_path / "rules.yml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, timeout=60)
    assert any(d.severity == "error" for d in check(text)) != (done.returncode == 0), check(text)


def test_what_a_rule_says_itself_wins_over_what_it_takes_over(check):
    """`severity` twice would be a duplicate alert, a lost `for` an alert on a single sample."""
    rules = "\n".join(
        (
            "groups:",
            "- name: a",
            "  rules:",
            "  - &base {alert: A, expr: up == 0, for: 5m, labels: &one {severity: warning}}",
            "  - {<<: *base, labels: {<<: [{severity: critical}, *one]}}",
        )
    )
    assert check(rules) == ()
    assert [d.code for d in check(rules.replace("[{severity: critical}, *one]", "[*one, {severity: critical}]"))] == [
        "CG526"
    ]


def test_a_merge_bomb_is_refused(check):
    lines = ["a0: &a0 {x: 1, y: 2, z: 3}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], b{n}: 1}}" for n in range(1, 12)]
    found = check("\n".join((*lines, "groups: []")))
    assert [(d.code, d.span.line) for d in found] == [("CG106", 6)]


@pytest.mark.parametrize(
    ("expr", "promtool_takes_it", "code"),
    [
        ("up{instance=~'" + "|".join(f"host{n}" for n in range(7000)) + "'} == 0", True, None),
        ("up{instance=~'" + "|".join(f"host{n}" for n in range(9000)) + "'} == 0", True, "CG623"),
        (" or ".join(f"up{{job='a{n}'}} == 0" for n in range(150)), True, "CG623"),
        ("+".join(["up"] * 6000), True, "CG623"),
        ("-" * 8000 + "up", True, "CG623"),
        ("(" * 70 + "up" + ")" * 70 + " == 0", True, "CG623"),
        ("up{instance=~'" + "[(]" * 70 + "'} == 0", True, None),
        ("up{instance=~`\\``} " + "(" * 20000 + "# `", False, "CG623"),
        ("up{instance=~'" + "x" * 9000 + " == 0", False, "CG501"),
    ],
    ids=["long", "longer", "chain", "sum", "signs", "brackets", "brackets in a text", "an odd text", "an open quote"],
)
def test_what_is_too_large_is_not_called_invalid(expr, promtool_takes_it, code, check, promtool, tmp_path):
    """The library that parses takes seconds for some of these, and crashes on others."""
    text = yaml.safe_dump({"groups": [{"name": "a", "rules": [{"alert": "A", "expr": expr, "for": "5m"}]}]})
    assert accepts(promtool, tmp_path, text) is promtool_takes_it
    found = check(text)
    assert [d.code for d in found] == ([code] if code else [])
    assert all(d.severity == ("warning" if code == "CG623" else "error") for d in found)
