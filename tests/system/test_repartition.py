"""A deployment that is brought to another number of partitions goes on as if it always had them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.engine.state.changelog import MARK_KEY
from streamer.engine.state.ownership import UNFINISHED
from streamer.engine.state.store import MARK_VERSION, Mark, encode_mark
from streamer.events import DAY_MS
from streamer.producing import SignalProducer, groups, topics
from streamer.producing.connection import open_producer
from streamer.settings import Settings
from tests.deployment import NOW, Story, story_of, wrong_anywhere
from tests.processes import HANGS_AFTER_S, Progress, running, start, wait_for


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"clock": "events"})


def run(settings: Settings, *arguments: str) -> Result:
    given = [
        part
        for name in sorted(settings.model_fields_set - {"data_dir"})
        for part in ("--set", f"{name}={json.dumps(getattr(settings, name))}")
    ]
    return CliRunner().invoke(app, [*given, *arguments], env={"COLUMNS": "500"})


def work(settings: Settings, story: Story, first: int, last: int, watermark: int, folder: Path) -> None:
    """Produces a part of a story, and runs a worker and a publisher until it is processed and published."""
    names = settings.topics
    with SignalProducer(settings) as producer:
        for _, event in story.events[first:last]:
            producer.send(event)
        producer.watermark(watermark)
    source = Progress(settings, settings.group, (*names.sources, names.erasures))
    outbox = Progress(settings, settings.publisher_group, (names.avoid_lists,))
    with running("worker", settings, folder / f"worker{first}.log") as worker:
        wait_for("all events are committed", source.done, worker)
    with running("publisher", settings, folder / f"publisher{first}.log") as publisher:
        wait_for("all lists are in Redis", outbox.done, publisher)
    source.close()
    outbox.close()


def test_from_4_partitions_to_6_to_3_every_document_is_the_oracle_s(settings: Settings, tmp_path: Path) -> None:
    story = story_of(users=30, days=4)
    third = len(story.events) // 3
    now = settings
    for number, (first, partitions) in enumerate([(0, 4), (third, 6), (2 * third, 3)]):
        last = len(story.events) if number == 2 else first + third
        if number:
            prefix = f"{settings.topic_prefix}{partitions}-"
            done = run(now, "repartition", "--to", str(partitions), "--prefix", prefix)
            assert done.exit_code == 0, done.output
            assert f"are in {partitions} partitions now, and were read back" in done.output
            again = run(now, "repartition", "--to", str(partitions), "--prefix", prefix)
            assert (again.exit_code, "done before" in again.output) == (0, True)
            now = now.model_copy(update={"topic_prefix": prefix, "partitions": partitions})
        end = story.end if number == 2 else story.events[last - 1][1].ts
        work(now, story, first, last, end, tmp_path)
    assert wrong_anywhere(now, story.truth, story.users) == {}
    checked = run(now, "check")
    assert checked.exit_code == 0, checked.output
    assert "has also read" in checked.output  # the same groups, as those of before are no more


def test_a_deployment_that_runs_or_has_something_to_read_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    story = story_of(users=30, days=4)
    work(settings, story, 0, 200, NOW - DAY_MS, tmp_path)
    to_six = ("repartition", "--to", "6", "--prefix", settings.topic_prefix + "6-")
    source = Progress(settings, settings.group, settings.topics.sources)
    with running("worker", settings, tmp_path / "again.log") as worker:
        wait_for("the worker is in its group", lambda: bool(groups.running(settings)), worker)
        refused = run(settings, *to_six)
        assert refused.exit_code == 1
        assert f"group '{settings.group}' has 1 running: stop them" in refused.output
    source.close()
    with SignalProducer(settings) as producer:
        producer.send(story.events[200][1])
    refused = run(settings, *to_six)
    assert refused.exit_code == 1
    assert "has 1 records that are not processed" in refused.output


def test_another_deployment_s_topics_are_not_written_to(settings: Settings, tmp_path: Path) -> None:
    story = story_of(users=30, days=4)
    work(settings, story, 0, 100, NOW - DAY_MS, tmp_path)
    other = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "other-", "group": "others"})
    topics.create(other)
    work(other, story, 0, 100, NOW - DAY_MS, tmp_path)
    refused = run(settings, "repartition", "--to", "4", "--prefix", other.topic_prefix)
    assert refused.exit_code == 1
    assert "already belongs to a deployment" in refused.output


def test_a_worker_does_not_join_a_group_that_another_deployment_uses(settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "other-"})
    topics.create(other)
    with running("worker", settings, tmp_path / "first.log") as first:
        wait_for("the first one is in its group", lambda: bool(groups.running(settings)), first)
        refused = start("worker", other, tmp_path / "other.log")
        assert refused.wait(HANGS_AFTER_S) == 1
        assert "another deployment uses this group" in refused.tail()
        assert settings.topics.plays in refused.tail()
        checked = run(other, "check")
        assert checked.exit_code == 1
        assert "Give each deployment a group of its own" in checked.output
        assert first.running, first.tail()
    assert first.stop(HANGS_AFTER_S) == 0


def test_a_worker_does_not_begin_with_state_that_is_not_finished(settings: Settings, tmp_path: Path) -> None:
    producer = open_producer(settings, delivery_timeout=30, auto_create=False)
    mark = encode_mark(Mark(MARK_VERSION, 0, {}, 0, partitions=4, group=UNFINISHED))
    producer.send(settings.topics.state, mark, MARK_KEY, partition=0)
    producer.close()
    refused = start("worker", settings, tmp_path / "worker.log")
    assert refused.wait(HANGS_AFTER_S) == 1
    assert "has ended before its end. Run it again" in refused.tail()
