"""From events in Kafka to documents in Redis: every one of them as the oracle computes it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.events import Dislike, Event
from streamer.producing import SignalProducer
from streamer.settings import DAY_MS, Settings
from streamer.simulation.city import City
from streamer.simulation.datasets import kuairand, open_bandit
from streamer.simulation.disorder import disorder
from tests.backends.choose import Kafka, RealRedis
from tests.data import shared_data
from tests.processes import running
from tests.system.job import Job

END = 1_760_000_000_000


@pytest.fixture
def job(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Iterator[Job]:
    redis_server.flush()
    made = Job(
        Settings(
            brokers=kafka.bootstrap,
            partitions=4,
            topic_prefix=prefix,
            group=prefix + "workers",
            publisher_group=prefix + "publishers",
            redis_url=redis_server.url,
            data_dir=tmp_path,
            clock="events",
        ),
        tmp_path,
    )
    yield made
    made.close()


@pytest.mark.timeout(600)
def test_a_city_with_disorder_and_a_tenth_of_duplicates_gives_the_oracle_s_documents(job: Job) -> None:
    city = City.of_size(200_000, end_ms=END, seed=11)
    in_order = [event for _, event in city.events()]
    grace_ms = job.settings.grace * 1000
    arriving = disorder(city.events(), grace_ms=grace_ms, duplicates=0.1, seed=12)
    with SignalProducer(job.settings) as producer:
        for number, (_, event) in enumerate(arriving):
            producer.send(event)
            if number % 5_000 == 0:
                producer.watermark(event.ts - grace_ms)
        producer.watermark(END + DAY_MS)
    job.run_to_the_end(timeout=300)
    assert job.differences(in_order, END + DAY_MS) == {}


@pytest.mark.timeout(300)
def test_open_bandit_s_impressions_give_the_oracle_s_documents(job: Job) -> None:
    events = [event for _, event in open_bandit.events(shared_data("open-bandit"))]
    end = events[-1].ts + DAY_MS
    job.produce(events, watermark=end)
    job.run_to_the_end(timeout=120)
    assert job.served()
    assert job.differences(events, end) == {}


@pytest.mark.timeout(300)
def test_one_topic_s_backlog_days_behind_the_others_loses_nothing_to_lateness(job: Job) -> None:
    """Plays and feedback of KuaiRand's two weeks are processed first, as far as may be; the dislikes come last."""
    recorded = list(kuairand.events(shared_data("kuairand")))
    end = recorded[-1][1].ts + DAY_MS
    behind = [event for topic, event in recorded if topic == "dislikes"]
    ahead = [event for topic, event in recorded if topic != "dislikes"]
    with running("worker", job.settings, job.settings.data_dir / "first.log") as worker:
        job.produce(ahead)
        assert worker.running
        job.produce(behind, watermark=end)
    job.run_to_the_end(timeout=180)
    assert job.differences([event for _, event in recorded], end) == {}


READER = """
import sys, time
from streamer.serving import AvoidListReader, Candidate
with AvoidListReader(sys.argv[1]) as reader:
    print("reading", flush=True)
    while reader.get(sys.argv[2]).penalty(Candidate("c1"), int(time.time() * 1000)) != 0.0:
        time.sleep(0.001)
    print(time.time(), flush=True)
"""


@pytest.mark.timeout(120)
def test_a_reader_in_another_process_sees_a_dislike(
    job: Job, prefix: str, record_property: pytest.RecordProperty
) -> None:
    user = prefix + "reader"
    with (
        running("worker", job.settings, job.settings.data_dir / "worker.log"),
        running("publisher", job.settings, job.settings.data_dir / "publisher.log"),
        subprocess.Popen(
            [sys.executable, "-c", READER, job.settings.redis_url, user], stdout=subprocess.PIPE, text=True
        ) as reader,
        SignalProducer(job.settings) as producer,
    ):
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        sent = time.time()
        producer.send(Dislike(user_id=user, ts=int(sent * 1000), action="dislike", content_id="c1"))
        producer.watermark(int(sent * 1000))
        producer.flush()
        seen = float(reader.stdout.readline())
    record_property("freshness_ms", round((seen - sent) * 1000))
