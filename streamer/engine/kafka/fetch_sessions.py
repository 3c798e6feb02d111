"""Fetch sessions (KIP-227): a broker is told what changed since the last request, and answers with what is new.

Faust seam: ``FetchRequest`` of aiokafka, which names all partitions in every request and so has all of them in every
answer: with 40 partitions that is most of what a fetch costs here, at real-time pace and when nothing comes (384 us of
CPU a fetch in aiokafka; 245 with sessions). ``engine/kafka/fetching.py`` has it replaced; nothing here sends or waits.

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

from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest

_FIRST_WITH_SESSIONS: Final = 7
_LAST_EPOCH: Final = (1 << 31) - 1
_OUT_OF_RANGE: Final = 1

Key = tuple[str, int]
"""Topic and partition: aiokafka's named tuple of the two is equal to it, and dearer to make."""


class FetchSessions:
    """The sessions with all brokers that a consumer reads from."""

    def __init__(self) -> None:
        self._by_node: dict[int, _FetchSession] = {}

    def request(self, node_id: int, assignment: Assignment, whole: FetchRequest) -> SessionRequest:
        """What to ask a broker for instead of everything; its session ends unless :meth:`answered` goes on with it."""
        session = self._by_node.pop(node_id, None)
        if session is None or session.assignment is not assignment:
            session = _FetchSession(assignment)
        return SessionRequest(whole, session)

    def answered(self, node_id: int, asked: SessionRequest, asked_ms: int) -> None:
        """Call it once the answer, if there was one, is read; ``asked_ms``: when it was asked for, ms since 1970."""
        if asked.is_answered and asked.session.see(asked, asked_ms):
            asked.session.go_on(asked)
            self._by_node[node_id] = asked.session


class _FetchSession:
    """What one broker knows of what is read from it.

    Args:
        assignment: whose partitions are read.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.number = 0
        self.epoch = 0
        self.known: dict[Key, int] = {}

    def see(self, asked: SessionRequest, asked_ms: int) -> bool:
        """Dates what the answer leaves out; False if of something no high watermark is known, so it is asked anew."""
        if any(self._position(key) != asked.wanted.get(key) for key in asked.named):
            return False
        if not asked.is_looked_up:
            return True
        for key, offset in asked.left_out():
            if self._position(key) != offset:
                continue
            state = self.assignment.state_value(key)
            if state.highwater is None:
                return False
            state.timestamp = asked_ms
        return True

    def go_on(self, answered: SessionRequest) -> None:
        """The broker has answered: it knows what that request asked for; 0 is no session, so all is asked for again."""
        self.number = answered.given
        self.epoch = 0 if not self.number else self.epoch % _LAST_EPOCH + 1
        self.known = answered.wanted if self.number else {}

    def _position(self, key: Key) -> int | None:
        state = self.assignment.state_value(key)
        if state is None or not state.has_valid_position:
            return None
        position: int = state.position
        return position


class SessionRequest(FetchRequest):  # type: ignore[misc]
    """A fetch that asks for the same as another one, as far as a session does not know it.

    It is also what its answer is decoded with, for the session it tells of.

    Attributes:
        session: what the broker knew before.
        wanted: offset by partition.
        is_answered: without an error.
        is_looked_up: the broker has looked for records.
        given: number of the session that the answer is of, 0: none.
        named: the partitions in the answer.
        out_of_range: those whose offset the broker does not have.
        raw: by partition, the bytes of its record batches.
    """

    def __init__(self, whole: FetchRequest, session: _FetchSession) -> None:
        self.__dict__.update(whole.__dict__)
        self.session = session
        self.wanted: dict[Key, int] = {
            (topic, partition): offset for topic, partitions in whole.topics for partition, offset, _ in partitions
        }
        self.is_answered = False
        self.is_looked_up = False
        self.given = 0
        self.named: set[Key] = set()
        self.out_of_range: set[Key] = set()
        self.raw: dict[Key, bytes] = {}
        self._whole = whole.topics
        self._response_type: Any = None

    @property
    def topics(self) -> Any:
        """All that is wanted, for aiokafka to read the answer by; :meth:`build` says less of it."""
        return self._whole

    def build(self, request_struct_class: Any) -> Any:
        """Called by aiokafka with the newest version of the request that the broker knows."""
        if request_struct_class.API_VERSION < _FIRST_WITH_SESSIONS:
            return super().build(request_struct_class)
        known = self.session.known
        self._topics = [
            (topic, rows)
            for topic, partitions in self._whole
            if (rows := [row for row in partitions if known.get((topic, row[0])) != row[1]])
        ]
        forgotten: dict[str, list[int]] = defaultdict(list)
        for topic, partition in known.keys() - self.wanted.keys():
            forgotten[topic].append(partition)
        built = super().build(request_struct_class)
        built.session_id, built.session_epoch = self.session.number, self.session.epoch
        built.forgotten_topics_data = list(forgotten.items())
        self._response_type = built.RESPONSE_TYPE
        built.RESPONSE_TYPE = self
        return built

    def decode(self, raw: BytesIO) -> Any:
        """Called by aiokafka with the answer."""
        response = self._response_type.decode(raw)
        self.is_answered = response.error_code == 0
        self.is_looked_up = bool(response.topics) or not response.throttle_time_ms
        self.given = response.session_id
        rows = [(topic, row) for topic, partitions in response.topics for row in partitions]
        self.named = {(topic, row[0]) for topic, row in rows}
        self.out_of_range = {(topic, row[0]) for topic, row in rows if row[1] == _OUT_OF_RANGE}
        self.raw = {(topic, row[0]): row[-1] for topic, row in rows if row[-1]}
        return response

    def left_out(self) -> Iterator[tuple[Key, int]]:
        """The partitions that the answer does not name, and the offsets they were to be read from."""
        return ((key, offset) for key, offset in self.wanted.items() if key not in self.named)
