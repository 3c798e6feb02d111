"""Where something of an erased user is left, and until when: by what brokers say of the topics, if they may be asked.

A record that is not read any more is in Kafka's files until they are deleted or compacted: by whole segments, so up to
``segment.ms`` later than its own age asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from streamer.events import DAY_MS
from streamer.producing.connection import connect
from streamer.producing.topics import wanted
from streamer.settings import Settings

_ASKED: Final = ("retention.ms", "segment.ms", "max.compaction.lag.ms")
_SEGMENT_MS: Final = 7 * DAY_MS
"""Of topics that do not say otherwise."""
_SOME_DAY: Final = "when Kafka compacts, which it promises for no day (set max.compaction.lag.ms)"
_NEVER_MS: Final = 1000 * 366 * DAY_MS
"""What is kept longer is kept for ever."""


class Remains(NamedTuple):
    """What is left at one place.

    Attributes:
        place: where.
        text: what, and until when by which setting.
    """

    place: str
    text: str


def remains(settings: Settings, now_ms: int) -> list[Remains]:
    """What is left of a user who is erased now (ms since 1970), once ``streamer erase`` has confirmed it.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    topics = wanted(settings)
    with connect(settings) as cluster:
        told = {} if cluster.embedded else cluster.configs(list(topics), list(_ASKED))
    configs = {topic: {**ours, **told.get(topic, {})} for topic, ours in topics.items()}
    return list(_places(settings, _Days(configs, now_ms)))


class _Days:
    """By when something is gone, in words."""

    def __init__(self, configs: Mapping[str, Mapping[str, str]], now_ms: int) -> None:
        self._configs = configs
        self._now_ms = now_ms

    def deleted(self, topics: Sequence[str]) -> str:
        """Of topics that are deleted by age: by when records of now are."""
        kept = max(map(self._kept_ms, topics))
        return "for ever: retention.ms sets no end" if kept >= _NEVER_MS else f"until {self._day(kept)} (retention.ms)"

    def compacted(self, topic: str) -> str:
        """Of a compacted topic: by when deleted records have left the disk."""
        lag = int(self._configs[topic].get("max.compaction.lag.ms", _NEVER_MS))
        return _SOME_DAY if lag >= _NEVER_MS else f"by {self._day(lag)} (max.compaction.lag.ms)"

    def _kept_ms(self, topic: str) -> int:
        configs = self._configs[topic]
        kept = int(configs["retention.ms"])
        return _NEVER_MS if kept < 0 else kept + int(configs.get("segment.ms", _SEGMENT_MS))

    def _day(self, in_ms: int) -> str:
        """A day on which it is so for certain: brokers look every few minutes."""
        return datetime.fromtimestamp((self._now_ms + in_ms + DAY_MS) / 1000, UTC).date().isoformat()


def _places(settings: Settings, days: _Days) -> Iterator[Remains]:
    names = settings.topics
    yield Remains("Redis", "nothing")
    for place, topic in (("state", names.state), ("outbox", names.avoid_lists)):
        yield Remains(place, f"nothing that is read; gone from the disks of {topic} {days.compacted(topic)}")
    yield Remains(
        "journal", f"void records in {names.journal}, a day longer than the oldest session of anybody is open"
    )
    yield Remains(
        "sources", f"events in {', '.join(names.sources)}, which nobody counts, {days.deleted(names.sources)}"
    )
    yield Remains("rejects", f"what was refused of the user in {names.rejects} {days.deleted([names.rejects])}")
    yield Remains("erasures", f"id and time of the request in {names.erasures} {days.deleted([names.erasures])}")
    if settings.labels:
        yield Remains(
            "labels", f"examples in {names.labels} {days.deleted([names.labels])}; readers are told to forget"
        )
        yield Remains("files", "examples in each folder of  streamer labels export  until that is run for it again")
    if settings.store == "rocksdb":
        yield Remains(
            "data_dir",
            "nothing soon on the worker's disk, whose files are written anew; on machines that have had the partition "
            "before, a copy until a worker starts there, so delete the directories of those that you retire",
        )
    if settings.population:
        yield Remains("population", f"sums over all users in {names.population} and {names.totals}, which name nobody")
