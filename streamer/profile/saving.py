"""How a user's state is saved and loaded again: named parts, and a journal of what changes in open sessions.

Parts are ``h`` (head), ``t<day>`` (tiles) and ``s`` (open sessions at the epoch's beginning). While sessions are open,
only journal entries are written. A seal, an erasure, or a journal grown long begins a new epoch
(``profile/saved_sessions.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from streamer.errors import StateCorrupt
from streamer.profile import codec
from streamer.profile.saved_sessions import increment, restored, snapshot, whole
from streamer.profile.state import JOURNAL_BYTES, State


class Changes(NamedTuple):
    """What there is to save of a user.

    Parts must be stored together or not at all: a tile without the frontier that says it is included would be counted
    twice.

    Attributes:
        parts: those that changed: name -> bytes, None: delete it.
        journal: what changed in the open sessions, to be added to the user's journal; None: nothing.
        fresh: the parts begin a new epoch, earlier journal entries are void.
    """

    parts: dict[str, bytes | None]
    journal: bytes | None
    fresh: bool


def take_changes(state: State) -> Changes:
    """What changed since the last call."""
    unsaved = state.unsaved
    parts: dict[str, bytes | None] = {}
    for day in sorted(unsaved.days):
        tile = state.rollup.tiles.get(day)
        parts[f"t{day}"] = None if tile is None else codec.TILE.encode(tile)
    unsaved.days.clear()
    changed = [session for session in state.sessions if session.dirty]
    fresh = unsaved.new_epoch or (bool(changed) and unsaved.journal_room < 0)
    journal = None
    if fresh:
        _begin_epoch(state, parts)
    elif changed:
        journal = codec.JOURNAL.encode(increment(unsaved.epoch, changed))
        unsaved.journal_room -= len(journal)
    if unsaved.head:
        parts["h"] = None if state.empty else codec.HEAD.encode(_head(state))
    unsaved.new_epoch = unsaved.head = False
    return Changes(parts, journal, fresh)


def open_sessions(state: State) -> bytes:
    """A journal entry that says as much as all entries of a saved profile's epoch together."""
    return codec.JOURNAL.encode(whole(state.unsaved.epoch, state.sessions, state.unsaved.next_number))


def _begin_epoch(state: State, parts: dict[str, bytes | None]) -> None:
    unsaved = state.unsaved
    unsaved.epoch = 0 if state.empty else unsaved.epoch + 1
    unsaved.head = True
    for number, session in enumerate(state.sessions):
        session.number = number
        session.absorbed = []  # their numbers are another session's now, or its own
    unsaved.next_number = len(state.sessions)
    saved = codec.JOURNAL.encode(snapshot(unsaved.epoch, state.sessions)) if state.sessions else None
    if saved is not None or unsaved.has_snapshot:
        parts["s"] = saved
    unsaved.has_snapshot = saved is not None
    unsaved.journal_room = max(JOURNAL_BYTES, len(saved or b""))


def _head(state: State) -> codec.Head:
    epoch, days = state.unsaved.epoch, sorted(state.rollup.tiles)
    sealed = (state.frontier, state.cohort, state.cohort_at, days, state.listed, state.records, state.judged_by)
    return codec.Head(epoch, *sealed, counted=state.counted)


def load(
    state: State,
    head: bytes | None,
    sessions: bytes | None,
    journal: Sequence[bytes],
    tile: Callable[[int], bytes | None],
) -> None:
    """Fills a new state from stored parts; see :meth:`streamer.profile.profile.Profile.load`."""
    unsaved = state.unsaved
    if head is not None:
        body = codec.HEAD.decode(head)
        unsaved.epoch = body.epoch
        state.frontier, state.judged_by = body.frontier, body.population
        state.cohort, state.cohort_at = body.cohort, body.cohort_at
        state.counted = body.counted
        state.listed.update(body.listed)
        state.records = body.records
        tiles = []
        for day in body.days:
            raw = tile(day)
            if raw is None:
                raise StateCorrupt(f"user {state.user_id!r}: the tile of day {day} is missing: erase the user")
            tiles.append(codec.TILE.decode(raw))
        state.count(tiles)
    saved = journal if sessions is None else [sessions, *journal]
    entries = codec.journal(saved)
    state.sessions = restored(unsaved.epoch, entries, state.rules)
    unsaved.next_number = 1 + max((part.number for entry in entries for part in entry.parts), default=-1)
    unsaved.has_snapshot = sessions is not None
    unsaved.journal_room = max(JOURNAL_BYTES, len(sessions or b"")) - sum(map(len, journal))
