"""Writes a partition's state to its changelog again, after somebody has deleted the changelog's beginning.

Faust seam: none; Faust's tables lose without a word what a truncated changelog had of them, as soon as the local store
is lost too.

A changelog is only compacted, so its beginning moves only if somebody deletes records (DeleteRecords, or a retention
by time set for a while; the embedded broker does it by itself). Users whose last records went then live in the local
store alone. So the mark says from which offset on the changelog has the whole state (``Mark.changelog_begin``); if it
begins later now, everything in the store is written again, and the whole state is what follows.

What must hold for it to be right:
- The store is what the changelog had before it was cut (``engine/state/recovery.py`` gives up one that is not), and
  nobody else writes to the partition: no checkpoint, no other worker.
- Users whose erasure no checkpoint has saved yet are left out: their store has the mark of it already, and with that
  mark in the changelog but no tombstones, a crash would leave their data there and pass the erasure over.
- The new beginning is saved after all users are: a crash before that only makes it be done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable
from typing import Final

import msgspec

from streamer.engine.state.changelog import ChangelogWriter
from streamer.engine.state.store import PartitionStore, UserChange

log: Final = logging.getLogger(__name__)

_USERS: Final = 500
"""Users taken at a time, so that a store on disk need not fit into memory."""


async def rewrite(
    partition: int,
    store: PartitionStore,
    changelog: ChangelogWriter,
    begin: int,
    erasing: Container[str] = (),
    is_leaving: Callable[[], bool] = lambda: False,
) -> None:
    """Makes the changelog whole again.

    Args:
        partition: whose changelog and store it is.
        store: brought up to date.
        changelog: where to.
        begin: the offset at which the changelog begins now.
        erasing: users whose erasure is not saved yet; may change meanwhile.
        is_leaving: the partition goes, and must not wait for this: whoever gets it begins again.
    """
    log.warning(
        "partition %d: somebody has deleted the changelog's records before offset %d: all %d users are written to it "
        "again from the local state",
        partition,
        begin,
        len(store),
    )
    whole_from = max(begin, store.changelog_end)
    users = list(store)
    for at in range(0, len(users), _USERS):
        if is_leaving():
            return
        saved = (user for user in users[at : at + _USERS] if user not in erasing)
        await changelog.write(partition, _whole(store, saved))  # it tells of users that are too large for it
    store.changelog_begin = whole_from
    if store.mark is not None:
        mark = msgspec.structs.replace(store.mark, changelog_begin=whole_from)
        end = await changelog.write_mark(partition, mark)
        if end is not None:
            store.saved((), end, mark)


def _whole(store: PartitionStore, users: Iterable[str]) -> list[UserChange]:
    return [UserChange(user, dict(store.parts(user)), store.deadlines.get(user)) for user in users]
