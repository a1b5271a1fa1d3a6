"""Each code's page shows what it says: the bad example gives exactly that code, the good one nothing."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from errors.project import files, findings, write

import capgen.cli
from capgen.report.codes import codes

CODES = Path(capgen.__file__).parent / "codes"
FAMILIES = ("CG1", "CG2", "CG3", "CG4", "CG6", "CG7")
SHAPE = re.compile(
    r"# (CG\d{3}): [^\n]+\n\n[^\n#]+\n\n## Bad\n\n```(\w+)\n(.+?)\n```\n\n## Good\n\n```(\w+)\n(.+?)\n```\n\n## What to do\n\n[^\n]+\n",
    re.DOTALL,
)
SCENARIOS = {
    "CG104",
    "CG440",
    "CG441",
    "CG109",
    "CG208",
    "CG209",
    "CG601",
    "CG602",
    "CG603",
    "CG610",
    "CG611",
    "CG612",
    "CG613",
    "CG614",
    "CG615",
    "CG616",
    "CG619",
    "CG622",
    "CG623",
    "CG625",
    "CG701",
    "CG702",
    "CG801",
    "CG802",
    "CG803",
}
"""Pages whose example stands for something that a page cannot hold, each with a test of its own below."""
SHOP = "metadata: {name: shop}"


def examples(code: str) -> tuple[str, str]:
    found = SHAPE.fullmatch((CODES / f"{code}.md").read_text(encoding="utf-8"))
    assert found, f"{code}.md is not of the shape: title, why, Bad, Good, What to do"
    assert found[1] == code
    assert found[2] == found[4]
    return found[3], found[5]


UNTOLD = ("CG352", "CG358", "CG442")
"""Nobody is told of alerts, no job scales: true of many examples, and the point of these pages alone."""


def said(project: Path, example: str, code: str = "") -> list[str]:
    shutil.rmtree(project / "specs", ignore_errors=True)
    found = [finding.code for finding in findings(write(project, example))]
    return [one for one in found if one == code or one not in UNTOLD or code in UNTOLD]


@pytest.mark.parametrize("code", [code for code in codes() if code.startswith(FAMILIES)])
def test_every_page_has_the_shape(code: str) -> None:
    examples(code)


@pytest.mark.parametrize("code", [c for c in codes() if c.startswith(FAMILIES) and c not in SCENARIOS])
def test_the_bad_example_gives_the_code_and_the_good_one_nothing(code: str, tmp_path: Path) -> None:
    bad, good = examples(code)
    assert said(tmp_path / "bad", bad, code) == [code]
    assert said(tmp_path / "good", good, code) == []


def test_a_large_file(tmp_path: Path) -> None:
    bad, good = examples("CG104")
    assert said(tmp_path, bad.replace("…", "x" * (1 << 20))) == ["CG104"]
    assert said(tmp_path, good) == []


def test_a_character_that_has_no_place_in_yaml(tmp_path: Path) -> None:
    bad, good = examples("CG109")
    assert said(tmp_path, bad.replace("␇", "\x07")) == ["CG109"]
    assert said(tmp_path, good) == []


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    bad, good = examples("CG619")
    specs = write(tmp_path, SHOP)
    (tmp_path / "elsewhere").mkdir()
    (specs / "shop.yaml").rename(tmp_path / "elsewhere" / "shop.yaml.gone")
    subprocess.run(shlex.split(bad)[1:], cwd=tmp_path, check=True)
    assert [finding.code for finding in findings(specs)] == ["CG619"]
    (specs / "shop.yaml").unlink()
    (tmp_path / "elsewhere" / "shop.yaml.gone").rename(tmp_path / "elsewhere" / "shop.yaml")
    subprocess.run(shlex.split(good)[1:], cwd=tmp_path, check=True)
    assert findings(specs) == ()


def test_a_link_that_leads_out_of_the_project(tmp_path: Path) -> None:
    bad, good = examples("CG622")
    specs = write(tmp_path / "project", SHOP)
    (tmp_path / "elsewhere").mkdir()
    (specs / "shop.yaml").rename(tmp_path / "elsewhere" / "shop.yaml")
    for example, said_of_it in ((bad, ["CG622"]), (good, [])):
        (specs / "shop.yaml").unlink(missing_ok=True)
        subprocess.run(shlex.split(example)[1:], cwd=tmp_path / "project", check=True)
        assert [finding.code for finding in findings(specs)] == said_of_it


def test_a_link_to_a_folder_that_is_read_anyway(tmp_path: Path) -> None:
    bad, good = examples("CG625")
    specs = write(tmp_path / "project", SHOP)
    (tmp_path / "project/shared/specs").mkdir(parents=True)
    (specs / "shop.yaml").rename(tmp_path / "project/shared/specs/shop.yaml")
    subprocess.run(shlex.split(good)[1:], cwd=tmp_path / "project", check=True)
    assert findings(specs) == ()
    subprocess.run(shlex.split(bad)[1:], cwd=tmp_path / "project", check=True)
    assert [finding.code for finding in findings(specs)] == ["CG625"]


def test_an_expression_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = examples("CG623")
    monkeypatch.chdir(tmp_path)
    more = "|".join(f"m{number}" for number in range(3, 12_000))
    for text, wanted in ((bad.replace("and so on", more), {"CG623"}), (good, set())):
        (tmp_path / "rules.yml").write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit):
            capgen.cli.main(["check", "rules.yml"])
        assert set(re.findall(r"CG\d{3}", capsys.readouterr().out)) == wanted


def test_more_mistakes_than_are_listed(tmp_path: Path) -> None:
    bad, good = examples("CG209")
    more = "".join(f"    level{number}: 1\n" for number in range(3, 300))
    assert said(tmp_path, bad.replace("    level3: and so on", more)) == ["CG201"] * 200 + ["CG209"]
    assert said(tmp_path, good) == []


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, set[str]]:
    """Runs a line of a page's example; its exit code and the codes that it prints."""
    with pytest.raises(SystemExit) as done:
        capgen.cli.main(shlex.split(line)[1:])
    return int(done.value.code or 0), set(re.findall(r"\bCG\d{3}\b", capsys.readouterr().out))


