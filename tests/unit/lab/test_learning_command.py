"""``python -m lab learning``: tables and JSON, and what it says of sets that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.__main__ import app


def learning(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["learning", *arguments], env={"COLUMNS": "140"}, prog_name="python -m lab")


@pytest.mark.filterwarnings("ignore:OpenBLAS")
def test_json_holds_what_it_takes_to_repeat_the_run_and_every_figure_alone_and_with_lists(tmp_path: Path) -> None:
    tables = tmp_path / "report.md"
    asked = ("--users", "12", "--seeds", "8,9", "--contender", "popularity,implicit ALS")
    result = learning(*asked, "--json", "--markdown", str(tables))
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["command"] == (
        "python -m lab learning --world feed --users 12 --seeds 8,9 --steps 300 --contender 'popularity,implicit ALS'"
    )
    (source,) = told["sources"]
    assert source["group"]["users"] == 24  # of both worlds
    rows = {row["label"]: row["figures"] for row in source["group"]["rows"]}
    assert list(rows) == ["popularity", "popularity + list", "implicit ALS", "implicit ALS + list"]
    for figures in rows.values():
        assert figures["unwanted"]["low"] <= figures["unwanted"]["value"] <= figures["unwanted"]["high"]
    assert rows["popularity + list"]["unwanted"]["value"] < rows["popularity"]["unwanted"]["value"]
    assert 0 < source["coverage"]["popularity"] < source["coverage"]["implicit ALS"] < 1
    assert "| implicit ALS + list |" in tables.read_text()


def test_a_set_that_is_not_there_is_passed_over_with_the_reason(tmp_path: Path) -> None:
    result = learning("--world", "none", "--data", str(tmp_path), "--contender", "popularity")
    assert result.exit_code == 0, result.output
    assert "passed over" in result.output
    assert "there is no" in result.output.replace("\n", " ")


@pytest.mark.parametrize("command", ["learning", "closed-loop"])
def test_a_package_that_is_not_there_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr("streamer.learning.find_spec", lambda package: None if package == "pyarrow" else package)
    result = CliRunner().invoke(app, [command], prog_name="python -m lab")
    assert result.exit_code == 1
    told = result.stderr.replace("\n", " ")
    assert "pyarrow, which learning needs, is not installed: run  pip install 'streamer-avoid-lists[train]'" in told


@pytest.mark.parametrize("asked", [("--world", "moon"), ("--contender", "seer"), ("--dataset", "netflix")])
def test_what_is_not_known_is_told_with_what_is(asked: tuple[str, str]) -> None:
    result = learning(*asked)
    assert (result.exit_code, "is none of" in result.stderr) == (2, True)
