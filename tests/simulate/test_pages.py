"""The pages of the replay's codes show what they say, through the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import capgen.cli
from capgen.report.codes import codes, page

HPA = page("CG920").good.split("\n", 1)[1].rsplit("```", 1)[0]
DEMAND = "t,cpu\n0,1.5\n15,1.7\n"
OTHERS = {"CG927", *(f"CG{number}" for number in range(929, 934))}
MINE = [code for code in codes() if "CG920" <= code <= "CG935" and code not in OTHERS]
"""The page of CG927 is a spec, and is shown in `test_specs`; the others are not the replay's."""

WARNINGS = {"CG928", "CG934", "CG935"}


def example(text: str) -> tuple[str, str]:
    language, rest = text.removeprefix("```").split("\n", 1)
    return language, rest.removesuffix("```")


def said(
    capsys: pytest.CaptureFixture[str], hpa: str = HPA, demand: str = DEMAND, line: str = ""
) -> tuple[int, list[str]]:
    Path("hpa.yaml").write_text(hpa)
    Path("demand.csv").write_text(demand)
    line = line or "capgen simulate --hpa hpa.yaml --demand demand.csv --request cpu=500m --limit cpu=1"
    with pytest.raises(SystemExit) as done:
        capgen.cli.main(shlex.split(line)[1:])
    return int(done.value.code or 0), re.findall(r"(?:error|warning) (CG\d{3})", capsys.readouterr().err)


@pytest.mark.parametrize("code", MINE)
def test_the_bad_example_gives_the_code_and_the_good_one_nothing(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for text, expected in ((page(code).bad, (3, [code])), (page(code).good, (0, []))):
        language, content = example(text)
        where = {"yaml": "hpa", "csv": "demand", "sh": "line"}[language]
        status, found = said(capsys, **{where: content})
        # A warning does not fail the command.
        assert (status, found) == ((0, [code]) if code in WARNINGS and expected[1] else expected)