def test_a_setting_that_sets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = examples("CG208")
    write(tmp_path, SHOP)
    monkeypatch.chdir(tmp_path)
    assert run(bad, capsys) == (3, {"CG208"})
    assert run(good, capsys) == (0, set())


@pytest.mark.parametrize("code", ["CG601", "CG602", "CG603"])
def test_a_generated_folder_that_is_not_what_the_specs_say(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = examples(code)
    specs = write(tmp_path, SHOP)
    (specs / "cart.yaml").write_text(files(SHOP.replace("shop", "cart"))["specs/shop.yaml"])
    monkeypatch.chdir(tmp_path)
    if code != "CG602":
        assert run("capgen build", capsys) == (0, set())
    if code == "CG601":
        shop = specs / "shop.yaml"
        shop.write_text(shop.read_text() + "signals:\n  host.cpu: {for: 42m}\n")
    if code == "CG603":
        # The folder of the whole fleet changes with it, so nothing of it may be left to compare.
        (specs / "cart.yaml").unlink()
    commands = [line for line in bad.splitlines() if not line.startswith("#")]
    status, found = run(commands[0], capsys)
    assert status == 3
    assert code in found
    assert found <= {code, "CG601"}
    results = [run(line, capsys) for line in good.splitlines() if not line.startswith("#")]
    assert results[-1] == (0, set())


@pytest.mark.parametrize("code", ["CG440", "CG441"])
def test_an_export_that_cannot_be_imported(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = examples(code)
    monkeypatch.chdir(tmp_path)
    target = "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}"
    for text, wanted in ((bad, (3, {code})), (good, (0, set()))):
        whole = (
            text.replace("spec: {", f"spec: {{{target}, ")
            if "spec: {" in text
            else f"{text}\nspec: {{{target}, maxReplicas: 2}}"
        )
        (tmp_path / "live.yaml").write_text(whole)
        with pytest.raises(SystemExit) as done:
            capgen.cli.main(["import", "web", "--from", "live.yaml"])
        said = capsys.readouterr()
        assert (done.value.code or 0, set(re.findall(r"\bCG\d{3}\b", said.err))) == wanted


@pytest.mark.parametrize("code", ["CG701", "CG702"])
def test_a_template_of_the_projects_own(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = examples(code)
    write(tmp_path, SHOP)
    template = tmp_path / "templates" / "prometheus" / "rules.yml.j2"
    template.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    template.write_text(bad)
    with pytest.raises(SystemExit) as done:
        capgen.cli.main(["build"])
    assert done.value.code == 3
    printed = capsys.readouterr().err
    assert f"templates/prometheus/rules.yml.j2:2:1: error {code}:" in printed
    assert not (tmp_path / "generated").exists()
    template.write_text(good)
    assert run("capgen build", capsys) == (0, set())
