"""How a broker is asked for records: at a measured pace, for what is new; its answer is dated and unpacked our way.

Faust seam: ``Fetcher._proc_fetch_request`` of aiokafka, which asks one broker and reads its answer. aiokafka calls it
for one assignment at a time, and not again for a broker before it has returned.

Replaces:

1. *Pace*: aiokafka asks again as soon as the last answer is read. At real-time pace an answer then carries an event or
   two, and asking, reading, delivering and writing cost as much as for a hundred. A request is put off only while the
   last one is younger than the interval, so an event that comes alone waits for nobody; in a backlog an answer takes
   longer to process than the interval lasts.
2. *Session*: aiokafka names all partitions in every request (``engine/kafka/fetch_sessions.py``).
3. *Date*: aiokafka dates an answer when it is read. Between the broker's saying "nothing more" and our reading it lie
   the network and a thread that may have to wait for its turn: seconds, on a busy machine. What reaches the broker
   meanwhile is not in the answer, and a watermark that took it for fresh would pass those events before they are
   processed. The broker looks after it was asked: when it was asked it had no more than it says.
4. *Unpacking*: aiokafka makes a dataclass of eleven fields of every record (``PartitionRecords._consumer_record``),
   only to be copied into a :class:`Record` of five: measured in turn, .7 us a record instead of 1.15. And it stops at
   the first record that it cannot unpack (``engine/kafka/unpacking.py``).

What must hold for it to be right is their order (a test each in ``tests/unit/engine/test_fetching.py``):

- Pace, then session: who is given up while waiting has asked nothing, and must not take the session along.
- Pace, then the clock: dated from before the wait, every answer holds the watermark back by as much.
- The clock, then the broker: dated from after, the watermark passes what comes while the answer is under way.
- The broker, then session, date and unpacking: they look at what aiokafka made of the answer. Before it a session could
  not tell that one was passed over, aiokafka's own date would stay, and its records would come out as its own. These
  three may change places: a session dates what an answer leaves out, by the same clock.
- Nothing is awaited behind the answer. Records are taken out in the same thread, which would find them not yet plain,
  and the answer dated when it was read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest
from faust.types import TP

from streamer.clock import wall_ms
from streamer.engine.kafka.fetch_sessions import FetchSessions, SessionRequest
from streamer.engine.kafka.positions import OutOfRange
from streamer.engine.kafka.records import Fetched
from streamer.engine.kafka.unpacking import Unpacked

log: Final = logging.getLogger(__name__)

FETCH_MAX_WAIT_MS: Final = 100
"""How long a broker may hold a fetch that finds nothing. A partition drained while a fetch is under way waits for the
next one: the stock 1500 ms would be the worst-case latency of a quiet topic."""
FETCH_INTERVAL_S: Final = 0.01
"""Least time between two fetches of a broker, s: what an event may wait, at most, for others to come with it. Every
fetch that brings anything costs about 1 ms of CPU, of several threads and tasks woken, however little it brings."""
READ_COMMITTED: Final = "read_committed"


class Pace:
    """A broker is asked at most so often: what comes meanwhile comes together. Brokers have a pace each.

    Args:
        interval_s: least time between two requests to the same broker, s.
    """

    def __init__(
        self,
        interval_s: float,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_s = interval_s
        self._now_s = now_s
        self._sleep = sleep
        self._may_ask_at_s: dict[int, float] = {}

    async def wait(self, node_id: int) -> None:
        """Until this broker may be asked; it counts as asked then."""
        early_s = self._may_ask_at_s.get(node_id, 0.0) - self._now_s()
        if early_s > 0:
            await self._sleep(early_s)
        self._may_ask_at_s[node_id] = self._now_s() + self._interval_s


def install(
    fetcher: Fetcher,
    pace: Pace,
    now_ms: Callable[[], int] = wall_ms,
    out_of_range: OutOfRange | None = None,
    count_unreadable: Callable[[str, int], None] | None = None,
) -> None:
    """From now on this is how the fetcher asks; the order is explained above.

    Args:
        fetcher: of a consumer that is started.
        pace: how often a broker is asked.
        now_ms: the wall clock, ms since 1970.
        out_of_range: told of positions that a broker does not have.
        count_unreadable: told of topics with records that cannot be read, and how many; in the fetcher's thread.
    """
    ask = fetcher._proc_fetch_request
    sessions = FetchSessions()

    async def fetch(assignment: Assignment, node_id: int, request: FetchRequest) -> bool:
        try:
            await pace.wait(node_id)
        except asyncio.CancelledError:
            return False  # as aiokafka ends a request under way that nobody wants any more
        asked = sessions.request(node_id, assignment, request)
        asked_ms = now_ms()
        needs_wakeup: bool = await ask(assignment, node_id, asked)
        sessions.answered(node_id, asked, asked_ms)
        _date_from_asking(assignment, asked, asked_ms)
        _unpack(fetcher, asked, count_unreadable)
        if out_of_range is not None:
            for key in asked.out_of_range:
                out_of_range.note(key, asked.wanted[key])
        return needs_wakeup

    fetcher._proc_fetch_request = fetch


def _date_from_asking(assignment: Assignment, asked: SessionRequest, asked_ms: int) -> None:
    """An answer that was passed over leaves an older date, which stays."""
    for key in asked.wanted:
        state = assignment.state_value(key)
        if state is not None and state.timestamp is not None and state.timestamp > asked_ms:
            state.timestamp = asked_ms


def _unpack(fetcher: Fetcher, asked: SessionRequest, count: Callable[[str, int], None] | None) -> None:
    for key, raw in asked.raw.items():
        result = fetcher._records.get(key)
        records = result._partition_records if isinstance(result, FetchResult) else None
        if isinstance(records, PartitionRecords):  # else it is of an earlier answer
            result._partition_records = Unpacked(records, raw, partial(_stepped_over, key, count))


def _stepped_over(
    key: tuple[str, int], count: Callable[[str, int], None] | None, begin: int, end: int, why: str
) -> None:
    topic, partition = key
    last = "" if end - begin == 1 else f" to {end - 1}"
    log.error("%s[%d]@%d%s cannot be read, and is stepped over: %s", topic, partition, begin, last, why)
    if count is not None:
        count(topic, end - begin)


def how_far(consumer: AIOKafkaConsumer) -> dict[TP, Fetched]:
    """How far every partition that is assigned is read; call it in the fetch thread.

    Of a consumer that leaves out what no transaction has committed, a partition ends where the first open one begins.
    """
    committed_only = consumer._isolation_level == READ_COMMITTED
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    found = {}
    for tp in assignment.tps:
        state = assignment.state_value(tp)
        if state is not None and state.has_valid_position:
            end = state.highwater
            if committed_only and end is not None and state.lso is not None and state.lso >= 0:
                end = min(end, state.lso)
            found[TP(tp.topic, tp.partition)] = Fetched(state.position, end, state.timestamp)
    return found
