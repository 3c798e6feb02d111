"""Open sessions as they are saved: a snapshot, then only what changes.

A user's open sessions are saved whole when a session seals, together with the head and the tile (part ``s``): that
begins an *epoch*. After that a checkpoint writes an entry with the interactions that changed since the last one, and
nothing else. An entry holds whole interactions, newer ones replace older ones, so applying entries in order to the
snapshot of their epoch gives the sessions; those of another epoch are void.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from streamer.profile.explicit.records import RecordKey, SessionRecord
from streamer.profile.positions import session_kind
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.signals.interaction import Interaction


class Part(Struct, array_like=True, gc=False):
    """What changed in one session.

    ``absorbed``: numbers of the sessions that turned out to be part of it. ``positions``: where those of ``items``
    stood, if labels are on.
    """

    number: int
    session_id: str | None
    day: int
    start: int
    last: int
    cohort: str | None
    cohort_at: int
    absorbed: list[int]
    items: list[Interaction]
    records: dict[RecordKey, SessionRecord]
    positions: dict[str, int] | None = None


class JournalEntry(Struct, array_like=True, gc=False):
    """What changed in a user's open sessions; a snapshot if it is all there is to know of them."""

    epoch: int
    parts: list[Part]


def snapshot(epoch: int, sessions: Iterable[Session]) -> JournalEntry:
    """All of the sessions; nothing of them is unsaved then."""
    return JournalEntry(
        epoch, [_saved(session, list(session.interactions.values()), session.records) for session in sessions]
    )


def increment(epoch: int, sessions: Iterable[Session]) -> JournalEntry:
    """What changed in the sessions since they were last saved; nothing of them is unsaved then."""
    return JournalEntry(epoch, [_changed_in(session) for session in sessions])


def whole(epoch: int, sessions: Iterable[Session], next_number: int) -> JournalEntry:
    """What stands for all entries of an epoch, and for its snapshot, so far: everything of its sessions is saved.

    Args:
        epoch: theirs.
        sessions: as they are.
        next_number: of the epoch's next session; the lesser numbers that none of these has were absorbed.
    """
    entry = snapshot(epoch, sessions)
    alive = {part.number for part in entry.parts}
    if entry.parts:
        entry.parts[0].absorbed = [number for number in range(next_number) if number not in alive]
    return entry


def _changed_in(session: Session) -> Part:
    interactions, names = session.interactions, session.changed
    items = [interactions[content_id] for content_id in (sorted(names) if len(names) > 1 else names)]
    records = {key: session.records[key] for key in sorted(session.changed_records)} if session.changed_records else {}
    return _saved(session, items, records)


def restored(epoch: int, entries: Iterable[JournalEntry], rules: Rules) -> list[Session]:
    """The open sessions that a snapshot and what follows it describe, in seal order.

    Args:
        epoch: that of the head; other entries are void.
        entries: as they were saved, oldest first.
        rules: the deployment's constants.
    """
    sessions: dict[int, Session] = {}
    for entry in entries:
        if entry.epoch == epoch:
            for part in entry.parts:
                _apply(sessions, part, rules)
    return sorted(sessions.values(), key=lambda session: session.seal_order)


def _saved(session: Session, items: list[Interaction], records: dict[RecordKey, SessionRecord]) -> Part:
    part = Part(
        session.number,
        session.session_id,
        session.day,
        session.start,
        session.last,
        session.cohort,
        session.cohort_at,
        session.absorbed,
        items,
        records,
        session.positions_of(item.content_id for item in items),
    )
    session.dirty = False
    session.changed.clear()
    if session.changed_records:
        session.changed_records.clear()
    if session.absorbed:
        session.absorbed = []
    return part


def _apply(sessions: dict[int, Session], part: Part, rules: Rules) -> None:
    session = sessions.get(part.number)
    if session is None:
        session = session_kind(rules)(part.number, part.session_id, part.day, part.start, part.last)
        sessions[part.number] = session
    session.start, session.last = part.start, part.last
    session.cohort, session.cohort_at = part.cohort, part.cohort_at
    for number in part.absorbed:
        sessions.pop(number, None)
    for item in part.items:
        session.interactions[item.content_id] = item
    session.records.update(part.records)
    session.said = None
    if part.positions is not None:
        session.take_positions(part.positions)
    session.bound(rules)
