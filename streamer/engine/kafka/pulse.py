"""Whether this process has been frozen for so long that its group may have given its partitions to others.

Faust seam: ``AIOKafkaClient.send`` (public), which carries a producer's requests.

A broker fences a frozen worker only while it remembers who claimed what (``engine/kafka/claims.py``). This needs no
memory but the process's own: a thread notes the time again and again; if it finds that more has passed since its last
note than the group waits for a sign of life, all that is still queued is of a time that may be over.

What must hold for it to be right:
- The clock goes on while the machine sleeps. A virtual machine whose clocks stand still while it is paused is fenced by
  the brokers alone.
- It is a thread and no task: a slice that keeps the event loop busy is no frozen process, as the consumer's heartbeats,
  in their own thread, go on.
- It is asked last: after every wait for a connection, just before bytes are written, and of batches sent again, too.
  What comes between that and the wire, microseconds, is left to the brokers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import ProducerFenced
from aiokafka.protocol.produce import ProduceRequest

from streamer.engine.trusted_clock import steady_ms

_NOTES: Final = 10
"""Notes within the time that the group waits."""


class Pulse:
    """Notes that the process lives. Once it was frozen too long it stays so, until :meth:`revive`.

    Args:
        limit_s: how long the group waits for a sign of life, s.
        steady: a clock that never leaps and goes on while the machine sleeps, ms.
    """

    def __init__(self, limit_s: float, steady: Callable[[], int] = steady_ms) -> None:
        self._limit_ms = round(limit_s * 1000)
        self._steady = steady
        self._lost = False
        self._noted_ms = steady()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begins to take notes, in a thread of its own."""
        self.revive()
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._limit_ms / 1000 / _NOTES):
            self.beat()

    def beat(self) -> None:
        """Takes a note."""
        now_ms = self._steady()
        if now_ms - self._noted_ms > self._limit_ms:
            self._lost = True
        self._noted_ms = now_ms  # last: whoever reads this note must know what it found

    def ensure(self) -> None:
        """Call it before anything is written that only the owner of a partition may write.

        Raises:
            ProducerFenced: the process was frozen too long.
        """
        noted_ms = self._noted_ms
        if self._lost or self._steady() - noted_ms > self._limit_ms:
            self._lost = True
            raise ProducerFenced("this process was frozen for longer than its group waits")

    def revive(self) -> None:
        """Nothing of before is queued any more, and what comes now is claimed anew."""
        self._noted_ms = self._steady()
        self._lost = False


def guard(client: AIOKafkaClient, pulse: Pulse) -> None:
    """From now on this client writes records only while the process may be taken for alive."""
    send = client.send

    async def guarded(node_id: int, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        if isinstance(request, ProduceRequest):
            await client.ready(node_id, group=group)  # else a new connection would be waited for after the question
            pulse.ensure()
        return await send(node_id, request, group=group)

    client.send = guarded
