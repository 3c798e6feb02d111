"""Fetch sessions (KIP-227): a broker is told what changed since the last request, and answers with what is new.

Faust seam: ``Fetcher._proc_fetch_request`` of aiokafka, which names all partitions in every request and has all of them
in every answer: with 40 partitions that is most of what a fetch costs here, at real-time pace and when nothing comes
(384 us of CPU a fetch in aiokafka; 245 with sessions).

A session is an id that the broker gives in answer to a first, whole request, and an epoch that counts the requests of
it. A later request names the partitions that are new to it or are read from another offset, and those it shall forget;
an answer leaves out the partitions that have no records and whose high watermark is as it was.

What must hold for it to be right:
- A request that was not answered, or not without an error, ends its session: nobody knows what the broker makes of it.
- A session ends with its assignment, whose partitions begin without a high watermark.
- A partition that an answer leaves out counts as seen in it, like one that it names; but not in an answer that a
  broker gives to slow a reader down (a quota), for which it has looked at nothing.
- A partition whose answer was passed over, as it is read from elsewhere since, is asked for anew: the broker takes its
  high watermark for told.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest

_FIRST_WITH_SESSIONS: Final = 7
_FIRST_WITH_EPOCHS: Final = 9
_FIRST_WITH_RACK: Final = 11
_UNKNOWN: Final = -1
_LAST_EPOCH: Final = (1 << 31) - 1

Key = tuple[str, int]
"""Topic and partition: aiokafka's named tuple of the two is equal to it, and dearer to make."""


def use_sessions(fetcher: Fetcher) -> None:
    """From now on requests to a broker that knows sessions are of one."""
    fetch = fetcher._proc_fetch_request
    sessions: dict[int, FetchSession] = {}

    async def ask(assignment: Assignment, node_id: int, request: FetchRequest) -> bool:
        session = sessions.pop(node_id, None)
        if session is None or session.assignment is not assignment:
            session = FetchSession(assignment)
        asked = SessionRequest(request, session)
        needs_wakeup: bool = await fetch(assignment, node_id, asked)
        if asked.is_answered and _see(assignment, asked):
            session.go_on(asked)
            sessions[node_id] = session
        return needs_wakeup

    fetcher._proc_fetch_request = ask


class FetchSession:
    """What one broker knows of what is read from it.

    Args:
        assignment: whose partitions are read.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.number = 0
        self.epoch = 0
        self.known: dict[Key, int] = {}

    def go_on(self, answered: SessionRequest) -> None:
        """The broker has answered: it knows what that request asked for; 0 is no session, so all is asked for again."""
        self.number = answered.given
        self.epoch = 0 if not self.number else self.epoch % _LAST_EPOCH + 1
        self.known = answered.wanted if self.number else {}


class SessionRequest(FetchRequest):  # type: ignore[misc]
    """A fetch that asks for the same as another one, as far as a session does not know it.

    It is also what its answer is decoded with, for the session it tells of.

    Attributes:
        wanted: offset by partition.
        is_answered: without an error.
        is_looked_up: the broker has looked for records.
        given: number of the session that the answer is of, 0: none.
        named: the partitions in the answer.
    """

    def __init__(self, request: FetchRequest, session: FetchSession) -> None:
        self.__dict__.update(request.__dict__)
        self.wanted: dict[Key, int] = {
            (topic, partition): offset for topic, partitions in request.topics for partition, offset, _ in partitions
        }
        self.is_answered = False
        self.is_looked_up = False
        self.given = 0
        self.named: set[Key] = set()
        self._session = session
        self._response_type: Any = None

    def build(self, request_struct_class: Any) -> Any:
        """Called by aiokafka with the newest version of the request that the broker knows."""
        version = request_struct_class.API_VERSION
        if version < _FIRST_WITH_SESSIONS:
            return super().build(request_struct_class)
        known = self._session.known
        changed = [
            (topic, rows)
            for topic, partitions in self.topics
            if (rows := [_row(version, row) for row in partitions if known.get((topic, row[0])) != row[1]])
        ]
        forgotten: dict[str, list[int]] = defaultdict(list)
        for topic, partition in known.keys() - self.wanted.keys():
            forgotten[topic].append(partition)
        limits = (_UNKNOWN, self._max_wait_ms, self._min_bytes, self._max_bytes, self._isolation_level)
        session = (self._session.number, self._session.epoch)
        rack = (self._rack_id,) if version >= _FIRST_WITH_RACK else ()
        built = request_struct_class(*limits, *session, changed, list(forgotten.items()), *rack)
        self._response_type = built.RESPONSE_TYPE
        built.RESPONSE_TYPE = self
        return built

    def decode(self, raw: BytesIO) -> Any:
        """Called by aiokafka with the answer."""
        response = self._response_type.decode(raw)
        self.is_answered = response.error_code == 0
        self.is_looked_up = bool(response.topics) or not response.throttle_time_ms
        self.given = response.session_id
        self.named = {(topic, row[0]) for topic, partitions in response.topics for row in partitions}
        return response

    def left_out(self) -> Iterator[tuple[Key, int]]:
        """The partitions that the answer does not name, and the offsets they were to be read from."""
        return ((key, offset) for key, offset in self.wanted.items() if key not in self.named)


def _row(version: int, row: tuple[int, int, int]) -> tuple[int, ...]:
    partition, offset, max_bytes = row
    leader_epoch = (_UNKNOWN,) if version >= _FIRST_WITH_EPOCHS else ()
    return (partition, *leader_epoch, offset, _UNKNOWN, max_bytes)


def _see(assignment: Assignment, asked: SessionRequest) -> bool:
    """Dates what the answer leaves out; False if of something no high watermark is known, so it must be asked anew."""
    if any(_position(assignment, key) != asked.wanted.get(key) for key in asked.named):
        return False
    if not asked.is_looked_up:
        return True
    now_ms = int(1000 * time.time())
    for key, offset in asked.left_out():
        if _position(assignment, key) != offset:
            continue
        state = assignment.state_value(key)
        if state.highwater is None:
            return False
        state.timestamp = now_ms
    return True


def _position(assignment: Assignment, key: Key) -> int | None:
    state = assignment.state_value(key)
    if state is None or not state.has_valid_position:
        return None
    position: int = state.position
    return position
