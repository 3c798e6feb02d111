"""A process that was frozen for longer than its group waits sends nothing more, until it has claimed anew."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.errors import ProducerFenced
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from streamer.engine.kafka.pulse import Pulse, guard

LIMIT_S = 10.0


class Clock:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pulse(clock: Clock) -> Pulse:
    return Pulse(LIMIT_S, clock)


def test_a_process_that_lives_may_send(pulse: Pulse, clock: Clock) -> None:
    for _ in range(100):
        clock.now_ms += 9_000
        pulse.ensure()
        pulse.beat()


@pytest.mark.parametrize("noted_first", [False, True], ids=["asked first", "noted first"])
def test_one_that_was_frozen_may_not_whoever_of_its_threads_wakes_first(
    pulse: Pulse, clock: Clock, noted_first: bool
) -> None:
    clock.now_ms += 10_001
    if noted_first:
        pulse.beat()
    with pytest.raises(ProducerFenced):
        pulse.ensure()
    for _ in range(3):  # living on does not give it back what others may have by now
        clock.now_ms += 1_000
        pulse.beat()
        with pytest.raises(ProducerFenced):
            pulse.ensure()
    pulse.revive()
    pulse.ensure()


class Client:
    """Of a broker; connecting takes as long as the process is frozen meanwhile."""

    def __init__(self, clock: Clock, connecting_ms: int) -> None:
        self.sent: list[object] = []
        self._clock = clock
        self._connecting_ms = connecting_ms

    async def ready(self, node_id: int, *, group: ConnectionGroup) -> bool:
        self._clock.now_ms += self._connecting_ms
        self._connecting_ms = 0
        return True

    async def send(self, node_id: int, request: object, *, group: ConnectionGroup) -> str:
        await self.ready(node_id, group=group)
        self.sent.append(request)
        return "answer"


@pytest.mark.parametrize("frozen_ms", [0, 10_001])
def test_it_is_asked_after_the_last_wait_before_records_go_and_of_nothing_else(
    pulse: Pulse, clock: Clock, frozen_ms: int
) -> None:
    client = Client(clock, frozen_ms)
    guard(client, pulse)  # type: ignore[arg-type]
    records = ProduceRequest(transactional_id=None, required_acks=-1, timeout=1, topics=[])
    if frozen_ms:
        with pytest.raises(ProducerFenced):
            asyncio.run(client.send(1, records, group=ConnectionGroup.DEFAULT))
        assert client.sent == []
    else:
        assert asyncio.run(client.send(1, records, group=ConnectionGroup.DEFAULT)) == "answer"
    question = MetadataRequest([])
    asyncio.run(client.send(1, question, group=ConnectionGroup.DEFAULT))
    assert client.sent[-1] is question


PROGRAM = """
import sys
from aiokafka.errors import ProducerFenced
from streamer.engine.kafka.pulse import Pulse

pulse = Pulse(1.0)
pulse.start()
print("lives", flush=True)
for line in sys.stdin:
    try:
        pulse.ensure()
        print("may send", flush=True)
    except ProducerFenced:
        print("may not", flush=True)
"""


def test_a_real_process_that_is_stopped_and_woken_knows() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None

        def answer() -> str:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write("?\n")
            child.stdin.flush()
            return child.stdout.readline().strip()

        assert child.stdout.readline() == "lives\n"
        os.kill(child.pid, signal.SIGSTOP)
        subprocess.run(["sleep", "1.5"], check=True)
        os.kill(child.pid, signal.SIGCONT)
        assert answer() == "may not"
        child.stdin.close()
