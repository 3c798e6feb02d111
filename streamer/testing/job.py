"""The job for tests of those who use it: what they send, what comes of it, and how time passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.state.store import MemoryStore
from streamer.events import EVENT_TYPES, Erasure, Event, Watermark, encode
from streamer.profile import Label, Rules
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings, load
from streamer.sinks.keys import Keys, is_reserved
from streamer.sinks.updates import Update
from streamer.testing.broker import PARTITION, MemoryBroker
from streamer.testing.reader import AsyncMemoryReader, MemoryReader
from streamer.testing.worker import MemoryWorker

_TOPIC_OF: Final[dict[type, str]] = {**{kind: topic for topic, kind in EVENT_TYPES.items()}, Erasure: "erasures"}
_decode_label: Final = msgspec.json.Decoder(Label).decode


class Rejected(NamedTuple):
    """A record that is no event, or could not be processed.

    Attributes:
        topic: where it was sent, without prefix.
        offset: the how manieth record of that topic it is, from 0.
        code: why, as in ``streamer.events.REJECT_CODES``.
        detail: why, for people.
        value: what was sent.
    """

    topic: str
    offset: int
    code: str
    detail: str
    value: bytes | None


class _Timed(Struct):
    ts: int


class StreamerJob:
    """A worker, its topics and Redis, all in memory: no broker, no threads, no waiting, and the same every time.

    It is the worker's own code, from the bytes of an event to those of a document, checkpoints included. What is sent
    is processed before ``send`` returns.

    >>> from streamer.events import Dislike
    >>> from streamer.serving import Candidate
    >>> job = StreamerJob()
    >>> job.send(Dislike(user_id="ann", ts=1_760_000_000_000, action="dislike", scope="tag", tag="golf"))
    >>> job.documents["ann"].avoid.tags
    ('golf',)
    >>> job.reader().get("ann").penalties([Candidate("c1", tags=("golf",)), Candidate("c2", tags=("film",))])
    [0.0, 1.0]
    >>> job.advance(181 * 86_400)
    >>> job.documents
    {}

    Args:
        settings: the deployment's; None: as :func:`streamer.settings.load` finds them. State is kept in memory.
        priors: everybody's rates, which users are judged by; None: the constants.
        now_ms: the wall clock at the beginning, ms since 1970, which from then on only :meth:`advance` moves; None: it
            is the time of the newest event sent, and never goes back.

    Attributes:
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(
        self, settings: Settings | None = None, priors: Priors | None = None, now_ms: int | None = None
    ) -> None:
        self._settings = settings = settings or load()
        self._names = settings.topics
        self._follows_events = now_ms is None
        self.now_ms = now_ms or 0
        self._broker = MemoryBroker()
        rules = Rules(settings, DEFAULT if priors is None else priors)
        self._worker = MemoryWorker(
            settings, rules, self._broker, MemoryStore(), lambda: self.now_ms, settings.hot_users
        )
        self._published = 0
        self._redis: dict[str, Update] = {}

    # --- what comes in ----------------------------------------------------------------------------------------

    def send(self, *events: Event | Erasure) -> None:
        """Sends events, as a producer would; those sent at one call arrive together, in the order of their times."""
        for event in sorted(events, key=_ts_of):
            self._append(_TOPIC_OF[type(event)], encode(event), event.user_id.encode())
        self._work()

    def send_raw(self, topic: str, value: bytes | Mapping[str, object], key: bytes | None = None) -> None:
        """Sends any record, as any Kafka client might.

        Args:
            topic: without prefix, such as ``plays``.
            value: its bytes, or what they are the JSON of.
            key: its key; None: none.

        Raises:
            ValueError: the job does not read such a topic.
        """
        if topic not in _TOPIC_OF.values():
            raise ValueError(f"no topic {topic!r}: there are {', '.join(_TOPIC_OF.values())}")
        self._append(topic, value if isinstance(value, bytes) else msgspec.json.encode(value), key)
        self._work()

    def advance(self, seconds: float = 0, *, to_ms: int | None = None) -> None:
        """Lets time pass: sessions close and seal, entries expire.

        Args:
            seconds: how long.
            to_ms: or up to when, ms since 1970.

        Raises:
            ValueError: that would be back in time.
        """
        then_ms = self.now_ms + round(1000 * seconds) if to_ms is None else to_ms
        if then_ms < self.now_ms:
            raise ValueError(f"time only passes: it is {self.now_ms}, and {then_ms} is before that")
        self.now_ms = then_ms
        if self._settings.clock == "events":
            for topic in self._names.sources:
                self._broker.append(topic, [NewRecord(None, encode(Watermark(then_ms)))])
        self._work()

    def _append(self, topic: str, value: bytes, key: bytes | None) -> None:
        if self._follows_events:
            self.now_ms = max(self.now_ms, _ts_in(value))
        self._broker.append(self._names.source_prefix + topic, [NewRecord(key, value)])

    def _work(self) -> None:
        self._worker.work()
        self._worker.checkpoint()
        outbox = self._broker.logs[self._names.avoid_lists]
        for record in outbox[self._published :]:
            update = Update.of(record, PARTITION, self._settings.window_days)
            self._redis[update.user_id] = update
        self._published = len(outbox)

    # --- what comes out ---------------------------------------------------------------------------------------

    @property
    def documents(self) -> dict[str, Document]:
        """The newest document of every user who has one."""
        return {user: found for user in self._redis if (found := self.document(user)) is not None}

    def document(self, user_id: str) -> Document | None:
        """A user's newest document; None: there is none."""
        update = self._redis.get(user_id)
        return None if update is None or update.document is None else document.decode(update.document)

    @property
    def labels(self) -> list[Label]:
        """The training examples of sealed sessions, if the setting ``labels`` is on; without those of erased users."""
        found: list[Label] = []
        for record in self._broker.logs[self._names.labels]:
            if record.value is None:
                found = [label for label in found if label.user_id.encode() != record.key]
            else:
                found.append(_decode_label(record.value))
        return found

    @property
    def rejects(self) -> list[Rejected]:
        """What went to the topic ``rejects``, in order."""
        return [
            Rejected(
                headers["topic"].removeprefix(self._names.source_prefix),
                int(headers["offset"]),
                headers["code"],
                headers["detail"],
                record.value,
            )
            for record in self._broker.logs[self._names.rejects]
            for headers in [{name: value.decode() for name, value in record.headers}]
        ]

    @property
    def late(self) -> int:
        """How many events came too late to be counted."""
        return self._worker.late.total()

    # --- who reads it -----------------------------------------------------------------------------------------

    def reader(self, explore: float | None = None) -> MemoryReader:
        """A reader, which goes by the job's clock and is up to date at all times.

        Args:
            explore: as that of :class:`streamer.serving.AvoidListReader`; None: the setting's.
        """
        return MemoryReader(self._at_key, lambda: self.now_ms, self._settings.explore if explore is None else explore)

    def async_reader(self, explore: float | None = None) -> AsyncMemoryReader:
        """The same on asyncio."""
        explore = self._settings.explore if explore is None else explore
        return AsyncMemoryReader(self._at_key, lambda: self.now_ms, explore)

    def _at_key(self, key: str) -> bytes | None:
        """What Redis would have there: no reserved names, and with ``clock = wall`` nothing that has expired."""
        update = self._redis.get(key.removeprefix(Keys().documents))
        if update is None or is_reserved(update.user_id):
            return None
        ends_ms = update.expires_at if self._settings.clock == "wall" else None
        return update.document if ends_ms is None or self.now_ms < ends_ms else None


def _ts_of(event: Event | Erasure) -> int:
    return event.ts


def _ts_in(value: bytes) -> int:
    """The time that a record says it is of; 0: it says none."""
    try:
        return msgspec.json.decode(value, type=_Timed).ts
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
