"""Redis and its publishers, simulated. Batching is ``AvoidListWriter``'s own; the script is told again in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lab.simulation.broker import Broker
from streamer.engine.kafka.records import Record
from streamer.engine.state.position import Position
from streamer.settings import Settings
from streamer.sinks.markers import Span
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update
from streamer.testing.broker import PARTITION
from streamer.testing.worker import finished

GROUP: Final = "publishers"


class Gone(BaseException):
    """The publisher has ended, as by kill -9."""


class Redis:
    """Documents and guards by user.

    Attributes:
        compares: off: it takes whatever comes.
        is_flushed: it has lost everything, and nobody has rebuilt it.
    """

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.guards: dict[str, Position] = {}
        self.compares = True
        self.is_flushed = False

    def flush(self) -> None:
        """FLUSHALL."""
        self.documents.clear()
        self.guards.clear()
        self.is_flushed = True

    def compare_and_set(self, update: Update) -> int:
        """``COMPARE_AND_SET`` of ``streamer/sinks/script.py``, but for expiry: a model, as Redis runs Lua."""
        user, stored = update.user_id, self.guards.get(update.user_id)
        is_there = update.document is None or user in self.documents
        at = update.position
        if self.compares and stored is not None and not at.is_after(stored) and (is_there or at != stored):
            return 0
        self.documents.pop(user, None)
        if update.document is not None:
            self.documents[user] = update.document
        self.guards[user] = at
        return 1


class Writer(AvoidListWriter):
    """Writes to a Redis that is simulated.

    Attributes:
        lives_for: so many updates, then its process ends; None: it does not.
    """

    def __init__(self, redis: Redis) -> None:
        self.lives_for: int | None = None
        self._redis = redis

    async def _run(self, updates: list[Update], spans: Mapping[int, Span]) -> list[object]:
        answers: list[object] = [self._redis.compare_and_set(update) for update in updates[: self.lives_for]]
        if self.lives_for is not None:
            raise Gone
        return answers

    async def _hold(self) -> None:
        """Nobody else writes here."""

    async def _missing(self, spans: Mapping[int, Span], answers: Sequence[object]) -> Mapping[int, Span]:
        return {}


class Publishers:
    """The publishers' group: one that publishes, and at most one that is frozen with a batch in its hands."""

    def __init__(self, broker: Broker, settings: Settings, redis: Redis) -> None:
        self.redis = redis
        self._broker = broker
        self._outbox = broker.logs[settings.topics.avoid_lists]
        self._window_days = settings.window_days
        self._committed = 0
        self._frozen: list[Update] = []

    def publish(self, most: int, lives_for: int | None = None, *, commits: bool = True) -> None:
        """Brings the next records of the outbox to Redis, then commits them.

        Args:
            lives_for: it ends after so many updates; None: it does not.
            commits: it does not end before the commit.
        """
        records = self._outbox.read(self._committed, most)
        if records and self._write(self._updates(records), lives_for) and commits:
            self._committed = records[-1].offset + 1

    def freeze(self, most: int) -> None:
        """A publisher reads some records, and is frozen before it writes them; another takes over."""
        self._frozen = list(self._updates(self._outbox.read(self._committed, most)))

    def thaw(self) -> None:
        """It is woken, and writes them."""
        self._write(self._frozen, None)
        self._frozen = []

    def begin_anew(self) -> None:
        """The outbox is another one, of which nothing is committed. Who is frozen has records of the one before."""
        self._committed = 0

    def rebuild(self) -> None:
        """``streamer rebuild-redis``: everything in the outbox, again."""
        self._write(self._updates(self._outbox.read(0)), None)
        self.redis.is_flushed = False

    def _updates(self, records: Iterable[Record]) -> Iterable[Update]:
        for record in records:
            yield Update.of(record, PARTITION, self._window_days)

    def _write(self, updates: Iterable[Update], lives_for: int | None) -> bool:
        writer = Writer(self.redis)
        writer.lives_for = lives_for
        try:
            finished(writer.write(updates))
        except Gone:
            return False
        return True
