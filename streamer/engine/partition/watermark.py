"""Event-time clock of one partition: which buffered events may be processed now, and how far time has come.

Faust seam: none; no I/O, time is injected. Replaces Faust's windows, which expire by the wall clock.

Each source topic has a *lane*: what is buffered of it, the newest event time processed, and when the broker last had
no more of it. Two rules:

Alignment (Kafka Streams' KIP-353 and 695, Flink's watermark alignment): all lanes are processed up to the same time T,
the least of their buffered ends, so that in a backlog the small topics do not run days ahead of the big one::

    impressions  ─────●            buffered up to here: T, as more of it is at the broker
    plays        ────────────●     the part behind T waits
    dislikes     ──●               nothing more at the broker: does not count (clock = wall)

Watermark: with ``clock = wall`` the least newest event time processed of the lanes that are behind; when none is, the
time at which the broker last said so, minus ``allowed_lag``. With ``clock = events`` every lane counts, always, and
watermark records move it: the same records give the same watermark, whenever they are read.

What must hold for it to be right: a lane's ``caught_up_ms`` is given only while nothing of it is at the broker or on
the way (``BatchConsumer.caught_up``), and lanes are restored with the watermark after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

BEGINNING: Final = -1
"""Before every event: the watermark of a partition that has processed nothing."""
END: Final = 1 << 62


class Lane:
    """One source topic of one partition.

    Attributes:
        newest: greatest event time processed, ms; BEGINNING if none.
        buffered_to: greatest event time received, ms; BEGINNING if none.
        waiting: events received and not yet processed.
        caught_up_ms: when the broker last had nothing more, ms since 1970; None: it has more, or is not known.
    """

    __slots__ = ("buffered_to", "caught_up_ms", "newest", "waiting")

    def __init__(self, newest: int = BEGINNING) -> None:
        self.newest = newest
        self.buffered_to = newest
        self.waiting = 0
        self.caught_up_ms: int | None = None

    @property
    def behind(self) -> bool:
        """There is something of it left to process."""
        return self.waiting > 0 or self.caught_up_ms is None


class PartitionClock:
    """Watermark and alignment over the lanes of one partition.

    Args:
        topics: the source topics, whose lanes move the watermark.
        followers: topics that alignment waits for but that move no watermark (erasures).
        clock: ``wall`` or ``events``.
        allowed_lag_ms: how far the watermark stays behind the wall clock.
    """

    def __init__(
        self,
        topics: Iterable[str],
        clock: Literal["wall", "events"],
        allowed_lag_ms: int,
        followers: Iterable[str] = (),
    ) -> None:
        self.sources = {topic: Lane() for topic in topics}
        self.lanes = {**self.sources, **{topic: Lane() for topic in followers}}
        self.watermark = BEGINNING
        self._followers = [self.lanes[topic] for topic in followers]
        self._by_events = clock == "events"
        self._lag_ms = allowed_lag_ms

    def restore(self, watermark: int, newest: Mapping[str, int]) -> None:
        """Continues from a checkpoint."""
        self.watermark = max(self.watermark, watermark)
        for topic, ts in newest.items():
            lane = self.sources.get(topic)
            if lane is not None:
                lane.newest = max(lane.newest, ts)
                lane.buffered_to = max(lane.buffered_to, ts)

    def aligned_to(self) -> int:
        """T: events up to this time may be processed; END if all of them may."""
        sources = self.sources.values()
        counted = list(sources) if self._by_events else [lane for lane in sources if lane.caught_up_ms is None]
        counted += [lane for lane in self._followers if lane.caught_up_ms is None]
        return min((lane.buffered_to for lane in counted), default=END)

    def advance(self, now_ms: int) -> int:
        """Moves the watermark as far as it may go, never back, and returns it.

        Args:
            now_ms: the wall clock, ms since 1970.
        """
        if self._by_events:
            reached = min(lane.newest for lane in self.sources.values())
        else:
            reached = now_ms - self._lag_ms
            for lane in self.sources.values():
                if lane.behind:
                    reached = min(reached, lane.newest)
                elif lane.caught_up_ms is not None:
                    reached = min(reached, lane.caught_up_ms - self._lag_ms)
        if reached > self.watermark:
            self.watermark = reached
        return self.watermark
