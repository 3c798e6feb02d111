"""Checkpoints: what changed goes to the changelog as record batches, and only then may the source be committed.

Faust seam: none. Replaces the commit order of ``faust.Table``, whose changelog is written whenever something is set.

A checkpoint, after Quix Streams' ``checkpointing/checkpoint.py``; a crash between any two steps is harmless::

    1. take what changed and how far the source is processed      (in memory, at one instant)
    2. wait for the broker's acks of all output written before,   (before 4: what the state takes for written would be
       and tell the population what the checkpoint before          lost in a crash, and what users change in its sums
       changed in its sums                                         is in the records that 4 replaces)
    3. append to the journal what changed in open sessions, and   (before 4: an erasure is never saved before what voids
       tombstones of users whose earlier records are void; wait    the user's records, which would live again)
    4. write the changes, all parts of a user in one batch; wait  (a tile never without its frontier)
    5. write the mark: watermark, the outbox's end, where the     (after 3 and 4: a watermark is never saved before the
       journal begins; wait                                        events up to it, nor are records of the journal given
                                                                   up before what replaces them is saved)
    6. the local store takes what the broker has                  (after 5: on disk it is never ahead)
    7. tell the consumer up to where the source is saved, which   (after 5: what is committed is not read again)
       Faust commits

What must hold for it to be right: a crash after 3, 4, 5 or 6 makes events be read again into a state that contains them
already, which changes nothing (I1, I3). ``tests/unit/engine/test_crashes.py`` tries a crash after every single write of
this code, and that of every two steps whose order matters the wrong order is caught.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from streamer.engine.state.changelog import ChangelogWriter, JournalWriter
from streamer.engine.state.store import Mark, PartitionStore, UserChange


class Taken(NamedTuple):
    """What a checkpoint saves of a partition: all of one instant.

    Attributes:
        store: the partition's, which has the changes already.
        changes: of its users.
        mark: how far it has come, but for where outbox and journal stand.
        journal_begin: where the journal begins that is still needed; None: with what the changes append to it.
        outputs: waits for the broker's acks of what was written before; gives the outbox's end.
        saved: told that the source is saved as far as it was processed then.
        refused: told of changes that the changelog does not take, for their size.
    """

    store: PartitionStore
    changes: Sequence[UserChange]
    mark: Mark
    journal_begin: int | None
    outputs: Callable[[], Awaitable[int]]
    saved: Callable[[], None]
    refused: Callable[[Sequence[UserChange]], None]


class Checkpoint:
    """One checkpoint of one partition. No other of this partition may be under way.

    Args:
        partition: its number.
        take: step 1; gives None if the partition must not be saved now.
        changelog: where changes and mark go.
        journal: where open sessions go.
    """

    def __init__(
        self,
        partition: int,
        take: Callable[[], Awaitable[Taken | None]],
        changelog: ChangelogWriter,
        journal: JournalWriter,
    ) -> None:
        self._partition = partition
        self._take = take
        self._changelog = changelog
        self._journal = journal
        self._changelog_end: int | None = None

    async def run(self) -> Taken | None:
        """Does all steps; gives what is saved now, or None."""
        taken = await self._take()  # 1
        if taken is None:
            return None
        self._begin(taken)
        await self._settle_outputs()  # 2
        await self._append_journal()  # 3
        await self._append_changes()  # 4
        await self._append_mark()  # 5
        self._write_locally()  # 6
        self._let_commit()  # 7
        return taken

    def _begin(self, taken: Taken) -> None:
        self._taken = taken
        self._store = taken.store
        self._mark = msgspec.structs.replace(taken.mark, changelog_begin=taken.store.changelog_begin)

    async def _settle_outputs(self) -> None:
        end = await self._taken.outputs()
        self._mark = msgspec.structs.replace(self._mark, outbox_end=end, term=self._store.outbox.term)

    async def _append_journal(self) -> None:
        journal, begin = self._store.journal, self._taken.journal_begin
        placed, end = await self._journal.write(self._partition, self._taken.changes)
        if end is None:  # the topic took none of it
            placed = [each._replace(offset=journal.end or 0) for each in placed]
        else:
            journal.end = end
        for user, offset in placed:
            journal.place(user, offset)
        if begin is None:
            begin = placed[0].offset if placed else journal.end or 0
        self._mark = msgspec.structs.replace(self._mark, journal_begin=begin)

    async def _append_changes(self) -> None:
        self._changelog_end, refused = await self._changelog.write(self._partition, self._taken.changes)
        if refused:
            self._taken.refused(refused)

    async def _append_mark(self) -> None:
        if self._mark != self._store.mark:
            self._changelog_end = await self._changelog.write_mark(self._partition, self._mark)

    def _write_locally(self) -> None:
        if self._changelog_end is not None:  # something was written
            self._store.saved(self._taken.changes, self._changelog_end, self._mark)

    def _let_commit(self) -> None:
        self._taken.saved()
