"""Sends dislikes one by one and waits for each to be readable in Redis, by Streamer and by a bare chain in turn.

    python -m benchmarks.peers.probe BROKERS PREFIX REDIS_URL COUNT PER_SECOND

Prints ms from just before the SDK was called to when Redis first showed the result, and which lists do not exclude what
was disliked. The bare chain: the same SDK's Kafka client → topic → plain aiokafka consumer → Redis SET.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import orjson
import redis
from aiokafka import AIOKafkaConsumer
from redis.asyncio import Redis

from streamer.events import Dislike
from streamer.producing import SignalProducer
from streamer.producing.connection import open_producer
from streamer.serving import AvoidListReader, Candidate
from streamer.settings import load
from streamer.sinks.keys import Keys

_POLL_S: Final = 0.0005
_GIVE_UP_S: Final = 30.0
_BARE: Final = "bare:"
_CONTENT: Final = "content-probed"


class Probe:
    """Keys waited for, and how long each took to appear."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._waiting: dict[str, float] = {}
        self.took: dict[str, float] = {}

    def send(self, key: str, send: Callable[[], object]) -> None:
        """Sends, and waits for the key from now on."""
        self._waiting[key] = time.perf_counter()
        send()

    def look(self) -> None:
        """Asks for all that is waited for."""
        if self._waiting:
            keys = list(self._waiting)
            values = self._client.mget(keys)
            now = time.perf_counter()
            for key, value in zip(keys, values, strict=True):
                if value is not None:
                    self.took[key] = 1000 * (now - self._waiting.pop(key))

    def look_for(self, seconds: float) -> None:
        """Asks all the time for so long."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.look()
            time.sleep(_POLL_S)

    def look_for_all(self) -> None:
        """Asks until everything has appeared, or it is hopeless."""
        end = time.perf_counter() + _GIVE_UP_S
        while self._waiting and time.perf_counter() < end:
            self.look_for(0.05)


async def chain(brokers: str, topic: str, url: str) -> None:
    """The bare chain, until killed."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    client = Redis.from_url(url)
    async for record in consumer:
        await client.set(record.key, record.value)


def probe(brokers: str, prefix: str, url: str, count: int, per_second: float) -> dict[str, object]:
    """Sends `count` probes to each of the two."""
    order = random.Random(1)
    users = [f"probe-{prefix}{number}" for number in range(count)]
    settings = load(None, brokers=brokers, topic_prefix=prefix)
    bare_producer = open_producer(settings, 60.0, auto_create=False)
    value = orjson.dumps({"content_id": _CONTENT})
    with SignalProducer(settings) as producer, redis.Redis.from_url(url) as client:

        def send_both(user: str) -> None:
            now_ms = time.time_ns() // 1_000_000
            event = Dislike(user_id=user, ts=now_ms, action="dislike", content_id=_CONTENT)
            found.send(Keys().document(user), partial(producer.send, event))
            found.look_for(order.uniform(0.5, 1.5) / per_second / 2)
            key = _BARE + user
            found.send(key, partial(bare_producer.send, f"{prefix}bare", value, key.encode()))
            found.look_for(order.uniform(0.5, 1.5) / per_second / 2)

        found = Probe(client)
        send_both("warm-up")
        found.look_for_all()
        found.took.clear()
        for user in users:
            send_both(user)
        found.look_for_all()
    bare_producer.close()
    with AvoidListReader(url) as reader:
        wrong = [user for user in users if reader.get(user).penalty(Candidate(_CONTENT)) != 0.0]
    bare = [took for key, took in found.took.items() if key.startswith(_BARE)]
    ours = [took for key, took in found.took.items() if not key.startswith(_BARE)]
    return {"ours": ours, "bare": bare, "wrong": wrong}


def main() -> None:
    """Probes, or is the bare chain."""
    if sys.argv[1] == "--chain":
        asyncio.run(chain(*sys.argv[2:]))
        return
    brokers, prefix, url, count, per_second = sys.argv[1:]
    command = [sys.executable, "-m", "benchmarks.peers.probe", "--chain", brokers, f"{prefix}bare", url]
    with subprocess.Popen(command) as running:
        try:
            print(orjson.dumps(probe(brokers, prefix, url, int(count), float(per_second))).decode())
        finally:
            running.kill()


if __name__ == "__main__":
    main()
