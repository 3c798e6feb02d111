"""Open sessions as version 1 stored them: interactions held feedback too, and alone knew by which a follow was made.

Nor did records tell when an event last left out the item's keys: that the newest did is known, if it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from streamer.profile.saved_sessions import JournalEntry

_FEEDBACK: Final = 21
"""Where an interaction held it: an array, of which the first is the newest ts by kind."""


def upgrade(entries: Sequence[tuple[bytes, JournalEntry]]) -> None:
    """Makes the statements of follows name their content, in all entries of a journal: bytes, and what they hold.

    An interaction told when it was last followed by, which is the ts of a statement of its session.
    """
    named: dict[tuple[int, int], set[str]] = {}
    for raw, _ in entries:
        for number, content_id, ts in _follows(raw):
            named.setdefault((number, ts), set()).add(content_id)
    for _, entry in entries:
        for part in entry.parts:
            for item in part.items:
                item.former = None
            for key, record in part.records.items():
                newest = max(record.undo, record.acts.newest())
                record.tags_left_out = newest if newest > record.keys.tags_at else -1
                record.creator_left_out = newest if newest > record.keys.creator_at else -1
                if key.family == "follow":
                    record.statements = [
                        replace(said, content_id=content_id)
                        for said in record.statements
                        for content_id in sorted(named.get((part.number, said.ts), {""}))
                    ]


def _follows(raw: bytes) -> Iterable[tuple[int, str, int]]:
    """Session, content and ts of the follows that interactions held."""
    _, (_, parts) = msgspec.msgpack.decode(raw)
    for part in parts:
        for item in part[8]:
            if len(item) > _FEEDBACK and item[_FEEDBACK] is not None:
                ts = item[_FEEDBACK][0].get("follow")
                if ts is not None:
                    yield part[0], item[0], ts
