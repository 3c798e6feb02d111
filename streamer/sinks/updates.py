"""What goes into the Redis writer, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from streamer.engine.kafka.records import Record
from streamer.engine.state.position import Position, term_of
from streamer.errors import UNREADABLE, StateCorrupt
from streamer.scoring.document import decode
from streamer.sinks.expiry import expires_at_ms
from streamer.sinks.markers import Span


class Update(Struct, frozen=True, gc=False):
    """One record of the outbox.

    Args:
        user_id: whose list it is.
        document: its bytes; None: a tombstone, the user has no document any more.
        offset: the record's offset.
        expires_at: when the key may go, ms since 1970; None: never. See :func:`streamer.sinks.expiry.expires_at_ms`.
        partition: the record's partition.
        term: in which it was written; see :class:`Position`.
    """

    user_id: str
    document: bytes | None
    offset: int
    expires_at: int | None = None
    partition: int = 0
    term: int = 0

    @property
    def position(self) -> Position:
        """Where it stands in the outbox."""
        return Position(self.term, self.partition, self.offset)

    @classmethod
    def of(cls, record: Record, partition: int, window_days: int) -> Update:
        """The update in a record of the outbox, whose expiry is worked out from the document.

        Args:
            window_days: how long evidence is kept, days `[window_days]`.

        Raises:
            StateCorrupt: the bytes are no document.
        """
        user_id = (record.key or b"").decode(errors="replace")
        expires_at = None
        if record.value is not None:
            try:
                expires_at = expires_at_ms(decode(record.value), window_days)
            except UNREADABLE as error:
                raise StateCorrupt(
                    f"the outbox record of user {user_id!r} at offset {record.offset} is no document ({error}):"
                    " skip it; the next change of the user's list writes a new one"
                ) from None
        return cls(user_id, record.value, record.offset, expires_at, partition, term_of(record.headers))


class Written(Struct, frozen=True, gc=False):
    """What became of a batch: every update is counted once.

    Args:
        applied: written.
        stale: passed over, because Redis has this one already, or a newer one.
        coalesced: passed over, because a newer one of the same user is in the batch.
        reserved: refused: the user id is the name of a list that others fall back to (``~all``, ``~cohort:…``).
        missing: by partition what Redis turned out to have lost before it.
    """

    applied: int = 0
    stale: int = 0
    coalesced: int = 0
    reserved: int = 0
    missing: Mapping[int, Span] = {}
