"""Brings a deployment's state, journal and outbox into topics with another number of partitions, while nothing runs.

Faust seam: none; Kafka cannot change in which partition a key stands.

1. Claims the old topics' partitions and the new ones: no worker can write to either any more.
2. Says in the new marks that they are unfinished, so that no worker begins with them.
3. Reads the old partitions one by one as a worker would, and writes every user to where the partitioner puts them.
4. Reads the new partitions as a worker would, and compares every user with what was read in 3.
5. Writes the marks that let workers begin, partition 0 last, by which workers of the others go (``ownership.py``).

What must hold for it to be right:
- It may end anywhere and be run again: what is written is the same again, what an earlier run wrote that is no longer
  so is deleted, and of the journal only what this run has written counts.
- The old topics stay as they are, but for claims.
- Documents are written in a term after all others, so Redis takes them from wherever it had the users' before.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.engine.state import ownership
from streamer.engine.state.belongings import Belongings, belongings_in, merged
from streamer.engine.state.changelog import ChangelogWriter
from streamer.engine.state.leftovers import Leftovers, leftovers_in
from streamer.engine.state.recovery import recover_from
from streamer.engine.state.store import MARK_VERSION, Mark, MemoryStore
from streamer.engine.state.untold import Untold
from streamer.errors import StateCorrupt, StateForeign
from streamer.events import CLAIM
from streamer.partitioning import partition_of
from streamer.settings import Settings, Topics

log: Final = logging.getLogger(__name__)

_USERS: Final = 500
_NAMED: Final = 5


class Done(NamedTuple):
    """What was brought over.

    Attributes:
        users: with anything kept of them.
        documents: of them.
        left: users of whom something stood in a partition that is not theirs, from before this was rejected, and was
            left behind, as they have their own.
    """

    users: int
    documents: int
    left: int


class Repartition:
    """One run.

    Args:
        topics: reads both deployments' topics.
        producer: writes; started.
        old: settings of the deployment as it is.
        new: as it is to be; its topics exist.
        now_ms: the time, ms since 1970.
        told: of what is being done, and how many partitions of how many are.
        also: what else is to be done before workers may begin, given what of each old partition the population may
            not have been told.
    """

    def __init__(
        self,
        topics: Reader,
        producer: BatchProducer,
        old: Settings,
        new: Settings,
        now_ms: int,
        told: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
        also: Callable[[Mapping[int, Untold]], Awaitable[object]] | None = None,
    ) -> None:
        self._topics = topics
        self._producer = producer
        self._changelog = ChangelogWriter(producer, new.topics.state)
        self._old = old
        self._new = new
        self._now_ms = now_ms
        self._told = told
        self._also = also
        self._digests: dict[str, bytes] = {}
        self._documents = 0
        self._untold: dict[int, Untold] = {}

    async def run(self) -> Done | None:
        """Does it; None: it was done before.

        Raises:
            StateForeign: the old state, or the new topics, are another deployment's; nothing was written.
            StateCorrupt: what was written reads otherwise.
        """
        if await self._is_done(await self._old_marks()):
            return None
        for settings in (self._old, self._new):
            names = settings.topics
            await self._producer.claim(range(settings.partitions), (names.state, names.journal, names.avoid_lists))
        marks = await self._old_marks()  # nobody changes them any more
        begun = await self._begin(marks)
        left = await self._copy(begun[0].term, await leftovers_in(self._topics, self._new))
        ends = await self._ends(self._new.topics.avoid_lists)
        ready = {p: replace(mark, outbox_end=ends[p]) for p, mark in begun.items()}
        await self._write_marks(ready)
        users = len(self._digests)
        await self._verify()
        if self._also is not None:
            await self._also(self._untold)
        await self._write_marks({p: replace(mark, group=self._new.group) for p, mark in ready.items()})
        return Done(users, self._documents, left)

    # --- whose it is --------------------------------------------------------------------------------------------

    async def _old_marks(self) -> dict[int, Mark]:
        names, partitions = self._old.topics, range(self._old.partitions)
        marks = await ownership.newest_marks(self._topics, names.state, partitions)
        ownership.hold_to(self._old, marks.values())
        if not marks:
            raise StateForeign(f"{names.state} holds no state yet: just make the topics with other partitions")
        return marks

    async def _is_done(self, old_marks: Mapping[int, Mark]) -> bool:
        """Whether the new topics hold what comes from the old ones.

        Raises:
            StateForeign: they hold something else, or what came from them before they went on.
        """
        names, partitions = self._new.topics, range(self._new.partitions)
        marks = await ownership.newest_marks(self._topics, names.state, partitions)
        origin = _origin(self._old, old_marks)
        if marks and all(mark.lineage.startswith(origin) for mark in marks.values()):
            if len(marks) < len(partitions) or ownership.UNFINISHED in {mark.group for mark in marks.values()}:
                return False
            written = min(int(mark.lineage.removeprefix(origin)) for mark in marks.values())
            if any(mark.term > written for mark in old_marks.values()):
                raise StateForeign(
                    f"{names.state} was made of {self._old.topics.state}, whose workers have gone on since: choose "
                    "another prefix"
                )
            return True
        if marks or any([await self._has_records(topic) for topic in (names.state, names.journal, names.avoid_lists)]):
            raise StateForeign(
                f"{names.state} already belongs to a deployment, and not to one made of this state by repartition: "
                "choose a prefix of which there are no topics yet"
            )
        return False

    async def _has_records(self, topic: str) -> bool:
        async for scanned in self._topics.scan(topic, dict.fromkeys(range(self._new.partitions), 0)):
            if any(record.key != CLAIM.encode() for record in scanned.records):
                return True
        return False

    # --- marks ----------------------------------------------------------------------------------------------------

    async def _begin(self, marks: Mapping[int, Mark]) -> dict[int, Mark]:
        """Says that the new topics' state is unfinished; gives the marks, but for the outbox's end."""
        term = max(self._now_ms, *(mark.term + 1 for mark in marks.values()))
        origin, count = _origin(self._old, marks), self._new.partitions
        blank = Mark(MARK_VERSION, 0, {}, 0, 0, f"{origin}{term}", 0, count, ownership.UNFINISHED, term=term)
        base = merged(marks.values(), blank)
        ends = await self._ends(self._new.topics.journal)
        begun = {partition: replace(base, journal_begin=end) for partition, end in ends.items()}
        await self._write_marks(begun)
        return begun

    async def _write_marks(self, marks: Mapping[int, Mark]) -> None:
        for partition in sorted(marks, reverse=True):
            await self._changelog.write_mark(partition, marks[partition])

    async def _ends(self, topic: str) -> dict[int, int]:
        extents = await self._topics.extents(topic, range(self._new.partitions))
        return {partition: extent.end for partition, extent in extents.items()}

    # --- users ----------------------------------------------------------------------------------------------------

    async def _copy(self, term: int, there: Leftovers) -> int:
        """Writes everybody; returns how many users' strays were left behind."""
        old = self._old
        strays: list[Belongings] = []
        for partition in range(old.partitions):
            self._told("partitions copied", partition, old.partitions)
            at_home: list[Belongings] = []
            users, self._untold[partition] = await self._read(old.topics, partition)
            for each in users:
                is_home = partition_of(each.user, old.partitions, old.partitioner) == partition
                (at_home if is_home else strays).append(each)
            await self._write(at_home, term, there)
        self._told("partitions copied", old.partitions, old.partitions)
        left: list[str] = []
        for each in sorted(strays, key=lambda each: each.is_erasure_alone):
            if each.user not in self._digests:
                await self._write([each], term, there)
            elif not each.is_erasure_alone:
                left.append(each.user)
        if left:
            log.warning(
                "of %d users something stands in partitions that are not theirs, and is left behind: %s%s",
                len(left),
                ", ".join(map(repr, left[:_NAMED])),
                " …" if len(left) > _NAMED else "",
            )
        await self._delete(there)
        return len(left)

    async def _read(self, names: Topics, partition: int) -> tuple[list[Belongings], Untold]:
        """Everybody in a partition, as a worker would know them, and what the population may not have been told."""
        store = MemoryStore()
        await recover_from(self._topics, names, {partition: store})
        outbox: dict[str, bytes | None] = {}
        async for scanned in self._topics.scan(names.avoid_lists, {partition: 0}):
            for record in scanned.records:
                user = (record.key or b"").decode(errors="replace")
                if user not in ("", CLAIM):
                    outbox[user] = record.value
        return list(belongings_in(store, outbox)), store.untold

    async def _write(self, users: Sequence[Belongings], term: int, there: Leftovers) -> None:
        by_partition: defaultdict[int, list[Belongings]] = defaultdict(list)
        for each in users:
            by_partition[self._home(each.user)].append(each)
            self._digests[each.user] = each.digest
            self._documents += any(each.documents)
        for partition, ours in by_partition.items():
            for at in range(0, len(ours), _USERS):
                some = ours[at : at + _USERS]
                await self._changelog.write(partition, [each.change(there.parts.pop(each.user, ())) for each in some])
                await self._append(self._new.topics.journal, partition, (each.journal_records() for each in some))
                await self._append(
                    self._new.topics.avoid_lists, partition, (each.outbox_records(term) for each in some)
                )
        there.documents.difference_update(each.user for each in users if each.documents)

    async def _append(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> None:
        for sent in await self._producer.send(topic, partition, [group for group in groups if group]):
            await sent.end()

    def _home(self, user: str) -> int:
        return partition_of(user, self._new.partitions, self._new.partitioner)

    # --- what an earlier run wrote ------------------------------------------------------------------------------

    async def _delete(self, there: Leftovers) -> None:
        """What an earlier run has written and is no longer so."""
        for user, names in there.parts.items():
            gone = Belongings(user, {}, None, [], [])
            await self._changelog.write(self._home(user), [gone.change(names)])
        for user in there.documents:
            await self._append(self._new.topics.avoid_lists, self._home(user), [[NewRecord(user.encode(), None)]])

    # --- read back ------------------------------------------------------------------------------------------------

    async def _verify(self) -> None:
        new, wrong = self._new, []
        for partition in range(new.partitions):
            self._told("partitions read back", partition, new.partitions)
            users, _ = await self._read(new.topics, partition)
            for each in users:
                expected = self._digests.pop(each.user, None)
                if each.digest != expected and not (expected is None and each.is_gone):
                    wrong.append(each.user)
        self._told("partitions read back", new.partitions, new.partitions)
        wrong += self._digests
        if wrong:
            raise StateCorrupt(
                f"{len(wrong)} users read back otherwise than they were written, {wrong[0]!r} for one: nothing else "
                f"may write to topics that begin with {new.topic_prefix!r}; then run the command again"
            )


def _origin(old: Settings, marks: Mapping[int, Mark]) -> str:
    """How the lineage of state begins that is made of this one; then comes the term."""
    lineages = [marks[partition].lineage for partition in sorted(marks)]
    return hashlib.blake2b("/".join([old.topics.state, *lineages]).encode(), digest_size=8).hexdigest() + "-"
