"""What goes into the Redis writer, and what it reports."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from streamer.errors import StateCorrupt
from streamer.scoring.document import decode
from streamer.sinks.expiry import expires_at_ms


class Update(Struct, frozen=True, gc=False):
    """One record of the outbox.

    Args:
        user_id: whose list it is.
        document: its bytes; None: a tombstone, the user has no document any more.
        offset: the record's offset. All of a user's records are in one partition, so offsets order them.
        expires_at: when the key may go, ms since 1970; None: never. See :func:`streamer.sinks.expiry.expires_at_ms`.
    """

    user_id: str
    document: bytes | None
    offset: int
    expires_at: int | None = None

    @classmethod
    def of(cls, user_id: str, document: bytes | None, offset: int, window_days: int) -> Update:
        """An update whose expiry is worked out from the document.

        Args:
            window_days: how long evidence is kept, days `[window_days]`.

        Raises:
            StateCorrupt: the bytes are no document.
        """
        if document is None:
            return cls(user_id, None, offset)
        try:
            decoded = decode(document)
        except msgspec.DecodeError as error:
            raise StateCorrupt(
                f"the outbox record of user {user_id!r} at offset {offset} is no document ({error}):"
                " skip it; the next change of the user's list writes a new one"
            ) from None
        return cls(user_id, document, offset, expires_at_ms(decoded, window_days))


class Written(Struct, frozen=True, gc=False):
    """What became of a batch: every update is counted once.

    Args:
        applied: written.
        stale: passed over, because Redis has this one already, or a newer one.
        coalesced: passed over, because a newer one of the same user is in the batch.
        reserved: refused: the user id is the name of a list that others fall back to (``~all``, ``~cohort:…``).
    """

    applied: int = 0
    stale: int = 0
    coalesced: int = 0
    reserved: int = 0
