"""In whose term the outbox is written, and what of it the state has to know.

Faust seam: none.

A topic may be made anew under its name, or lose its end in an unclean leader election: then its offsets begin again,
and whoever goes by offsets alone takes every new document for an old one. So every document says in a header in which
*term* it was written: when its worker took the partition over, ms since 1970, but always later than the term before,
which the mark remembers. Redis compares terms before offsets (``sinks/script.py``): whoever writes now wins over
whatever was written before, in this log or in one that is gone, and whoever still has that in hand.

The tail from the end that the mark names holds the documents written after the checkpoint: they become the "last
written" ones, so that a re-read event writes again exactly what differs, and a document that must go is known to be
there. A log that ends before that, or a small one in which somebody's document is missing, is another one: every
document is written to it again, also one that says that there is none any more.

What must hold for it to be right:
- That the log is another one is forgotten only when it is saved that all is to be written again (:func:`announce`).
- While a worker runs it notices by the offsets of its own acks (:func:`disown`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.records import Record
from streamer.engine.state import last_written
from streamer.engine.state.changelog import ChangelogWriter
from streamer.engine.state.position import term_of
from streamer.engine.state.store import WRITTEN, Mark, Outbox, PartitionStore, UserChange
from streamer.errors import UNREADABLE
from streamer.events import CLAIM
from streamer.scoring import document

log: Final = logging.getLogger(__name__)

_NEVER: Final = 1 << 62
"""No log ends so far on."""
_USERS: Final = 500
_DUE: Final = 0
"""A deadline that every watermark is past."""
_SMALL: Final = 2_000
"""Offsets up to which it costs nothing to read the log whole."""


async def read_tail(topics: Reader, topic: str, stores: Mapping[int, PartitionStore], now_ms: int) -> int:
    """Brings stores, which have the changelog, up to date with the outbox; returns how many strange records there are.

    Args:
        now_ms: the time, ms since 1970, for a term begins.
    """
    extents = await topics.extents(topic, stores)
    known = {p: Mark(0, 0, {}, 0) if store.mark is None else store.mark for p, store in stores.items()}
    anew = {partition for partition, mark in known.items() if extents[partition].end < mark.outbox_end}
    applied = {partition: 0 if partition in anew else mark.outbox_end for partition, mark in known.items()}
    begin = {partition: 0 if offset <= _SMALL else offset for partition, offset in applied.items()}
    terms = dict.fromkeys(stores, 0)
    there: dict[int, set[bytes]] = {partition: set() for partition in stores if begin[partition] == 0}
    strange = 0
    async for scanned in topics.scan(topic, begin):
        partition = scanned.partition
        for record in scanned.records:
            if record.offset >= applied[partition]:
                strange += not apply_record(stores[partition], record)
            terms[partition] = max(terms[partition], term_of(record.headers))
        if partition in there:
            there[partition] |= {record.key or b"" for record in scanned.records}
        await asyncio.sleep(0)
    for partition, store in stores.items():
        term = max(now_ms, known[partition].term + 1, terms[partition] + 1)
        lacks = partition in there and extents[partition].first == 0 and _lacks(store, there[partition])
        store.outbox = Outbox(term, extents[partition].end, lacks or partition in anew)
    return strange


def _lacks(store: PartitionStore, there: set[bytes]) -> bool:
    """Whether somebody's document was written, and is not in the log, which was read whole."""
    return any(
        user.encode() not in there and store.part(user, WRITTEN) not in (None, last_written.NOWHERE) for user in store
    )


def apply_record(store: PartitionStore, record: Record) -> bool:
    """Takes a document found in the outbox for the one last written; False: a stranger's record, passed over."""
    raw = None
    try:
        user = (record.key or b"").decode()
        if user != CLAIM and record.value is not None:
            raw = last_written.encode(document.decode(record.value))
    except UNREADABLE:
        return False
    if user and user != CLAIM:
        store.put(user, WRITTEN, raw)
        store.unsaved[user] = raw
    return bool(user)


async def announce(partition: int, store: PartitionStore, changelog: ChangelogWriter) -> None:
    """If the outbox is another log than before: saves that nothing is written there, and that it is another.

    Nobody else may write to the partition, and nothing of it be processed yet.
    """
    if not store.outbox.is_anew:
        return
    log.warning(
        "partition %d: the outbox is another log than before (made anew, or cut in an unclean leader election): "
        "every document is written to it again",
        partition,
    )
    written = [user for user in store if store.part(user, WRITTEN) is not None]
    gone = [user for user, raw in store.unsaved.items() if raw is None]
    changes = [_unwritten(store, user) for user in (*written, *gone)]
    for at in range(0, len(changes), _USERS):
        await changelog.write(partition, changes[at : at + _USERS])
    store.outbox = store.outbox._replace(is_anew=False)
    if store.mark is None:  # then the outbox is read whole until there is one
        return
    mark = msgspec.structs.replace(store.mark, term=store.outbox.term, outbox_end=store.outbox.end)
    end = await changelog.write_mark(partition, mark)
    if end is not None:
        store.saved(changes, end, mark)


def _unwritten(store: PartitionStore, user: str) -> UserChange:
    """The user's document is written by their next step, which is due."""
    store.put(user, WRITTEN, last_written.NOWHERE)
    store.unsaved.pop(user, None)
    store.set_deadline(user, _DUE)
    return UserChange(user, {WRITTEN: last_written.NOWHERE}, _DUE)


async def disown(partition: int, store: PartitionStore, changelog: ChangelogWriter) -> None:
    """Saves that the outbox is another log than it was, whatever its end will be when somebody looks."""
    if store.mark is not None:
        await changelog.write_mark(partition, msgspec.structs.replace(store.mark, outbox_end=_NEVER))
