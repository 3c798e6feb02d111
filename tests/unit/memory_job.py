"""The job in memory, driven step by step: fetches, slices and checkpoints of any size, and crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from streamer.engine.kafka.records import Record
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.partition.work import LabelWrite, Output
from streamer.engine.population.totals import TotalsTable
from streamer.engine.state.disk import DiskStore
from streamer.engine.state.loading import load_profile
from streamer.engine.state.store import Mark, MemoryStore, PartitionStore, UserChange
from streamer.events import Erasure, Event, Watermark, encode
from streamer.population import Totals
from streamer.population.telling import Source, tell
from streamer.profile import Rules
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker
from streamer.testing.worker import MemoryWorker, finished

NAMES = ("impressions", "plays", "dislikes", "feedback", "erasures")


class Crashed(BaseException):
    """The worker has ended, as by kill -9."""


class MemoryJob:
    """One worker's lives on one broker. `now_ms` is the wall clock; topics have no prefix."""

    def __init__(
        self,
        settings: Settings,
        now_ms: int,
        hot_users: int = 100,
        open_store: Callable[[], PartitionStore] = MemoryStore,
    ) -> None:
        self.settings = settings
        self.now_ms = now_ms
        self.broker = MemoryBroker()
        self.logs = self.broker.logs
        self.committed = self.broker.committed
        self.changelog, self.journal, self.outbox, self._labels, self._rejects, self._deltas = (
            self.logs[topic]
            for topic in (
                settings.topics.state,
                settings.topics.journal,
                settings.topics.avoid_lists,
                settings.topics.labels,
                settings.topics.rejects,
                settings.topics.population,
            )
        )
        self.writes: list[str] = []
        self.broker.on_write = self._written
        self._crash_after: int | str = 0
        self._rules = Rules(settings)
        self._hot_users = hot_users
        self._open_store = open_store
        self.late = self.erased = 0
        self._live()

    def start(self) -> None:
        """Ends the worker, and starts one from what the broker has; what was under way is lost."""
        self.broker.lose()
        self.store.close()
        self._live()

    def _live(self) -> None:
        self.store = self._opened()
        self.changelog_read = len(self.changelog) - self.store.changelog_end
        self.worker = MemoryWorker(
            self.settings, self._rules, self.broker, self.store, lambda: self.now_ms, self._hot_users
        )
        self.position = self.worker.consumer.position

    @property
    def processor(self) -> PartitionProcessor:
        processor = self.worker.assigned._processor
        assert processor is not None
        return processor

    # --- what producers do ------------------------------------------------------------------------------------

    def produce(self, name: str, value: Event | Erasure | Watermark | bytes, key: bytes | None = None) -> int:
        """Appends a record to a topic, with the event's key if none is given; returns its offset."""
        log = self.logs[name]
        if key is None and isinstance(value, Event | Erasure):
            key = value.user_id.encode()
        log.append(Record(len(log), key, value if isinstance(value, bytes) else encode(value), 0))
        return len(log) - 1

    def watermark(self, ts: int) -> None:
        """Sends a watermark record to every source topic."""
        for name in NAMES[:4]:
            self.produce(name, Watermark(ts))

    # --- what the worker does -----------------------------------------------------------------------------------

    def fetch(self, name: str, count: int) -> None:
        """Delivers at most `count` records of a topic."""
        self.worker.fetch(name, count)

    def process(self, limit: int = 1_000_000) -> Output:
        """One slice."""
        out = self.worker.slice(limit)
        self.late += out.late.total()
        self.erased += out.erased.total()
        return out

    def run(self, fetch: Mapping[str, int] | None = None) -> None:
        """Fetches and processes until nothing is left to do, so many records of each topic at a time."""
        sizes = fetch or dict.fromkeys(NAMES, 50)
        while True:
            before = dict(self.position)
            for name, size in sizes.items():
                self.fetch(name, size)
            if not self.process().more and self.position == before:
                return

    def checkpoint(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Saves and commits; `meanwhile` is done whenever it waits for the broker."""
        self.worker.checkpoint(meanwhile)

    def bring_up_to_date(self, store: PartitionStore) -> None:
        """Reads into a store what recovery would."""
        finished(self.worker.recover(store))

    # --- crashes ------------------------------------------------------------------------------------------------

    def crash(self, rng: Random) -> None:
        """Ends and starts the worker; of what is under way a prefix has arrived, topic by topic."""
        self._arrive(rng)
        self.start()

    def _arrive(self, rng: Random) -> None:
        for topic, under_way in self.broker.under_way().items():
            for _ in range(rng.randrange(under_way + 1)):
                self.broker.arrive(topic)

    def crash_after(self, write: int | str) -> None:
        """The worker is to end right after this write from now on (1: the next), or the next one to this topic."""
        self._crash_after = len(self.writes) + write if isinstance(write, int) else write

    def survives(self, doing: Callable[[], object], again_after: int = 0) -> bool:
        """Does something; if the worker ends meanwhile, it starts again, and the answer is no.

        Args:
            again_after: if so, it ends once more after so many writes, recovery included; 0: it does not.
        """
        try:
            doing()
        except Crashed:
            self._arrive(Random(len(self.writes)))
            if again_after:
                self.crash_after(again_after)
            try:
                self.start()
            except Crashed:
                self.start()
            return False
        return True

    def _written(self, where: str) -> None:
        self.writes.append(where)
        if self._crash_after in (len(self.writes), where):
            self._crash_after = 0
            raise Crashed(where)

    def _opened(self) -> PartitionStore:
        """The store, which says so when it has written to disk."""
        store, written = self._open_store(), self._written

        class Watched(DiskStore):
            def saved(self, changes: Iterable[UserChange], end: int, mark: Mark) -> None:
                super().saved(changes, end, mark)
                written("local store")

            def applied(self, end: int) -> None:
                super().applied(end)
                written("recovered to disk")

        if isinstance(store, DiskStore):
            store.__class__ = Watched  # type: ignore[assignment]
        return store

    # --- what stands in the end ---------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything under way arrives."""
        for topic, count in self.broker.under_way().items():
            for _ in range(count):
                self.broker.arrive(topic)

    def labels(self) -> list[LabelWrite]:
        """The labels that their topic holds."""
        self.settle()
        return [
            LabelWrite((r.key or b"").decode(), dict(r.headers).get("label", b"").decode(), r.value)
            for r in self._labels
        ]

    @property
    def rejects(self) -> dict[tuple[str, int], str]:
        """The codes of the rejects that their topic holds, by where they come from."""
        self.settle()
        found = [dict(record.headers) for record in self._rejects]
        return {(h["topic"].decode(), int(h["offset"])): h["code"].decode() for h in found}

    @property
    def population(self) -> Totals:
        """What the sums over all users are, once the population is told what is saved and not told yet."""
        self.settle()
        recovered = MemoryStore()
        self.bring_up_to_date(recovered)
        return self.population_with(recovered)

    def population_with(self, recovered: PartitionStore) -> Totals:
        """The same, of a store that is recovered already."""
        table, records = TotalsTable(), list(self._deltas)
        for number, deltas in recovered.untold:
            for key, value in tell(Source(0, recovered.untold.lineage), number, deltas):
                records.append(Record(len(records), key, value, 0))
        table.count(records)
        assert not table.corrupt
        return table.totals

    def written(self) -> dict[str, Document]:
        """The documents that Redis would hold."""
        self.settle()
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
        return self.documents_in(self.store)

    def documents_in(self, store: PartitionStore) -> dict[str, bytes]:
        """The documents that follow from a store, at this worker's watermark."""
        found = {}
        for user in store:
            profile = load_profile(user, self._rules, store.parts(user), store.journal.records(user))
            profile.watermark = self.processor.clock.watermark
            made = profile.document()
            if made is not None:
                found[user] = document.encode(made)
        return found
