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
time at which the broker last said so, minus ``allowed_lag``; and never past what is known of the erasures, or sessions
would seal that one is on its way for. With ``clock = events`` every lane counts, always, and watermark records move it:
the same records give the same watermark, whenever they are read.

No device's clock moves time for others. The *event time* of a record is its event's ts, or when the broker appended it,
if that is earlier: nothing has happened before it arrived (``Inbox``). Where the broker does not say so (CreateTime),
with ``clock = wall`` a lane's newest time is one that two users have reached, or at most ``max_future`` past what the
others have::

    u1 ──●  u2 ───●  u3 ──●                                   u4 ●   a clock that is hours fast, read in a backlog
                  └ reached by others ─┴ max_future: newest

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

    Args:
        alone_ms: how far past what others have reached one user may move it; None: as far as they say.

    Attributes:
        newest: greatest event time processed, ms; BEGINNING if none.
        buffered_to: greatest event time received, ms; BEGINNING if none.
        waiting: events received and not yet processed.
        caught_up_ms: when the broker last had nothing more, ms since 1970; None: it has more, or is not known.
    """

    __slots__ = ("_alone_ms", "_leader", "_leads_to", "_others", "buffered_to", "caught_up_ms", "newest", "waiting")

    def __init__(self, alone_ms: int | None = None) -> None:
        self.newest = BEGINNING
        self.buffered_to = BEGINNING
        self.waiting = 0
        self.caught_up_ms: int | None = None
        self._alone_ms = alone_ms
        self._leader = ""
        self._leads_to = self._others = BEGINNING

    def restore(self, newest: int) -> None:
        """Continues from where it was."""
        self.newest = max(self.newest, newest)
        self.buffered_to = max(self.buffered_to, newest)
        self._leads_to = self._others = self.newest

    def reached(self, ts: int, user: str) -> int:
        """The newest time of the lane after a user's event of a time (ms) that no broker has confirmed."""
        if self._alone_ms is None:
            return max(self.newest, ts)
        if user == self._leader:
            self._leads_to = max(self._leads_to, ts)
        elif ts > self._leads_to:
            self._others, self._leads_to, self._leader = self._leads_to, ts, user
        else:
            self._others = max(self._others, ts)
        return max(self.newest, min(self._leads_to, self._others + self._alone_ms))

    @property
    def behind(self) -> bool:
        """There is something of it left to process."""
        return self.waiting > 0 or self.caught_up_ms is None


class PartitionClock:
    """Watermark and alignment over the lanes of one partition.

    Args:
        topics: the source topics, whose lanes move the watermark.
        followers: topics that alignment and watermark wait for but that move no watermark (erasures).
        clock: ``wall`` or ``events``.
        allowed_lag_ms: how far the watermark stays behind the wall clock.
        alone_ms: how far one user may move a lane of ``clock = wall`` past the others, where no broker confirms it.
    """

    def __init__(
        self,
        topics: Iterable[str],
        clock: Literal["wall", "events"],
        allowed_lag_ms: int,
        followers: Iterable[str] = (),
        alone_ms: int | None = None,
    ) -> None:
        self.sources = {topic: Lane(alone_ms if clock == "wall" else None) for topic in topics}
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
                lane.restore(ts)

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
            for lane in self._followers:
                known_to = lane.buffered_to if lane.caught_up_ms is None else lane.caught_up_ms - self._lag_ms
                reached = min(reached, known_to)
        if reached > self.watermark:
            self.watermark = reached
        return self.watermark
