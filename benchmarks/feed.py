"""Events as records of a worker's source topics, for benchmarks that run its job in memory."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.workload import Pair
from streamer.engine.kafka.records import Record
from streamer.events import encode
from streamer.settings import Settings


class Feed:
    """Gives records their offsets.

    Args:
        settings: the deployment's.

    Attributes:
        topics: full names of all that a worker reads.
    """

    def __init__(self, settings: Settings) -> None:
        self.topics = (*settings.topics.sources, settings.topics.erasures)
        self._prefix = settings.topics.source_prefix
        self._offsets = dict.fromkeys(self.topics, 0)

    def records(self, pairs: Iterable[Pair]) -> dict[str, list[Record]]:
        """By full topic name, the next events of each."""
        found: dict[str, list[Record]] = {}
        for name, event in pairs:
            topic = self._prefix + name
            found.setdefault(topic, []).append(
                Record(self._offsets[topic], event.user_id.encode(), encode(event), event.ts)
            )
            self._offsets[topic] += 1
        return found
