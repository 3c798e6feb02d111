"""Recovery of partitions: the changelog into the store, then the outbox's tail, in whole fetched batches.

Faust seam: none; runs on ``BatchConsumer.before_assigned`` with a consumer of its own, while the source topics are
already being fetched. Replaces ``faust.tables.recovery.Recovery`` (13,000 records/s, one event at a time).

A store kept from an earlier assignment is only brought up to date from where it ends. The outbox's tail, from the end
that the checkpoint's mark names, holds the documents written after the checkpoint: they become the "last written" ones,
so that a re-read event writes again exactly what differs, and a document that must go is known to be there.

What must hold for it to be right: nobody else writes to the changelog partition meanwhile (the group has given the
partition to this worker), and nothing of the partition is processed before :func:`recover` has returned it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamer.engine import written
from streamer.engine.records import Record
from streamer.engine.store import WRITTEN, PartitionStore
from streamer.engine.table import apply_record
from streamer.errors import StateCorrupt
from streamer.scoring import document
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

_FETCH_BYTES: Final = 8 << 20
_POLL_MS: Final = 200

Apply = Callable[[int, Record], None]


async def recover(settings: Settings, stores: Mapping[int, PartitionStore]) -> None:
    """Brings the stores (by partition) up to date.

    Raises:
        StateCorrupt, StateTooNew: the changelog holds something this worker cannot read.
    """
    async with _consumer(settings) as consumer:
        begin = {partition: store.changelog_end for partition, store in stores.items()}
        ends = await _read(
            consumer, settings.topics.state, begin, lambda partition, record: apply_record(stores[partition], record)
        )
        for partition, end in ends.items():
            stores[partition].changelog_end = end
        begin = {p: 0 if store.mark is None else store.mark.outbox_end for p, store in stores.items()}
        await _read(
            consumer,
            settings.topics.avoid_lists,
            begin,
            lambda partition, record: apply_outbox_record(stores[partition], record),
        )


def apply_outbox_record(store: PartitionStore, record: Record) -> None:
    """Takes a document found in the outbox for the one last written.

    Raises:
        StateCorrupt: it is no document.
    """
    user = (record.key or b"").decode()
    raw = None
    if record.value is not None:
        try:
            raw = written.encode(document.decode(record.value))
        except msgspec.MsgspecError as error:
            raise StateCorrupt(f"outbox document of {user!r} at offset {record.offset}: {error}") from None
    store.put(user, WRITTEN, raw)
    store.unsaved[user] = raw


@asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_POLL_MS,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topic: str, begin: Mapping[int, int], apply: Apply) -> dict[int, int]:
    """Reads partitions from where they begin to their present end; returns the ends."""
    tps = {TopicPartition(topic, partition): offset for partition, offset in begin.items()}
    consumer.assign(list(tps))
    ends = await consumer.end_offsets(list(tps))
    starts = await consumer.beginning_offsets(list(tps))
    open_tps = set()
    for tp, offset in tps.items():
        start = max(offset, starts[tp])
        consumer.seek(tp, start)
        if start < ends[tp]:
            open_tps.add(tp)
        else:
            consumer.pause(tp)
    while open_tps:
        for tp, records in (await consumer.getmany(*open_tps, timeout_ms=_POLL_MS)).items():
            for r in records:
                apply(tp.partition, Record(r.offset, r.key, r.value, r.timestamp, r.headers))
            await asyncio.sleep(0)
        for tp in list(open_tps):
            if await consumer.position(tp) >= ends[tp]:
                open_tps.discard(tp)
                consumer.pause(tp)
    return {tp.partition: end for tp, end in ends.items()}
