"""From what happened to figures, tables and charts; and the command, from a run of a few users."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from lab.__main__ import app
from lab.closed_loop import plots, tables
from lab.closed_loop.creators import Creator
from lab.closed_loop.loop import Outcome
from lab.closed_loop.report import Group, Report, group_of
from lab.closed_loop.study import ARMS, Runs
from lab.closed_loop.tally import Counts, Response
from lab.closed_loop.town import WARM_UP_DAYS, Plan

PLAN = Plan(users=2, days=WARM_UP_DAYS + 10)


def by_day(*of_users: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """So many a day, by user."""
    return np.array([[each] * PLAN.days for each in of_users], np.int64)


def outcome(unwanted: tuple[int, int], creators: tuple[Creator, ...] = ()) -> Outcome:
    nothing = by_day(0, 0)
    counts = Counts(
        shown=by_day(20, 10),
        unwanted=by_day(*unwanted),
        wanted=by_day(4, 4),
        engaged=by_day(6, 3),
        abandoned=nothing,
        due=by_day(4, 0),
        suppressed=by_day(1, 0),
        creators=by_day(10, 5),
        hooks=nothing,
        responses=((Response(4, 10), Response(2, 4)), ()),
    )
    return Outcome(counts, creators, {})


@pytest.fixture
def group() -> Group:
    creators = (
        Creator("caught", 5, {"hook": 9, "left": 6}),
        Creator("missed", 6),
        Creator("too soon", 8, {"left": 7}),
        Creator("honest"),
    )
    arms = ARMS["factors"][:2]
    return group_of(Runs("factors", arms, ((outcome((5, 4), creators),), (outcome((4, 2)),))), PLAN, (1,))


def test_figures_are_ratios_of_sums_over_users_and_differences_are_paired(group: Group) -> None:
    neither, lists = group.rows
    found = {name: each.value for name, each in neither.figures.items()}
    assert found == pytest.approx(
        {
            "unwanted": 9 / 30,
            "engaged": 9 / 30,
            "abandoned": 0,
            "wanted": 8 / 30,
            "suppressed": 1 / 4,
            "hooks": 0,
            "creators": 15 / 30,
            "showings": 3,
            "days": 7,
        }
    )
    assert lists.against["unwanted"].value == pytest.approx(-3 / 30)
    assert (lists.against["unwanted"].low, lists.against["unwanted"].high) == pytest.approx((-0.2, -0.05))
    assert [each.value for each in lists.blocks] == pytest.approx([0.2, 0.2])


def test_a_flag_counts_once_the_creator_is_a_hook_and_before_it_is_wrong(group: Group) -> None:
    hook, left = group.caught[:2]
    assert hook.caught is not None and left.caught is not None and hook.days is not None and left.days is not None
    assert hook.wrong is not None and left.wrong is not None
    assert (hook.monitor, hook.caught.value, hook.days.value, hook.wrong.value) == ("hook", pytest.approx(1 / 3), 4, 0)
    assert (left.monitor, left.caught.value, left.days.value) == ("left", pytest.approx(1 / 3), 1)
    assert left.wrong.value == 0.25
    assert group.caught[2].caught is None
    assert group.hooks[0].hooks[4:9] == (0, 1, 2, 2, 3)
    assert group.hooks[0].flagged["hook"][8:10] == (0, 1)


def test_tables_name_the_arm_the_figure_its_interval_and_the_command(group: Group) -> None:
    report = Report("python -m lab closed-loop", PLAN, 500, 1.0, (group,))
    lines = tables.markdown(report).splitlines()
    assert lines[0] == "factors, 2 users, seeds 1:"
    row = next(line for line in lines if line.startswith("| lists |"))
    assert row.split(" | ")[1] == "20.0% (20.0% … 20.0%)"
    less = lines[lines.index("factors, less neither, user by user; shares in points of a hundred:") + 4]
    assert less.split(" | ")[1] == "-10.0 (-20.0 … -5.0)"
    assert "python -m lab closed-loop: 95 % intervals" in lines[-1]


def test_charts_are_the_same_each_time_and_say_that_it_is_a_simulation(group: Group, tmp_path: Path) -> None:
    report = Report("", PLAN, 500, 1.0, (group,))
    files = plots.write(report, tmp_path / "a")
    again = plots.write(report, tmp_path / "b")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
    texts = {text.text for text in ET.fromstring(files[0].read_bytes()).iter("{http://www.w3.org/2000/svg}text")}
    assert "simulation: factors, 2 users" in texts
    assert {"neither", "lists"} <= texts


def closed_loop(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["closed-loop", *arguments], env={"COLUMNS": "200"}, prog_name="python -m lab")


def test_the_command_writes_tables_and_charts(tmp_path: Path) -> None:
    page = tmp_path / "tables.md"
    result = closed_loop(
        "--users", "8", "--days", "8", "--seeds", "5", "--retriever-seeds", "none",
        "--plots", str(tmp_path / "plots"), "--markdown", str(page),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "showings to respond" in result.output
    assert "--users 8 --days 8 --seeds 5" in page.read_text()
    assert len(list((tmp_path / "plots").glob("*.svg"))) == 3


def test_seeds_that_are_none_are_told_with_the_option() -> None:
    result = closed_loop("--retriever-seeds", "1,x")
    assert result.exit_code == 2
    assert "different numbers" in result.output
    assert "--retriever-seeds" in result.output


def test_nothing_to_do_is_told_with_both_options() -> None:
    result = closed_loop("--seeds", "none", "--retriever-seeds", "none")
    assert result.exit_code == 2
    assert "nothing to do" in result.output
    assert "--seeds, --retriever-seeds" in result.output
