"""What the open sessions of a user would add to the counts if they sealed as they are (spec §5)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Final

from msgspec.structs import replace

from streamer.profile.baseline import Baseline
from streamer.profile.contribution import contributions
from streamer.profile.explicit.evidence import Change, ExplicitEvidence, add_evidence, judge_ratings
from streamer.profile.explicit.records import ExplicitRecord, RecordKey
from streamer.profile.explicit.standing import forgotten
from streamer.profile.rollup.rollup import Key
from streamer.profile.session import Session
from streamer.profile.state import State
from streamer.profile.tile import Tile
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell


class Provisional:
    """A tile for every day of an open session, formed against R as of the day of the newest event.

    Args:
        state: whose sessions.
        baseline: R.
        today: the day of the newest event.
        as_of: its ts, ms.

    Attributes:
        tiles: by day.
        ready: what the interactions of the only session, closed, add when it seals as it is; None: there are more
            sessions, or it is open.
        stated: tags that open sessions say something of, or take something back of, in any context.
        records, sessions: those that do not count as absent.
    """

    def __init__(self, state: State, baseline: Baseline, today: int, as_of: int) -> None:
        self._open = state.sessions
        self._rules = rules = state.rules
        self._baseline = baseline
        self._today = today
        self._changes: list[Change] = []
        self.records, self.sessions = state.records, state.sessions
        speaking = any(session.records for session in state.sessions)
        if speaking or state.records:
            judge_ratings(state.sessions, baseline, rules)
            self.records, self.sessions = present(state, today, as_of)
        if speaking:
            self._changes = ExplicitEvidence(self.records, self.sessions, baseline, today, rules).changes()
        self.ready: Tile | None = None
        self.tiles = self._form(state.watermark)
        self.stated: set[str] = set()
        if speaking:
            cells = [cells for tile in self.tiles.values() for cells in tile.tags.values()]
            self.stated.update(tag for own in cells for tag, cell in own.items() if cell.ld)

    def refresh(self, watermark: int) -> None:
        """Forms the tiles anew after interactions changed; R and everything explicit must be as they were."""
        self.tiles = self._form(watermark)

    def _form(self, watermark: int) -> dict[int, Tile]:
        self.ready = None
        tiles: dict[int, Tile] = {}
        for session in self._open:
            closed = watermark >= session.last + self._rules.gap_ms
            tile = contributions(session, self._baseline, closed, self._rules)
            known = tiles.get(session.day)
            if known is not None:
                known.add(tile)
                continue
            tiles[session.day] = tile
            if closed and len(self._open) == 1 and session.day == self._today:
                self.ready = tile
                if self._changes:
                    tiles[session.day] = _fork(tile)
        for change in self._changes:
            added, removed = change.added, change.removed
            if added is not None:
                add_evidence(tiles.setdefault(added.day, Tile(added.day)), added, 1)
            if removed is not None and removed.day in self._baseline.rollup.tiles:
                add_evidence(tiles.setdefault(removed.day, Tile(removed.day)), removed, -1)
        first_day = self._today - self._rules.window_days + 1
        return {day: tile for day, tile in tiles.items() if day >= first_day}


def _fork(tile: Tile) -> Tile:
    """A tile to add explicit evidence to, which leaves the original as it is; the rest they share."""
    tags = {context: {tag: copy(cell) for tag, cell in cells.items()} for context, cells in tile.tags.items()}
    creators = {creator: copy(cell) for creator, cell in tile.creators.items()}
    return Tile(tile.day, tags, creators, tile.contents, tile.totals, tile.completions, tile.buckets)


def cells_of(tiles: Mapping[int, Tile], kind: str, value: str) -> dict[int, Cell]:
    """The counts of a key in tiles, by day."""
    return {day: cell for day, tile in tiles.items() if (cell := tile.cell(kind, value)) is not None}


NOTHING: Final = Tile(-1)
"""No counts; not to be changed."""


def changed(before: Mapping[int, Tile], after: Mapping[int, Tile]) -> set[Key]:
    """The keys in which tiles differ from those of the same days, tags in any context."""
    found: set[Key] = set()
    for day in before.keys() | after.keys():
        old, new = before.get(day, NOTHING), after.get(day, NOTHING)
        cells = [(TAG, old.tags.get(name, {}), new.tags.get(name, {})) for name in old.tags.keys() | new.tags.keys()]
        cells += [(CREATOR, old.creators, new.creators), (CONTENT, old.contents, new.contents)]
        for kind, had, has in cells:
            found.update((kind, value) for value in had.keys() | has.keys() if had.get(value) != has.get(value))
    return found


def present(state: State, today: int, now: int) -> tuple[dict[RecordKey, ExplicitRecord], list[Session]]:
    """The records, and the sessions with theirs, without those that count as absent.

    Args:
        state: whose.
        today: the last day of the window.
        now: the time (ms) that a hard entry must outlive to be live.
    """
    first_day = today - state.rules.window_days + 1
    absent = set(forgotten(state.records, state.sessions, first_day, now, state.standing.oldest))
    if not absent:
        return state.records, state.sessions
    records = {key: record for key, record in state.records.items() if key not in absent}
    sessions = [
        replace(session, records={key: part for key, part in session.records.items() if key not in absent}, said=None)
        for session in state.sessions
    ]
    return records, sessions
