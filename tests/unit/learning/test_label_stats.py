"""What is in training examples, counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.events import DAY_MS
from streamer.learning.examples.folder import tables_in
from streamer.learning.examples.stats import COLUMNS, stats_of, stats_of_topic
from streamer.testing.broker import MemoryScanner
from tests.unit.learning.examples import DAY_0, Told, example, label

IGNORED = example("i", outcome="ignored", signals={"impression": 0.01, "ignored": -0.02}, weight=-0.01, propensity=0.35)
SAID = example("s", outcome=None, signals={"dislike": -1.5, "like": 0.7}, weight=-0.8, propensity=None)


def told(out: Path) -> Told:
    found = Told(out)
    found.tell(label("u", DAY_0, example("a"), IGNORED), label("v", DAY_0 + DAY_MS, SAID), label("u", DAY_0 + DAY_MS))
    return found


def test_examples_are_counted_by_what_was_done_day_user_and_propensity(tmp_path: Path) -> None:
    labels = told(tmp_path)
    labels.export()
    found = stats_of(tables_in(tmp_path, COLUMNS))
    assert (found.examples, found.users) == (4, 2)
    assert found.days == {20_000: 2, 20_001: 2}
    assert found.outcomes == {"engaged": 2, "ignored": 1, "answered": 1}
    assert found.signals == {"impression": 3, "watch": 2, "ignored": 1, "dislike": 1, "like": 1}
    assert found.signs == {"for": 2, "against": 2}
    assert found.propensities == {9: 2, 3: 1, None: 1}


def test_a_topics_counts_are_those_of_its_export_where_nothing_came_twice(tmp_path: Path) -> None:
    labels = told(tmp_path)
    labels.export()
    of_topic = asyncio.run(stats_of_topic(MemoryScanner(labels.broker), "labels", 1))
    assert vars(of_topic) == vars(stats_of(tables_in(tmp_path, COLUMNS)))


def test_the_command_prints_counts_of_a_folder(tmp_path: Path) -> None:
    told(tmp_path).export()
    result = CliRunner().invoke(app, ["labels", "stats", str(tmp_path)])
    assert result.exit_code == 0
    assert "4 examples of 2 users on 2 days" in result.output
    assert all(word in result.output for word in ("2024-10-04", "dislike", "ignored", "0.3 – 0.4", "no valid exposure"))


def test_a_folder_that_is_no_export_says_how_to_make_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["labels", "stats", str(tmp_path)])
    assert (result.exit_code, "streamer labels export" in result.stderr) == (1, True)


def test_labels_that_are_off_say_what_to_set(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["labels", "export", str(tmp_path)])
    assert (result.exit_code, "labels: is false" in result.stderr) == (2, True)
