"""Findings as a JUnit report, for CI servers that draw tests and nothing else.

An error is a failed test. A warning or a note is a test that passed and has something to say, since a server that
turns red for a warning would disagree with our exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from capgen.diagnostics import Diagnostic, Severity
from capgen.report.summary import counts
from capgen.report.visible import one_line, visible


def as_junit(found: Sequence[Diagnostic]) -> str:
    """One suite; one case a finding, or a single passed one when there are none."""
    totals = {"tests": str(max(len(found), 1)), "failures": str(counts(found)["errors"]), "errors": "0"}
    root = ET.Element("testsuites", totals)
    suite = ET.SubElement(root, "testsuite", {"name": "capgen", **totals})
    if not found:
        ET.SubElement(suite, "testcase", {"classname": "capgen", "name": "no findings"})
    for diagnostic in found:
        _case(suite, diagnostic)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, diagnostic: Diagnostic) -> None:
    where = visible(str(diagnostic.span)) if diagnostic.span else "capgen"
    message, code = one_line(diagnostic.message), visible(diagnostic.code)
    name = visible(diagnostic.span.file) if diagnostic.span else "capgen"
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": f"{code} {where}"})
    said = f"{where}: {diagnostic.severity} {code}: {message}"
    if diagnostic.hint:
        said += f"\nhint: {one_line(diagnostic.hint)}"
    if diagnostic.severity is Severity.ERROR:
        ET.SubElement(case, "failure", {"type": code, "message": message}).text = said
    else:
        ET.SubElement(case, "system-out").text = said
