"""Recovery of partitions: the changelog into the store, then the outbox's tail, in whole fetched batches.

Faust seam: none; runs on ``BatchConsumer.before_assigned`` with a consumer of its own, while the source topics are
already being fetched. Replaces ``faust.tables.recovery.Recovery`` (13,000 records/s, one event at a time).

A store kept from an earlier assignment is only brought up to date from where it ends. The outbox's tail, from the end
that the checkpoint's mark names, holds the documents written after the checkpoint: they become the "last written" ones,
so that a re-read event writes again exactly what differs, and a document that must go is known to be there.

What must hold for it to be right: nobody else can write to changelog and outbox any more (``BatchProducer.claim``
comes first), and nothing of the partition is processed before :func:`recover` has returned it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from streamer.engine import written
from streamer.engine.records import Record
from streamer.engine.scan import scan
from streamer.engine.store import WRITTEN, PartitionStore
from streamer.engine.table import apply_record
from streamer.errors import StateCorrupt
from streamer.events import CLAIM
from streamer.scoring import document
from streamer.settings import Settings


async def recover(settings: Settings, stores: Mapping[int, PartitionStore]) -> None:
    """Brings the stores (by partition) up to date.

    Raises:
        BrokerUnavailable: the broker does not let it be read.
        StateCorrupt, StateTooNew: the changelog holds something this worker cannot read.
    """
    topics = settings.topics
    begin = {partition: store.changelog_end for partition, store in stores.items()}
    async for scanned in scan(settings, topics.state, begin):
        store = stores[scanned.partition]
        for record in scanned.records:
            apply_record(store, record)
            store.changelog_end = record.offset + 1
        await asyncio.sleep(0)
    begin = {partition: 0 if store.mark is None else store.mark.outbox_end for partition, store in stores.items()}
    async for scanned in scan(settings, topics.avoid_lists, begin):
        for record in scanned.records:
            apply_outbox_record(stores[scanned.partition], record)
        await asyncio.sleep(0)


def apply_outbox_record(store: PartitionStore, record: Record) -> None:
    """Takes a document found in the outbox for the one last written.

    Raises:
        StateCorrupt: it is no document.
    """
    user = (record.key or b"").decode()
    if user == CLAIM:
        return
    raw = None
    if record.value is not None:
        try:
            raw = written.encode(document.decode(record.value))
        except msgspec.MsgspecError as error:
            raise StateCorrupt(f"outbox document of {user!r} at offset {record.offset}: {error}") from None
    store.put(user, WRITTEN, raw)
    store.unsaved[user] = raw
