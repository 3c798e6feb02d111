"""Redis goes away and comes back: workers do not notice, and no list is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.events import CLAIM, Dislike
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.backends.choose import RealRedis
from tests.deployment import NOW, records_in, served
from tests.processes import HANGS_AFTER_S, Progress, running, wait_for
from tests.system.conftest import Spawn


def lists_waiting(settings: Settings, outbox: Progress) -> int:
    """Records of the outbox that the publishers have not committed, but for workers' claims of its partitions."""
    return sum(
        record.offset >= position and record.key != CLAIM.encode()
        for tp, position in outbox.positions().items()
        for record in records_in(settings, tp.topic, [tp.partition])
    )


@pytest.mark.kills("redis_server")
def test_while_redis_is_away_workers_go_on_and_the_publisher_keeps_its_position(
    settings: Settings, source: Progress, outbox: Progress, redis_server: RealRedis, prefix: str, spawn: Spawn
) -> None:
    redis_server.kill()
    users = [f"{prefix}{i}" for i in range(50)]
    with SignalProducer(settings) as producer:
        for user in users:
            producer.send(Dislike(user_id=user, ts=NOW, action="block", scope="creator", creator_id="c"))
        producer.watermark(NOW + 1)
    worker, publisher = spawn("worker"), spawn("publisher")
    wait_for("the worker is done without Redis", source.done, worker)
    wait_for("the publisher waits", lambda: "RedisUnavailable" in publisher.tail(200), publisher)
    assert publisher.stop(HANGS_AFTER_S) == 0, publisher.tail()
    assert lists_waiting(settings, outbox) == len(users)
    successor = spawn("publisher")
    wait_for("the next one waits", lambda: "RedisUnavailable" in successor.tail(200), successor)
    redis_server.start()
    wait_for("every list is in Redis", outbox.done, successor)
    assert served(settings, users).keys() == set(users)


def test_an_erased_user_is_gone_from_redis_and_stays_gone(
    settings: Settings, source: Progress, outbox: Progress, prefix: str, tmp_path: Path
) -> None:
    kept, erased = prefix + "kept", prefix + "erased"

    def dislikes(producer: SignalProducer, ts: int) -> None:
        for user in (kept, erased):
            producer.send(Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id="c"))
        producer.watermark(ts + 1)

    with (
        running("worker", settings, tmp_path / "worker.log") as worker,
        running("publisher", settings, tmp_path / "publisher.log") as publisher,
    ):
        with SignalProducer(settings) as producer:
            dislikes(producer, NOW)
        wait_for("both have a list", lambda: served(settings, [kept, erased]).keys() == {kept, erased}, publisher)
        with SignalProducer(settings) as producer:
            producer.erase(erased, NOW + 10)
        wait_for("it is erased", lambda: served(settings, [kept, erased]).keys() == {kept}, publisher)
        with SignalProducer(settings) as producer:
            dislikes(producer, NOW + 5)
        wait_for("older events have been read", source.done, worker)
        wait_for("and published", outbox.done, publisher)
    assert served(settings, [kept, erased]).keys() == {kept}
