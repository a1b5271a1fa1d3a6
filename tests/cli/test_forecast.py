"""`capgen forecast` as its users run it: the JSON's promise, every kind of file, exit codes, the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from cli.command import run
from planning.shapes import csv, weekly

from capgen.report.codes import codes

VALUES = weekly(5, seed=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "load.csv").write_text(csv(VALUES))
    return tmp_path


def test_the_json_keeps_its_promise(folder: Path) -> None:
    done = run("forecast", "load.csv", "--horizon", "7d", "--format", "json", cwd=folder)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["schema_version"] == 1
    assert list(document["forecast"][0]) == ["t", "p50", "lo80", "hi80", "lo95", "hi95"]
    assert len(document["forecast"]) == 168
    assert document["forecast"][0]["t"] == "2026-02-09T00:00:00Z"
    assert document["forecast"][-1]["t"] == "2026-02-15T23:00:00Z"
    assert document["backtest"]["origins"] == 10
    assert document["warnings"] == []


def test_the_same_file_gives_the_same_bytes_in_any_order_under_any_hash_seed(folder: Path) -> None:
    head, *rows = (folder / "load.csv").read_text().splitlines()
    (folder / "turned.csv").write_text("\n".join([head, *rows[::-1]]) + "\n")
    texts = [
        run("forecast", name, "--format", "json", cwd=folder, env={"PYTHONHASHSEED": seed}).out
        for name, seed in (("load.csv", "1"), ("load.csv", "2"), ("turned.csv", "3"))
    ]
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["forecast"] == json.loads(texts[2])["forecast"]


def test_statsforecast_takes_part_when_asked_and_is_never_imported_otherwise(tmp_path: Path) -> None:
    (tmp_path / "load.csv").write_text(csv(VALUES[: 16 * 24]))
    thorough = json.loads(run("forecast", "load.csv", "--thorough", "--format", "json", cwd=tmp_path).out)
    assert 0.02 < thorough["series"]["members"]["MSTL"] < 0.98
    assert sum(thorough["series"]["members"].values()) == pytest.approx(1.0, abs=1e-4)
    (tmp_path / "statsforecast.py").write_text("raise ImportError('not here')")
    hidden = {"PYTHONPATH": str(tmp_path)}
    usual = run("forecast", "load.csv", "--format", "json", cwd=tmp_path, env=hidden)
    assert "MSTL" not in json.loads(usual.out)["series"]["members"]
    assert json.loads(usual.out)["forecast"] != thorough["forecast"]
    missing = run("forecast", "load.csv", "--thorough", cwd=tmp_path, env=hidden)
    assert missing.code == 1
    assert missing.out == ""
    assert "pip install 'capgen[forecast]'" in missing.err


def test_parquet_gives_what_csv_gives(folder: Path) -> None:
    times = np.arange(len(VALUES)) * 3600 + 1767571200
    stamps = pyarrow.array(times * 1000, pyarrow.timestamp("ms", tz="UTC"))
    pyarrow.parquet.write_table(pyarrow.table({"timestamp": stamps, "value": VALUES}), folder / "load.parquet")
    texts = [run("forecast", name, "--format", "json", cwd=folder) for name in ("load.csv", "load.parquet")]
    assert texts[0].out == texts[1].out
    (folder / "broken.parquet").write_text("no parquet")
    broken = run("forecast", "broken.parquet", cwd=folder)
    assert (broken.code, "CG904" in broken.err) == (3, True)


def test_a_calendar_file(folder: Path) -> None:
    (folder / "events.yaml").write_text("- {name: launch, start: 2026-02-10, multiplier: 2}\n")
    (folder / "events.csv").write_text("name,start,end,multiplier\nlaunch,2026-02-10,2026-02-10,2\n")
    plain = json.loads(run("forecast", "load.csv", "--format", "json", cwd=folder).out)["forecast"]
    for name in ("events.yaml", "events.csv"):
        done = run("forecast", "load.csv", "--calendar", name, "--format", "json", cwd=folder)
        made = json.loads(done.out)
        ratios = [a["p50"] / b["p50"] for a, b in zip(made["forecast"], plain, strict=True)]
        assert ratios[24:48] == pytest.approx([2.0] * 24, rel=1e-4)
        assert ratios[:24] == pytest.approx([1.0] * 24)
        assert [warning["code"] for warning in made["warnings"]] == ["CG914"]
    (folder / "events.csv").write_text("name;start;end;multiplier;\nlaunch;2026-02-10;2026-02-10;2;\n", "utf-16")
    assert run("forecast", "load.csv", "--calendar", "events.csv", "--format", "json", cwd=folder).out == done.out
    (folder / "events.yaml").write_text(
        "- {name: launch, start: 2026-02-10, multiplier: many}\n- {start: 2026-13-01}\n- 5\n"
    )
    broken = run("forecast", "load.csv", "--calendar", "events.yaml", cwd=folder)
    for name, text in (("events.csv", "launch,2026-02-10,2026-02-10,2\n"), ("events.yaml", "")):
        (folder / f"no-{name}").write_text(text)
        nothing = run("forecast", "load.csv", "--calendar", f"no-{name}", cwd=folder)
        assert (nothing.code, f"no-{name}:1:1: error CG912" in nothing.err) == (3, True)
    assert broken.code == 3
    assert [place in broken.err for place in ("events.yaml:1:3", "events.yaml:2:3", "events.yaml:3:3")] == [True] * 3


def test_text_fits_a_terminal_and_says_how_far_to_trust_it(folder: Path) -> None:
    done = run("forecast", "load.csv", "--horizon", "2d", cwd=folder)
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert "back-test: 10 times 48 steps ahead" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.csv"], 2, "there is no file nowhere.csv"),
        (["load.csv", "--horizon", "7"], 2, "--horizon: '7' has no unit"),
        (["load.csv", "--step", "0s"], 2, "--step: nothing can be seen in no time"),
        (["load.csv", "--column", "cpu"], 3, "CG904"),
        (["load.csv", "--calendar", "nowhere.yaml"], 2, "there is no file nowhere.yaml"),
        (["one.csv"], 3, "one.csv:1:1: error CG905"),
        (["bad.csv"], 3, "bad.csv:2:12: error CG902"),
    ],
)
def test_mistakes(folder: Path, arguments: list[str], code: int, said: str) -> None:
    (folder / "one.csv").write_text("timestamp,value\n2026-01-01,1\n")
    (folder / "bad.csv").write_text("timestamp,value\n2026-01-01,\x1b[31mred\n")
    done = run("forecast", *arguments, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "\x1b" not in done.err
    assert "Traceback" not in done.err


def test_every_code_that_a_forecast_gives_has_a_page() -> None:
    package = Path(__file__).parents[2] / "capgen"
    texts = [path.read_text() for room in ("history", "planning") for path in (package / room).rglob("*.py")]
    given = {code for text in texts for code in codes() if code in text}
    assert {code for code in codes() if code.startswith(("CG90", "CG91"))} <= given
