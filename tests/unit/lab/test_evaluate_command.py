"""``python -m lab evaluate``: tables, JSON and a page, from a run of a few users."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from lab.__main__ import app


def evaluate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *arguments], env={"COLUMNS": "120"}, prog_name="python -m lab")


def test_json_holds_what_it_takes_to_repeat_the_run_and_every_figure_with_its_interval(tmp_path: Path) -> None:
    page, tables = tmp_path / "report.html", tmp_path / "report.md"
    arguments = (
        "--world",
        "browse",
        "--users",
        "5",
        "--seeds",
        "9,10",
        "--rules",
        "ours,chance",
        "--set",
        "window_days=60",
    )
    result = evaluate(*arguments, "--json", "--html", str(page), "--markdown", str(tables))
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["command"] == (
        "python -m lab evaluate --world browse --users 5 --seeds 9,10 --rules ours,chance --set window_days=60"
    )
    assert list(told["contenders"]) == ["ours", "ours, window_days=60", "chance"]
    group = told["worlds"][0]["groups"][-1]
    assert group["users"] == 10  # of both worlds
    figure = group["rows"][0]["figures"]["tag.ap"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert "| ours, window_days=60 |" in tables.read_text()
    assert page.read_text().startswith("<!doctype html>")


def test_the_table_names_rules_and_sets_passed_over() -> None:
    result = evaluate("--users", "3", "--world", "feed", "--rules", "explicit,chance", "--dataset", "kuairand")
    assert result.exit_code == 0, result.output
    assert "average precision" in result.output
    assert "explicit" in result.output
    assert "passed over: no data folder given: --data FOLDER" in result.output
    assert "95 % intervals" in result.output


def test_unknown_names_are_told_with_what_there_is() -> None:
    for option in ("--world", "--dataset"):
        result = evaluate(option, "nonsense")
        assert result.exit_code == 2
        assert "'nonsense' is none of" in result.output
    for seeds in ("1,x", "1,1", ""):
        result = evaluate("--seeds", seeds)
        assert result.exit_code == 2
        assert "different numbers" in result.output
    result = evaluate("--rules", "nonsense")
    assert result.exit_code == 2
    assert "no such rule" in result.output
