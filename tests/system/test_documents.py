"""From events in Kafka to documents in Redis: every one of them as the oracle computes it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from streamer.city.city import City
from streamer.city.disorder import disorder
from streamer.events import DAY_MS, Dislike, Event
from streamer.producing import SignalProducer
from streamer.replay.datasets import kuairand, open_bandit
from streamer.settings import Settings
from tests.data import shared_data
from tests.deployment import NOW, wrong
from tests.processes import HANGS_AFTER_S, Progress, wait_for
from tests.system.conftest import Spawn

END = NOW + DAY_MS


def run_to_the_end(spawn: Spawn, source: Progress, outbox: Progress) -> None:
    """Runs a worker and a publisher until everything produced is in Redis, and stops them in order."""
    worker, publisher = spawn("worker"), spawn("publisher")
    wait_for("all events are committed", source.done, worker)
    assert worker.stop(HANGS_AFTER_S) == 0, worker.tail()  # what it has written is in the outbox now
    wait_for("all lists are in Redis", outbox.done, publisher)
    assert publisher.stop(HANGS_AFTER_S) == 0, publisher.tail()


@pytest.mark.parametrize("events", [20_000, pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.slowest])])
def test_a_city_with_disorder_and_a_tenth_of_duplicates_gives_the_oracle_s_documents(
    settings: Settings, source: Progress, outbox: Progress, spawn: Spawn, events: int
) -> None:
    city = City.of_size(events, end_ms=NOW, seed=11)
    grace_ms = settings.grace * 1000
    with SignalProducer(settings) as producer:
        for number, (_, event) in enumerate(disorder(city.events(), grace_ms=grace_ms, duplicates=0.1, seed=12)):
            producer.send(event)
            if number % 5_000 == 0:
                producer.watermark(event.ts - grace_ms)
        producer.watermark(END)
    run_to_the_end(spawn, source, outbox)
    assert wrong(settings, city.events(), END) == {}


def test_open_bandit_s_impressions_give_the_oracle_s_documents(
    settings: Settings, source: Progress, outbox: Progress, spawn: Spawn
) -> None:
    recorded = list(open_bandit.events(shared_data("open-bandit")))
    end = recorded[-1][1].ts + DAY_MS
    produce(settings, recorded, watermark=end)
    run_to_the_end(spawn, source, outbox)
    assert wrong(settings, recorded, end) == {}


@pytest.mark.long  # test_alignment.py has it with events of our own
def test_a_topic_whose_two_weeks_come_after_all_others_loses_nothing_to_lateness(
    settings: Settings, source: Progress, outbox: Progress, spawn: Spawn
) -> None:
    """
    plays, feedback  day 0 ━━━━━━━━━━━━━━━━━ 14   while the worker runs
    dislikes                                      day 0 ━━━━━━━━━━━━━━━━━ 14
    """
    recorded = list(kuairand.events(shared_data("kuairand")))
    end = recorded[-1][1].ts + DAY_MS
    worker = spawn("worker")
    produce(settings, [pair for pair in recorded if pair[0] != "dislikes"])
    assert worker.running, worker.tail()
    produce(settings, [pair for pair in recorded if pair[0] == "dislikes"], watermark=end)
    assert worker.stop(HANGS_AFTER_S) == 0, worker.tail()
    run_to_the_end(spawn, source, outbox)
    assert wrong(settings, recorded, end) == {}


READER = """
import sys, time
from streamer.serving import AvoidListReader, Candidate
with AvoidListReader(sys.argv[1]) as reader:
    print("reading", flush=True)
    while reader.get(sys.argv[2]).penalty(Candidate("c1"), int(time.time() * 1000)) != 0.0:
        time.sleep(0.001)
    print(time.time(), flush=True)
"""


def test_a_reader_in_another_process_sees_a_dislike(
    settings: Settings, source: Progress, outbox: Progress, spawn: Spawn, prefix: str
) -> None:
    user = prefix + "reader"
    worker, publisher = spawn("worker"), spawn("publisher")
    with (
        SignalProducer(settings) as producer,
        subprocess.Popen(
            [sys.executable, "-c", READER, settings.redis_url, user], stdout=subprocess.PIPE, text=True
        ) as reader,
        ExitStack() as stack,
    ):
        stack.callback(reader.kill)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        produce_now(producer, Dislike(user_id=prefix + "first", ts=_now_ms(), action="hide", content_id="c0"))
        wait_for("the deployment is up", lambda: source.done() and source.committed() > 0, worker)
        wait_for("its first list is in Redis", lambda: outbox.done() and outbox.committed() > 0, publisher)
        sent = time.time()
        produce_now(producer, Dislike(user_id=user, ts=_now_ms(), action="dislike", content_id="c1"))
        seen = float(reader.stdout.readline())
    print(f"a reader saw the dislike {(seen - sent) * 1000:.0f} ms after it was sent")


def produce(settings: Settings, events: list[tuple[str, Event]], watermark: int | None = None) -> None:
    with SignalProducer(settings) as producer:
        for _, event in events:
            producer.send(event)
        if watermark is not None:
            producer.watermark(watermark)


def produce_now(producer: SignalProducer, event: Dislike) -> None:
    """Sends one event and the watermark that lets workers on the events' clock process it."""
    producer.send(event)
    producer.watermark(event.ts)
    producer.flush()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
