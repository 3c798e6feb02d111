"""What of statements is newer than an erasure: all else of them goes (spec §5, Erasure)."""

from __future__ import annotations

from msgspec.structs import replace

from streamer.events import DAY_MS
from streamer.profile.explicit.records import Acts, ExplicitRecord, ItemKeys, SessionRecord


def newer_part(part: SessionRecord, until: int) -> SessionRecord | None:
    """What one session holds of a record from after a time (ms); None: nothing."""
    left = SessionRecord(
        _newer_acts(part.acts, until),
        _newer(part.undo, until),
        _newer_keys(part.keys, until),
        [said for said in part.statements if said.ts > until],
        _newer(part.tags_left_out, until),
        _newer(part.creator_left_out, until),
    )
    return None if max(left.undo, left.acts.newest()) < 0 else left


def newer_record(record: ExplicitRecord, until: int) -> ExplicitRecord | None:
    """What a record holds from after a time (ms); None: nothing.

    What it has contributed to a day that goes cannot be taken back any more.
    """
    contributed = record.contributed
    if contributed is not None and contributed.day <= until // DAY_MS:
        contributed = None
    left = ExplicitRecord(
        _newer_acts(record.sealed, until),
        _newer_acts(record.late, until),
        _newer(record.undo, until),
        _newer_keys(record.keys, until),
        contributed,
    )
    return None if left.newest < 0 else left


def without_items(part: SessionRecord, gone: frozenset[str]) -> SessionRecord:
    """The same statements, but that those which name one of these contents name none."""
    part.statements = [replace(said, content_id="") if said.content_id in gone else said for said in part.statements]
    return part


def _newer(ts: int, until: int) -> int:
    return ts if ts > until else -1


def _newer_acts(acts: Acts, until: int) -> Acts:
    def newer(times: dict[str, int]) -> dict[str, int]:
        return {name: ts for name, ts in times.items() if ts > until}

    left = Acts(newer(acts.acted), purchases=newer(acts.purchases), returns=newer(acts.returns))
    if acts.rating_at > until:
        left.rating, left.rating_at, left.rating_positive = acts.rating, acts.rating_at, acts.rating_positive
    return left


def _newer_keys(keys: ItemKeys, until: int) -> ItemKeys:
    left = ItemKeys()
    if keys.tags_at > until:
        left.tags, left.tags_at = keys.tags, keys.tags_at
    if keys.creator_at > until:
        left.creator, left.creator_at = keys.creator, keys.creator_at
    return left
