"""Recovery of partitions: changelog, journal and the outbox's tail into the store, in whole fetched batches.

Faust seam: none; runs on ``BatchConsumer.before_assigned`` with a consumer of its own, while the source topics are
already being fetched. Replaces ``faust.tables.recovery.Recovery`` (13,000 records/s, one event at a time).

1. The changelog, from where the store ends: one kept from an earlier assignment or on disk is only brought up to date.
   One that cannot be brought up to date is given up for a full read (:func:`_gap`, :func:`_foreign`). If the changelog
   begins later than when it was last whole, a store that was kept has what is missing (``engine/state/rewriting.py``);
   without one it is lost, which is told.
2. The journal, from where the checkpoint's mark says, or from where the store's ends. Records of another epoch than the
   head's are outdated.
3. The outbox's tail (``engine/state/outbox.py``).

What must hold for it to be right: nobody else can write to these topics' partition any more (``BatchProducer.claim``
comes first), and nothing of the partition is processed before :func:`recover` has returned it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, NamedTuple

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import Extent, scanner
from streamer.engine.metrics import Metrics
from streamer.engine.state import outbox, ownership
from streamer.engine.state.changelog import apply_record, deadline_of
from streamer.engine.state.journal import epoch_of
from streamer.engine.state.store import HEAD, PartitionStore
from streamer.settings import Settings, Topics

log: Final = logging.getLogger(__name__)


async def recover(
    settings: Settings, stores: Mapping[int, PartitionStore], metrics: Metrics | None = None, now_ms: int = 0
) -> dict[int, int]:
    """Brings the stores (by partition) up to date.

    Args:
        now_ms: the time, ms since 1970, when the term of whoever recovers begins.

    Returns:
        By partition, where the changelog begins now, if it lacks what the store has: to be rewritten.

    Raises:
        BrokerUnavailable: the broker does not let it be read.
        StateCorrupt, StateTooNew: the changelog holds something this worker cannot read.
        StateForeign: it is not this deployment's.
    """
    count = None if metrics is None else metrics.count_unreadable
    async with scanner(settings, "the state", count_unreadable=count) as topics:
        cut = await recover_from(topics, settings.topics, stores, metrics, now_ms)
    ownership.hold_to(settings, (store.mark for store in stores.values()))
    return cut


async def recover_from(
    topics: Reader,
    names: Topics,
    stores: Mapping[int, PartitionStore],
    metrics: Metrics | None = None,
    now_ms: int = 0,
) -> dict[int, int]:
    """:func:`recover`, over a connection that there is."""
    cut, strange = await _changelog(topics, names.state, stores)
    _tell_strange(names.state, strange, metrics)
    _tell_strange(names.journal, await _journal(topics, names.journal, stores), metrics)
    _tell_strange(names.avoid_lists, await outbox.read_tail(topics, names.avoid_lists, stores, now_ms), metrics)
    return cut


def _tell_strange(topic: str, count: int, metrics: Metrics | None) -> None:
    if metrics is not None:
        metrics.foreign.labels(topic).inc(count)
    if count:
        log.warning(
            "%s: %d records that no worker wrote are passed over: find out who does, only workers may", topic, count
        )


# --- the changelog ----------------------------------------------------------------------------------------------


async def _changelog(topics: Reader, topic: str, stores: Mapping[int, PartitionStore]) -> tuple[dict[int, int], int]:
    """By partition, where a changelog begins that lacks what the store has; and how many records are a stranger's."""
    extents = await topics.extents(topic, stores)
    for partition, store in stores.items():
        _given_up(partition, store, _gap(store.changelog_end, extents[partition]))
    began: dict[int, int] = {}
    waiting, strange = dict(stores), 0
    while waiting:
        began |= {partition: store.changelog_end for partition, store in waiting.items()}
        lineages = {partition: store.mark.lineage for partition, store in waiting.items() if store.mark is not None}
        strange += await _read_changelog(topics, topic, waiting)
        extents |= await topics.extents(topic, waiting)  # what was deleted meanwhile may not have been read
        unusable = {}
        for partition, store in waiting.items():
            foreign = _foreign(topic, lineages.get(partition), store)
            if _given_up(partition, store, foreign or _gap(began[partition], extents[partition])):
                unusable[partition] = store
        waiting = unusable
    cut = {p: extents[p].first for p, store in stores.items() if _is_cut(p, store, began[p], extents[p].first)}
    return cut, strange


