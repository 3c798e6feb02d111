"""All that a deployment keeps of one user, whatever partition it is in, and the mark of a partition made of others.

Faust seam: none; no I/O.

What must hold for it to be right: users' belongings with equal digests are the same to a worker that recovers them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.state.changelog import journal_of
from streamer.engine.state.position import TERM
from streamer.engine.state.store import ERASED, Mark, PartitionStore, UserChange

_encoder: Final = msgspec.msgpack.Encoder(order="sorted")


class Belongings(NamedTuple):
    """What is kept of a user.

    Attributes:
        user: whose.
        parts: of the state.
        deadline: the user's, ms of event time; None: time alone changes nothing.
        journal: records of open sessions, oldest first.
        documents: the newest of the outbox, None in it being a tombstone; empty: there is none.
    """

    user: str
    parts: Mapping[str, bytes]
    deadline: int | None
    journal: Sequence[bytes]
    documents: Sequence[bytes | None]

    @property
    def digest(self) -> bytes:
        """16 bytes that differ if anything does.

        >>> ann = Belongings("ann", {"h": b"1", "t20000": b"2"}, 5, [], [])
        >>> ann.digest == ann._replace(parts={"t20000": b"2", "h": b"1"}).digest
        True
        >>> ann.digest == ann._replace(documents=[None]).digest
        False
        """
        return hashlib.blake2b(_encoder.encode(tuple(self)), digest_size=16).digest()

    @property
    def is_gone(self) -> bool:
        """There is nothing, but for a tombstone."""
        return not (self.parts or self.journal or any(self.documents))

    @property
    def is_erasure_alone(self) -> bool:
        """There is nothing but what an erasure leaves, which it does in every partition."""
        return self.parts.keys() <= {ERASED} and not self.journal and not any(self.documents)

    def change(self, before: Collection[str] = ()) -> UserChange:
        """What makes this of a user's state in the changelog.

        Args:
            before: names of parts that may be there.
        """
        return UserChange(self.user, dict.fromkeys(before) | dict(self.parts), self.deadline)

    def journal_records(self) -> list[NewRecord]:
        """The records for the journal."""
        return [entry for raw in self.journal for entry in journal_of(UserChange(self.user, {}, self.deadline, raw))]

    def outbox_records(self, term: int) -> list[NewRecord]:
        """The records for the outbox, written in this term."""
        headers = [(TERM, str(term).encode())]
        return [NewRecord(self.user.encode(), document, headers) for document in self.documents]


def belongings_in(store: PartitionStore, outbox: Mapping[str, bytes | None]) -> Iterator[Belongings]:
    """Every user's belongings in a partition, given its store, recovered, and the newest documents of its outbox."""
    for user in store:
        documents = [outbox[user]] if user in outbox else []
        yield Belongings(user, store.parts(user), store.deadlines.get(user), store.journal.records(user), documents)
    known = set(store)
    for user, document in outbox.items():
        if user not in known:
            yield Belongings(user, {}, None, [], [document])


def merged(marks: Iterable[Mark], into: Mark) -> Mark:
    """The mark of a partition that has users of several: time is only as far as in the one that is furthest behind.

    Args:
        marks: theirs, one at least.
        into: all else that it says.

    >>> one, other = Mark(2, 7, {"plays": 5}, 0), Mark(2, 4, {"plays": 9}, 0)
    >>> of_both = merged([one, other], Mark(2, 0, {}, 3, partitions=6))
    >>> of_both.watermark, of_both.newest, of_both.outbox_end, of_both.partitions
    (4, {'plays': 5}, 3, 6)
    """
    found = list(marks)
    newest = {topic: min(mark.newest.get(topic, -1) for mark in found) for mark in found for topic in mark.newest}
    return msgspec.structs.replace(into, watermark=min(mark.watermark for mark in found), newest=newest)
