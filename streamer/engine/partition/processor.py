"""One partition of the job: buffers what arrives, aligns it, applies it to users, and says what to write.

Faust seam: none; no Faust and no I/O, driven by calls, so the whole job runs in memory in tests. Replaces the body of
an ``async for event in stream`` agent.

One call of :meth:`PartitionProcessor.process` is a slice::

    receive ─► lane buffers ─► up to T ─► by user ─► apply ─► watermark ─► advance due users ─► documents that changed

What must hold for it to be right:
- Records are received in offset order; those received before (after a seek back) are passed over.
- A lane is processed from its front only, so that ``progress`` is an offset that may be committed once the changes
  taken with it are saved.
- Events are applied at the watermark from before their slice, and users advance to the one after it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final

from streamer.engine.kafka.records import Record, size_of
from streamer.engine.partition.erasures import Erasures
from streamer.engine.partition.inbox import Arrival, Buffer, Inbox, slice_end
from streamer.engine.partition.placement import Placement
from streamer.engine.partition.responses import Responses
from streamer.engine.partition.users import Users
from streamer.engine.partition.watermark import PartitionClock
from streamer.engine.partition.work import Output, Reject, Step, Write
from streamer.engine.state.store import ERASED, HEAD, MARK_VERSION, TILE, WRITTEN, Mark, PartitionStore, UserChange
from streamer.events import DAY_MS, Erasure, Event, EventDecoder, Watermark
from streamer.profile import EventFate, Rules
from streamer.settings import Settings

_SOURCES: Final = ("impressions", "plays", "dislikes", "feedback")
_ERASURES: Final = "erasures"
CARRY_AFTER: Final = 100_000
"""Records of the journal that may be kept on account of one stuck user."""


class PartitionProcessor:
    """One partition.

    Args:
        partition: its number.
        settings: the deployment's settings.
        rules: the compiled rules, shared by all partitions.
        store: the partition's state, recovered.
        capacity: users kept decoded.
        placement: where users belong; None: whatever comes belongs here.
    """

    def __init__(
        self, partition: int, settings: Settings, rules: Rules, store: PartitionStore, capacity: int,
        placement: Placement | None = None,
    ) -> None:  # fmt: skip
        self.partition = partition
        self._placement = placement
        self.store = store
        self.users = Users(rules, store, capacity)
        self.erasures = Erasures(self.users, store, placement, settings.labels)
        self._responses = Responses(rules)
        max_future_ms = round(settings.max_future * 1000)
        self.clock = PartitionClock(
            _SOURCES, settings.clock, round(settings.allowed_lag * 1000), (_ERASURES,), max_future_ms
        )
        if store.mark is not None:
            self.clock.restore(store.mark.watermark, store.mark.newest)
        prefix = settings.topics.source_prefix
        self._inboxes = {
            prefix + name: Inbox(name, prefix + name, partition, lane, EventDecoder(name, max_future_ms))
            for name, lane in self.clock.lanes.items()
        }
        self._sources = [self._inboxes[prefix + name] for name in _SOURCES]
        self._erasures_inbox = self._inboxes[prefix + _ERASURES]
        self._buffer = Buffer(settings.buffer_events, settings.buffer_bytes)
        self._erased_kept_ms = settings.retention_days * DAY_MS  # events from before may be sent or read again so long
        self._owner = settings.partitions, settings.group
        self._rejects: list[Reject] = []
        self._rejected_bytes = 0
        begun = store.untold.lineage or secrets.token_hex(8)
        self._lineage = store.untold.lineage = begun if store.mark is None else store.mark.lineage

    # --- what arrives ---------------------------------------------------------------------------------------

    def receive(self, topic: str, records: Iterable[Record], now_ms: int) -> None:
        """Takes the next records of a topic.

        Args:
            topic: its full name.
            records: in offset order.
            now_ms: the wall clock, for events from the future.
        """
        rejects = self._inboxes[topic].receive(records, now_ms)
        if rejects:
            self._rejects += rejects
            self._rejected_bytes += sum(size_of(reject.record) for reject in rejects)

    def too_far_ahead(self) -> list[str]:
        """Full names of the topics beyond ``buffer_events`` or ``buffer_bytes``, or all if rejects are: to be held."""
        if self._rejected_bytes > self._buffer.size:
            return list(self._inboxes)
        return [inbox.topic for inbox in self._sources if self._buffer.is_exceeded(inbox)]

    def wants_more(self) -> list[str]:
        """Full names of the topics with less than half of that buffered: to be fetched again."""
        if self._rejected_bytes > self._buffer.size:
            return []
        half = Buffer(self._buffer.events // 2, self._buffer.size // 2)
        return [inbox.topic for inbox in self._inboxes.values() if not half.is_exceeded(inbox)]

    @property
    def buffered(self) -> int:
        """Events that wait, most of them for other topics."""
        return sum(len(inbox.waiting) for inbox in self._sources)

    # --- one slice ------------------------------------------------------------------------------------------

    def process(self, now_ms: int, caught_up: Mapping[str, int | None], limit: int) -> Output:
        """Does a slice at one go; see :meth:`work`."""
        work = self.work(now_ms, caught_up, limit)
        while True:
            try:
                next(work)
            except StopIteration as done:
                out: Output = done.value
                return out

    def work(self, now_ms: int, caught_up: Mapping[str, int | None], limit: int) -> Generator[None, None, Output]:
        """Processes what alignment allows, at most ``limit`` events: a slice.

        Yields after every user, so that other work may have its turn: more may be received meanwhile, but changes
        must not be taken before it has ended.

        Args:
            now_ms: the wall clock, ms since 1970.
            caught_up: by full topic name, when the broker last had nothing more of it (``BatchConsumer.caught_up``).
            limit: most events to take.

        Raises:
            StateTooNew: a newer Streamer wrote the state of a user.
        """
        for inbox in self._inboxes.values():
            inbox.lane.caught_up_ms = caught_up.get(inbox.topic)
        out = Output(rejects=self._rejects)
        self._rejects, self._rejected_bytes = [], 0
        erased = self._erase_arrived(out)
        before = self.clock.watermark
        by_user, out.more = self._take(limit, out)
        after = self.clock.advance(now_ms)
        for user, arrivals in by_user.items():
            self._step(user, arrivals, before, after, out)
            yield
        for user in dict.fromkeys([*erased, *self.users.deadlines.due(after)]):
            if user not in by_user:
                self._step(user, (), before, after, out)
                yield
        out.users = len(by_user)
        out.responses = self._responses.settle(after)
        out.unfollowed, self._responses.passed_over = self._responses.passed_over, 0
        return out

    def _take(self, limit: int, out: Output) -> tuple[dict[str, list[Arrival]], bool]:
        aligned_to = self.clock.aligned_to()
        end = slice_end(self._sources, aligned_to, limit)
        by_user: dict[str, list[Arrival]] = {}
        erased = self.store.erased
        room = limit
        for inbox in self._sources:
            waiting, newest, before = inbox.waiting, inbox.lane.newest, room
            while room and waiting and waiting[0][0] <= end:
                arrival = waiting.popleft()
                ts, event = arrival[0], arrival[1]
                room -= 1
                if type(event) is Watermark:
                    newest = max(newest, ts)
                    continue
                user = event.user_id  # type: ignore[union-attr]
                known, record = by_user.get(user), arrival[2]
                fits = known is not None and record.key is not None
                misplaced = None if fits else self._misplaced(inbox, record, user)
                if ts > newest and misplaced is None:  # what is rejected says nothing of what time it is
                    newest = ts if record.appended else inbox.lane.reached(ts, user)
                if erased and event.ts <= erased.get(user, -1):  # type: ignore[union-attr]
                    out.erased[inbox.name] += 1
                elif misplaced is not None:
                    out.rejects.append(misplaced)
                elif known is not None:
                    known.append(arrival)
                else:
                    by_user[user] = [arrival]
            out.events[inbox.name] += before - room
            inbox.lane.newest = newest
            inbox.taken()
        return by_user, any(inbox.waiting and inbox.waiting[0][0] <= aligned_to for inbox in self._sources)

    def _misplaced(self, inbox: Inbox, record: Record, user: str) -> Reject | None:
        if self._placement is None or (record.key is not None and user in self.users):
            return None
        return self._placement.misplaced(inbox.topic, record, user)

    def _step(self, user: str, arrivals: Sequence[Arrival], before: int, after: int, out: Output) -> None:
        done = self.users.step(user, Step(before, list(map(_event_of, arrivals)), after))
        for position, why in done.poisoned.items():
            _, _, record, inbox = arrivals[position]
            out.rejects.append(Reject(inbox.topic, self.partition, record, "poison", why))
        applied = [a for i, a in enumerate(arrivals) if i not in done.poisoned] if done.poisoned else arrivals
        if EventFate.LATE in done.outcomes:
            out.late.update(
                a[3].name for a, what in zip(applied, done.outcomes, strict=False) if what is EventFate.LATE
            )
        if done.labels:
            out.labels += done.labels
        for session in done.sealed:
            self._responses.take(user, session)
        if done.writes:
            newest = max((a[1].ts for a in applied), default=None)  # type: ignore[union-attr]
            out.writes.append(Write(user, done.document, newest))

    def _erase_arrived(self, out: Output) -> list[str]:
        """Does the erasures that have arrived; returns of whom something newer is left, and no document."""
        inbox, partly = self._erasures_inbox, []
        while inbox.waiting:
            event = inbox.waiting.popleft()[1]
            out.events[_ERASURES] += 1
            if isinstance(event, Erasure):
                self._responses.forget(event.user_id)
                if self.erasures.erase(event, out):
                    partly.append(event.user_id)
        inbox.taken()
        return partly

    # --- checkpoint -------------------------------------------------------------------------------------------

    def take_changes(self) -> list[UserChange]:
        """What changed since the last call, each user once; it is in the store when this returns."""
        deltas = self.erasures.owed
        changes = {change.user: change for change in self.users.take_changes(deltas, self.erasures.partly)}
        self.erasures.take_into(changes)
        forgetting = [user for user in deltas if _forgets(changes[user])]
        for user, saved in self.store.untold.save(deltas, forgetting):
            changes[user] = changes[user]._replace(delta=saved)
        for user, raw in self.store.unsaved.items():
            change = changes.get(user, UserChange(user, {}, self.users.deadlines.get(user)))
            changes[user] = change._replace(parts={WRITTEN: raw, **change.parts})
        self.store.unsaved = {}
        passed = [user for user, ts in self.store.erased.items() if ts <= self.clock.watermark - self._erased_kept_ms]
        for user in passed:
            self.store.put(user, ERASED, None)
            change = changes.get(user, UserChange(user, {}, self.users.deadlines.get(user)))
            changes[user] = change._replace(parts={**change.parts, ERASED: None})
        for user in self.store.untold.forgetting:
            change = changes.get(user, UserChange(user, {}, self.users.deadlines.get(user)))
            changes[user] = change._replace(parts={HEAD: self.store.part(user, HEAD), **change.parts})
        for change in changes.values():
            self.store.set_deadline(change.user, change.deadline)
        return [*changes.values(), *self._carried(changes)]

    def _carried(self, changes: Mapping[str, UserChange]) -> list[UserChange]:
        """Appends again what the journal has of a stuck user, whose sessions never seal, lest it grow for ever (I6)."""
        journal = self.store.journal
        oldest, begin = next(iter(journal), ""), journal.begin
        if oldest in changes or oldest not in self.users.stuck or begin is None:
            return []
        if (journal.end or 0) - begin < CARRY_AFTER:
            return []
        deadline = self.store.deadlines.get(oldest)
        return [UserChange(oldest, {}, deadline, raw) for raw in journal.carry(oldest)]

    def mark(self) -> Mark:
        """The mark of a checkpoint taken now, but for where outbox and journal stand then."""
        newest = {name: lane.newest for name, lane in self.clock.sources.items()}
        told = self.store.untold.told
        return Mark(MARK_VERSION, self.clock.watermark, newest, 0, 0, self._lineage, 0, *self._owner, told)

    def progress(self) -> dict[str, int]:
        """By full topic name: offset of the last record with nothing unprocessed before it; -1: none."""
        told = {topic: inbox.processed_to for topic, inbox in self._inboxes.items()}
        for reject in self._rejects:  # received, and written by the next slice only
            told[reject.topic] = min(told[reject.topic], reject.record.offset - 1)
        return told


_event_of: Final[Callable[[Arrival], Event]] = itemgetter(1)
"""Of an arrival that is no watermark and no erasure."""


def _forgets(change: UserChange) -> bool:
    """Whether a day of the user has left the window, or was erased, or the user is gone."""
    return any(value is None and (name == HEAD or name.startswith(TILE)) for name, value in change.parts.items())
