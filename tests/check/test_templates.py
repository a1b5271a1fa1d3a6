"""What is said of a template in an annotation is what Prometheus itself says when it loads the file."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from capgen.check.templates import _FUNCTIONS, wrong

TAKEN = (
    '{{ range query "up" }}{{ .Labels.job }} {{ .Value | humanize }}{{ end }}',
    "{{ with $x := 1 }}{{ $x }}{{ else }}{{ end }}",
    '{{ define "a" }}{{ . }}{{ end }}{{ template "a" $labels.job }}',
    "{{- $labels.a -}} x",
    '{{ printf "%.2f }}" $value }}',
    "{{ $value | printf `a}}` }}",
    '{{ if and (gt $value 1.0) (lt $value 2e3) }}x{{ else if eq $labels.a "b" }}y{{ end }}',
    "{{/* a note */}}z",
    '{{ range $i, $e := query "x" }}{{ $i }}{{ $e.Value }}{{ end }}',
    '{{ $externalLabels.cluster }}{{ $externalURL }}{{ (query "up" | first).Value }}',
    '{{ reReplaceAll "(.*)" "$1" $labels.job }}',
    '}} {{ "{{" }} {',
    '{{ . }}{{ .Labels }}{{ $ }}{{ -1 }}{{ index $labels "a-b" }}',
    *(f"{{{{ if false }}}}{{{{ {name} 1 }}}}{{{{ end }}}}" for name in sorted(_FUNCTIONS)),
)
REFUSED = {
    "{{ $value | humanise }}": "did you mean 'humanize'?",
    "{{ $labels.instance ": "not closed",
    "{{ $labels.instance } is {{ $value }}": "not closed",
    '{{ printf "%.2f $value }}': "not closed",
    "{{ if $value }}x": "has no `{{ end }}`",
    "{{ if $value }}x{{ end }}{{ end }}": "ends nothing",
    "{{ else }}": "ends nothing",
    "{{ $labels.a }} {{ $vlaue }}": "no variable $vlaue",
    "{{ labels.instance }}": "no function 'labels'",
    "{{ }}": "says nothing",
}


def test_promtool_agrees(promtool: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    texts = (*TAKEN, *REFUSED)
    rows = (
        f"  - alert: A{i}\n    expr: up\n    annotations: {{s: {json.dumps(text)}}}\n" for i, text in enumerate(texts)
    )
    rules.write_text("groups:\n- name: x\n  rules:\n" + "".join(rows))
    done = subprocess.run([promtool, "check", "rules", rules], capture_output=True, text=True)
    refused = {texts[int(number)] for number in re.findall(r'rule \d+, "A(\d+)"', done.stdout + done.stderr)}
    assert refused == set(REFUSED)
    assert {text for text in texts if wrong(text)} == refused


def test_the_file_is_refused_at_the_template(check) -> None:
    for text, why in REFUSED.items():
        head = "groups:\n- name: x\n  rules:\n  - alert: A\n    expr: shop_up == 0\n    for: 5m\n    annotations:\n"
        (found,) = [one for one in check(f"{head}      summary: {json.dumps(text)}\n") if one.code == "CG500"]
        assert why in found.message and (found.span.line, found.span.column) == (8, 16)
