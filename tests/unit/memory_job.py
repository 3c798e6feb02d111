"""A whole signals job in memory: topics, changelog and outbox are lists; a crash keeps what a broker would have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from random import Random

import msgspec

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.kafka.records import Record
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.partition.work import LabelWrite, Output
from streamer.engine.state.checkpoint import MARK_KEY, apply_record, group_of, journal_of
from streamer.engine.state.loading import load_profile
from streamer.engine.state.recovery import JournalReplay, apply_outbox_record
from streamer.engine.state.store import Mark, MemoryStore, PartitionStore, UserChange, decode_mark, encode_mark
from streamer.events import Erasure, Event, Watermark, encode
from streamer.population import Deltas
from streamer.profile import Rules
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.settings import Settings

NAMES = ("impressions", "plays", "dislikes", "feedback", "erasures")


class MemoryJob:
    """One partition of a job and the broker it talks to. `now_ms` is the wall clock."""

    def __init__(
        self,
        settings: Settings,
        now_ms: int,
        hot_users: int = 100,
        open_store: Callable[[], PartitionStore] = MemoryStore,
    ) -> None:
        self.settings = settings
        self.now_ms = now_ms
        self.logs: dict[str, list[Record]] = {name: [] for name in NAMES}
        self.committed = dict.fromkeys(NAMES, 0)
        self.changelog: list[Record] = []
        self.journal: list[Record] = []
        self.journal_start = 0
        self.outbox: list[Record] = []
        self.rejects: dict[tuple[str, int], str] = {}
        self._labels: list[LabelWrite] = []
        self.deltas = Deltas()
        self.late = 0
        self.erased = 0
        self._rules = Rules(settings)
        self._hot_users = hot_users
        self._open_store = open_store
        self.changelog_read = 0
        self.store = open_store()
        self.start()

    def start(self) -> None:
        """Starts the worker from what the broker has."""
        self.store.close()
        store = self._open_store()
        self.changelog_read = len(self.changelog) - store.changelog_end
        self.bring_up_to_date(store)
        for record in self.outbox[0 if store.mark is None else store.mark.outbox_end :]:
            apply_outbox_record(store, record)
        self.store = store
        self.processor = PartitionProcessor(0, self.settings, self._rules, store, self._hot_users, self.deltas)
        self.position = dict(self.committed)
        self._unacked: list[NewRecord] = []
        self._unacked_labels: list[LabelWrite] = []

    def bring_up_to_date(self, store: PartitionStore) -> None:
        """Reads changelog and journal into a store, as recovery does."""
        for record in self.changelog[store.changelog_end :]:
            apply_record(store, record)
        store.applied(len(self.changelog))
        replay = JournalReplay(store)
        needed = 0 if store.mark is None else store.mark.journal_begin
        for record in self.journal[max(needed, store.journal.end or 0, self.journal_start) :]:
            replay.apply(record)
        store.journal.end = len(self.journal)

    # --- what producers do ------------------------------------------------------------------------------------

    def produce(self, name: str, value: Event | Erasure | Watermark | bytes, key: bytes | None = None) -> int:
        """Appends a record to a topic; returns its offset."""
        log = self.logs[name]
        log.append(Record(len(log), key, value if isinstance(value, bytes) else encode(value), 0))
        return len(log) - 1

    def watermark(self, ts: int) -> None:
        """Sends a watermark record to every source topic."""
        for name in NAMES[:4]:
            self.produce(name, Watermark(ts))

    # --- what the worker does -----------------------------------------------------------------------------------

    def fetch(self, name: str, count: int) -> None:
        """Delivers at most `count` records of a topic."""
        at = self.position[name]
        batch = self.logs[name][at : at + count]
        self.position[name] += len(batch)
        self.processor.receive(self._topic(name), batch, self.now_ms)

    def process(self, limit: int = 1_000_000) -> Output:
        """One slice."""
        caught_up = {
            self._topic(name): self.now_ms if self.position[name] == len(self.logs[name]) else None for name in NAMES
        }
        out = self.processor.process(self.now_ms, caught_up, limit)
        self._unacked += [NewRecord(write.user.encode(), write.value) for write in out.writes]
        self._unacked_labels += out.labels
        for reject in out.rejects:
            self.rejects[reject.topic, reject.record.offset] = reject.code
        self.late += out.late.total()
        self.erased += out.erased.total()
        return out

    def run(self, fetch: Mapping[str, int] | None = None) -> None:
        """Fetches and processes until nothing is left to do, so many records of each topic at a time."""
        sizes = fetch or dict.fromkeys(NAMES, 50)
        while True:
            before = dict(self.position)
            for name, size in sizes.items():
                if self._topic(name) not in self.processor.too_far_ahead():
                    self.fetch(name, size)
            if not self.process().more and self.position == before:
                return

    def checkpoint(self, rng: Random | None = None, writes: int | None = None) -> int:
        """Saves and commits; returns how many writes that takes.

        With an `rng`, crashes (and starts again) after a random one of its writes; with `writes`, after so many.
        """
        changes = self.processor.take_changes()
        mark = self.processor.mark()
        begin = self.store.journal.begin
        self._journal_begin = len(self.journal) if begin is None else begin
        progress = self.processor.progress()
        steps: list[Callable[[], None]] = [self._deliver]
        steps += [partial(self._append_journal, change) for change in changes if journal_of(change)]
        steps += [partial(self._append, group_of(change)) for change in changes if change.parts]
        steps += [lambda: self._append_mark(mark)]
        steps += [lambda: self.store.saved(changes, len(self.changelog), decode_mark(self.changelog[-1].value or b""))]
        steps += [lambda: self._commit(progress), self._truncate]
        if rng is not None:
            writes = rng.randrange(len(steps) + 1)
        for step in steps[:writes]:
            step()
        if writes is not None:
            self.crash(rng or Random(writes))
        else:
            self.store.journal.end = len(self.journal)
        return len(steps)

    def crash(self, rng: Random) -> None:
        """Ends and starts the worker; of the documents under way a prefix has arrived, of the labels none."""
        self._deliver(rng.randrange(len(self._unacked) + 1))
        self.start()

    # --- what stands in the end ---------------------------------------------------------------------------------

    def labels(self) -> list[LabelWrite]:
        """The labels that their topic holds."""
        self._deliver()
        return self._labels

    def written(self) -> dict[str, Document]:
        """The documents that Redis would hold."""
        self._deliver()
        newest: dict[str, Document] = {}
        for record in self.outbox:
            user = (record.key or b"").decode()
            newest.pop(user, None)
            if record.value is not None:
                newest[user] = document.decode(record.value)
        return newest

    def computed(self) -> dict[str, bytes]:
        """The documents that follow from the state."""
        self.processor.take_changes()
        found = {}
        for user in self.store:
            profile = load_profile(user, self._rules, self.store.parts(user), self.store.journal.records(user))
            profile.watermark = self.processor.clock.watermark
            made = profile.document()
            if made is not None:
                found[user] = document.encode(made)
        return found

    # --- the broker -----------------------------------------------------------------------------------------------

    def _topic(self, name: str) -> str:
        return self.settings.topic_prefix + name

    def _deliver(self, count: int | None = None) -> None:
        if count is None:
            self._labels += self._unacked_labels
            self._unacked_labels = []
        arrived = self._unacked if count is None else self._unacked[:count]
        for entry in arrived:
            self.outbox.append(Record(len(self.outbox), entry.key, entry.value, 0))
        self._unacked = self._unacked[len(arrived) :]

    def _append(self, group: Iterable[NewRecord]) -> None:
        for key, value, headers in group:
            self.changelog.append(Record(len(self.changelog), key, value, 0, tuple(headers)))

    def _append_journal(self, change: UserChange) -> None:
        for key, value, headers in journal_of(change):
            self.store.journal.place(change.user, len(self.journal))
            self.journal.append(Record(len(self.journal), key, value, 0, tuple(headers)))

    def _append_mark(self, mark: Mark) -> None:
        complete = msgspec.structs.replace(mark, outbox_end=len(self.outbox), journal_begin=self._journal_begin)
        self._append([NewRecord(MARK_KEY, encode_mark(complete))])

    def _truncate(self) -> None:
        self.journal_start = max(self.journal_start, self._journal_begin)

    def _commit(self, progress: Mapping[str, int]) -> None:
        for name in NAMES:
            self.committed[name] = max(self.committed[name], progress[self._topic(name)] + 1)
