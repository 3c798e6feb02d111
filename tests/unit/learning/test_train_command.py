"""From a demo's stream to a list: labels, export, ``streamer train``, proposals, and the avoid list over them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.city import city
from streamer.cli.app import app
from streamer.events import Dislike
from streamer.learning.retriever.checkpoint import load
from streamer.learning.retriever.histories import read
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.serving import Candidate
from streamer.settings import Settings
from streamer.testing import StreamerJob
from tests.unit.learning.examples import DAY_0, Told

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]


def test_a_citys_events_become_a_model_whose_proposals_pass_the_avoid_list(tmp_path: Path) -> None:
    job = StreamerJob(Settings(labels=True))
    job.send(*(event for _, event in city.generate(users=30, days=4, seed=5, end_ms=DAY_0)))
    job.advance(3 * 3600)
    told = Told(tmp_path / "labels")
    told.tell(*job.labels)
    told.export(10_000)
    file = tmp_path / "retriever.npz"
    result = CliRunner().invoke(app, ["train", str(told.out), "--checkpoint", str(file), "--steps", "2"])
    assert result.exit_code == 0, result.output
    assert f"the model is in {file}" in result.output
    histories, trained = read(told.out), load(file)
    proposed = RetrieverRecommender(trained).recommend(histories.of(0), 10)
    assert len(proposed) == 10
    refused = Dislike(user_id=histories.users[0], ts=job.now_ms, action="block", content_id=proposed[0])
    job.send(refused)
    user = job.reader(explore=0).get(histories.users[0])
    ranked = user.rerank([Candidate(content_id) for content_id in proposed], [1.0] * 10)
    assert sorted(item.content_id for item, _ in ranked) == sorted(proposed[1:])


def test_a_folder_without_examples_says_what_to_look_at(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.export()
    result = CliRunner().invoke(app, ["train", str(tmp_path)])
    assert (result.exit_code, "streamer labels stats" in result.stderr) == (1, True)


def test_options_that_cannot_work_are_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(tmp_path), "--steps", "0"])
    assert (result.exit_code, "steps: must be >= 1" in result.stderr) == (2, True)
