"""Strings that would break out of a file if anything printed them raw, and specs that carry them everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

TOKEN = "QTOKENQ"
PIECES = (
    '"', "'", "\\", "\n", "\n- x: y\n", ": ", " #", "{{ .Labels }}", "{{ $value }}", "}}", "{%", "$( reboot )", "`id`", "${HOME}", "$1", "%(x)s",
    "&a", "*a", "!!python/object", "---", "...", "|", ">", "[", "]", "{", "}", ",", "?", "@", "\t", "é", "\U0001f525", "\u2028", "\u0085", "~", "null", "no", "0x1f", "1e3",
    '"} or vector(1) #', 'a"} > 0', "\\x22", " ", "x",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
LINES = TEXTS.map(lambda text: "".join(c for c in text if c >= " " and c != "\x7f"))


def spec(text: str, line: str) -> dict[str, Any]:
    """A Capacity with `text` in every field that takes free text, and `line` in every label's value."""
    return {
        "apiVersion": "capgen/v1",
        "kind": "Capacity",
        "metadata": {"name": "shop", "title": text, "owner": "team", "labels": {"tier": line}},
        "sources": {
            "host": {
                "exporter": "node",
                "targets": ["localhost:9100"],
                "labels": {"dc": line},
                "match": {"rack": line},
            },
            "web": {
                "exporter": "http",
                "service": {"namespace": "shop", "labels": {"app": "shop"}, "port": "metrics"},
                "labels": {"dc": line},
                "match": {"vhost": line},
            },
        },
        "signals": {
            "host.cpu": {"title": text, "about": text, "action": text, "runbook": text},
            "own.queue": {
                "source": "web",
                "title": text,
                "expr": "sum by (queue) (queue_depth{$selector})",
                "levels": {"warning": 5, "critical": 9},
                "hysteresis": 1,
            },
        },
        "planning": {
            "lead_time": {"own.queue": "14d"},
            "storage": {"disk": {"size": "1Gi", "growth": "9%", "volume": "9Gi"}},
            "cost": {
                "currency": "USD",
                "months": 3,
                "source": text,
                "compute": {"instances": 3, "each": 150},
                "budget": {"monthly": 400},
                "options": {"spot": {"saves": "60%", "of": "compute", "note": text}},
            },
            "roadmap": [
                {"quarter": "2027-Q1", "themes": {text: [{"title": text, "owner": text, "moves": "own.queue"}]}}
            ],
        },
        "workloads": {
            "shop": {
                "kind": "Deployment",
                "namespace": "shop",
                "horizontal": {"replicas": {"min": 1, "max": 3}, "targets": {"own.queue": 4, "cpu": "60%"}},
                "vertical": {"mode": "recommend"},
            }
        },
    }


ENVIRONMENTS = {
    "files": {"deliver": {"prometheus": "files"}, "kubernetes": {"namespace": "monitoring"}},
    "operator": {"deliver": {"prometheus": "operator"}, "kubernetes": {"namespace": "monitoring"}},
    "configmap": {"deliver": {"prometheus": "configmap"}, "kubernetes": {"namespace": "monitoring"}},
}


def _json(document: dict[str, Any]) -> str:
    """JSON is YAML too, but for the line breaks that only YAML knows, and it keeps our writer out of the test."""
    text = json.dumps(document, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if c in "\x7f\x85\u2028\u2029\ufeff" else c for c in text)


def write_project(folder: Path, capacity: dict[str, Any]) -> Path:
    """The capacity and an environment of each style, as files; returns the specs' folder."""
    specs = folder / "specs"
    specs.mkdir(parents=True, exist_ok=True)
    (specs / "shop.yaml").write_text(_json(capacity), encoding="utf-8")
    for name, body in ENVIRONMENTS.items():
        document = {"apiVersion": "capgen/v1", "kind": "Environment", "metadata": {"name": name}, **body}
        (specs / f"{name}.yaml").write_text(_json(document), encoding="utf-8")
    return specs
