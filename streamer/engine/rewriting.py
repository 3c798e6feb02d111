"""Writes a partition's state to its changelog again, after somebody has deleted the changelog's beginning.

Faust seam: none; Faust's tables lose without a word what a truncated changelog had of them, as soon as the local store
is lost too.

A changelog is only compacted, so its beginning moves only if somebody deletes records (DeleteRecords, or a retention
by time set for a while). Users whose last records went then live in the local store alone. So the mark says where the
changelog began when it was last known to be whole (``Mark.changelog_begin``); if it begins later now, everything in the
store is written again.

What must hold for it to be right:
- The store is what the changelog had before it was cut (``engine/recovery.py`` gives up one that is not), and nobody
  else writes to the partition: no checkpoint, no other worker.
- The new beginning is saved after all users are: a crash before that only makes it be done again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from streamer.engine.store import PartitionStore, UserChange
from streamer.engine.table import ChangelogWriter

log: Final = logging.getLogger(__name__)

_USERS: Final = 500
"""Users taken at a time, so that a store on disk need not fit into memory."""


async def rewrite(partition: int, store: PartitionStore, changelog: ChangelogWriter, begin: int) -> None:
    """Makes the changelog whole again.

    Args:
        partition: whose changelog and store it is.
        store: brought up to date.
        changelog: where to.
        begin: the offset at which the changelog begins now.
    """
    log.warning(
        "partition %d: somebody has deleted the changelog's records before offset %d: all %d users are written to it "
        "again from the local state",
        partition,
        begin,
        len(store),
    )
    users = list(store)
    for at in range(0, len(users), _USERS):
        await changelog.write(partition, _whole(store, users[at : at + _USERS]))
    store.changelog_begin = begin
    if store.mark is not None:
        mark = msgspec.structs.replace(store.mark, changelog_begin=begin)
        end = await changelog.write_mark(partition, mark)
        if end is not None:
            store.saved((), end, mark)


def _whole(store: PartitionStore, users: Sequence[str]) -> list[UserChange]:
    return [UserChange(user, dict(store.parts(user)), store.deadlines.get(user)) for user in users]
