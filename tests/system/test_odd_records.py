"""Records that no ordinary client writes, in every topic: who reads them goes on, and what they say counts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from streamer.cli.check import topics as contents
from streamer.events import Dislike, encode
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.backends.ports import free_port
from tests.deployment import records_of, served, settings_of
from tests.odd_batches import NAME, Odd, batch, produce
from tests.processes import Progress, measured, running, wait_for

NAMED = [(NAME, b"1"), ("null", None)]


@pytest.fixture
def settings(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    more = {"partitions": 1, "clock": "wall", "population": True, "metrics_port": free_port()}
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **more)
    topics.create(found)
    return found


def block(user: str, headers: list[tuple[str, bytes | None]]) -> Odd:
    now_ms = time.time_ns() // 1_000_000
    event = Dislike(user_id=user, ts=now_ms, action="block", scope="creator", creator_id="k")
    return Odd(user.encode(), encode(event), headers)


def write(settings: Settings, user: str, codec: int) -> None:
    """A user's block under a header name that is no UTF-8, among records that are nothing."""
    source = [
        block(user + "-first", []),
        block(user, NAMED),
        Odd(b"\xff", b"[" * 1_100, NAMED),
        Odd(b"nobody", b"\xff\xfe", NAMED),
        Odd(b"nobody", None, NAMED),
    ]
    asyncio.run(produce(settings.brokers, settings.topics.dislikes, 0, batch(source, codec=codec)))
    names = settings.topics
    stranger = [Odd(b"\xff", b"\xff", NAMED), Odd(b"h|\xff", b"x", NAMED)]
    for topic in (*topics.wanted(settings).keys() - {*names.sources, names.erasures},):
        asyncio.run(produce(settings.brokers, topic, 0, batch(stranger, codec=codec)))
    asyncio.run(produce(settings.brokers, names.erasures, 0, batch(stranger, codec=codec)))


def test_a_batch_of_a_few_kilobytes_that_unpacks_to_a_hundred_megabytes_stops_nobody(
    settings: Settings, source: Progress, prefix: str, tmp_path: Path
) -> None:
    users = [prefix + "before", prefix + "after"]
    for content in ([block(users[0], [])], [Odd(b"u", bytes(100 << 20))], [block(users[1], [])]):
        raw = batch(content, codec=4)
        assert len(raw) < 1 << 20
        asyncio.run(produce(settings.brokers, settings.topics.dislikes, 0, raw))
    log = tmp_path / "worker.log"
    with running("worker", settings, log) as worker, running("publisher", settings.model_copy(
        update={"metrics_port": 0}), tmp_path / "publisher.log"):  # fmt: skip
        wait_for("both are served", lambda: set(served(settings, users)) == set(users), worker)
        wait_for("all is committed", source.done, worker)
        assert measured(settings.metrics_port, "unreadable_records_total") == 1
    assert "unpack to more than" in log.read_text()


def test_names_of_headers_that_are_no_utf_8_stop_no_process_and_no_event(
    settings: Settings, source: Progress, prefix: str, tmp_path: Path
) -> None:
    deltas = Progress(settings, settings.population_group, (settings.topics.population,))
    users = [f"{prefix}{when}{who}" for when in ("before", "after") for who in ("", "-first")]
    write(settings, users[0], codec=0)
    no_port = settings.model_copy(update={"metrics_port": 0})
    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", no_port, tmp_path / "publisher.log") as publisher,
        running("population", no_port, tmp_path / "population.log") as population,
    ):
        wait_for("what was there is served", lambda: set(served(settings, users)) == set(users[:2]), worker)
        write(settings, users[2], codec=4)
        wait_for("so is what comes", lambda: set(served(settings, users)) == set(users), worker)
        wait_for("all is committed", source.done, worker)
        wait_for("deltas are counted", deltas.done, population)
        assert measured(settings.metrics_port, "foreign_records_total") >= 5
        assert publisher.running
    rejects = [dict(record.headers) for record in records_of(settings, settings.topics.rejects)]
    codes = [headers["code"] for headers in rejects if "code" in headers]
    assert sorted(codes) == sorted([b"malformed_json"] * 10)
    assert contents.rejects(settings, time.time_ns() // 1_000_000)[0]