async def _read_changelog(topics: Reader, topic: str, stores: Mapping[int, PartitionStore]) -> int:
    begin = {partition: store.changelog_end for partition, store in stores.items()}
    strange = 0
    async for scanned in topics.scan(topic, begin):
        store = stores[scanned.partition]
        for record in scanned.records:
            strange += not apply_record(store, record)
        if scanned.records:
            store.applied(scanned.records[-1].offset + 1)
        await asyncio.sleep(0)
    return strange


def _given_up(partition: int, store: PartitionStore, why: str | None) -> bool:
    """Whether there is a reason to give up a store, which then is empty."""
    if why is None:
        return False
    log.warning("partition %d: %s: the local state is given up and recovered in full", partition, why)
    store.clear()
    return True


def _gap(changelog_end: int, extent: Extent) -> str | None:
    """Why a store that contains the changelog up to an offset cannot be brought up to date; None: it can."""
    if changelog_end > extent.end:
        return f"it contains the changelog up to {changelog_end}, which now ends at {extent.end}"
    if 0 < changelog_end < extent.first:
        return f"it contains the changelog up to {changelog_end}, which now begins at {extent.first}"
    return None


def _foreign(topic: str, lineage: str | None, store: PartitionStore) -> str | None:
    """Why a store of this lineage, after reading on, does not belong to the changelog; None: it does."""
    if lineage is None or store.mark is None or store.mark.lineage == lineage:
        return None
    return f"{topic} was made anew"


def _is_cut(partition: int, store: PartitionStore, read_from: int, first: int) -> bool:
    """Whether the changelog lacks something that the store has; if nobody has it any more, that is told."""
    whole_from = 0 if store.mark is None else store.mark.changelog_begin
    if first > whole_from:
        if read_from > 0:
            return True
        log.error(
            "partition %d: somebody has deleted the changelog's records before offset %d, and no local state has them: "
            "users are lost whose last changes were there. To have what the source topics still hold read again, stop "
            "all workers and set the group's offsets to the beginning (kafka-consumer-groups --reset-offsets)",
            partition,
            first,
        )
    store.changelog_begin = max(first, whole_from)
    return False


# --- the journal ------------------------------------------------------------------------------------------------


class _Known(NamedTuple):
    """What the changelog says of a user."""

    epoch: int | None
    deadline: int | None


class JournalReplay:
    """Brings records of the journal into a store that contains the whole changelog."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self._known: dict[str, _Known] = {}
        for user in [user for user in store.journal if not self._counts(user, store.journal.records(user)[-1])]:
            store.journal.drop(user)

    def apply(self, record: Record) -> bool:
        """Takes the next record; False: a stranger's, which is passed over.

        The user's deadline is then the lesser of what the changelog and the newest record say: either may be the newer,
        and one that is early changes nothing when it comes.
        """
        store = self._store
        try:
            user = (record.key or b"").decode()
        except UnicodeDecodeError:
            return False
        if record.value is None:
            store.journal.drop(user)
        elif self._counts(user, record.value):
            store.journal.add(user, record.value, record.offset)
            deadline = deadline_of(record)
            if deadline is not None:
                saved = self._known[user].deadline
                store.set_deadline(user, deadline if saved is None else min(deadline, saved))
        return bool(user)

    def _counts(self, user: str, raw: bytes) -> bool:
        known = self._known.get(user)
        if known is None:
            head = self._store.part(user, HEAD)
            epoch = 0 if head is None else epoch_of(head)
            known = self._known[user] = _Known(epoch, self._store.deadlines.get(user))
        epoch = epoch_of(raw)
        return epoch == known.epoch or epoch is None or known.epoch is None


async def _journal(topics: Reader, topic: str, stores: Mapping[int, PartitionStore]) -> int:
    """Returns how many records are a stranger's."""
    extents = await topics.extents(topic, stores)
    begin = {}
    for partition, store in stores.items():
        needed = 0 if store.mark is None else store.mark.journal_begin
        if needed > (store.journal.end or 0):  # what is kept may be void, by tombstones not read any more
            for user in list(store.journal):
                store.journal.drop(user)
        begin[partition] = max(needed, store.journal.end or 0)
        if needed > extents[partition].end:
            log.warning(
                "partition %d: %s was made anew: what was open in sessions is lost but for what is read again",
                partition,
                topic,
            )
    replays = {partition: JournalReplay(store) for partition, store in stores.items()}
    strange = 0
    async for scanned in topics.scan(topic, begin):
        for record in scanned.records:
            strange += not replays[scanned.partition].apply(record)
        await asyncio.sleep(0)
    for partition, extent in extents.items():
        stores[partition].journal.end = extent.end
    return strange
