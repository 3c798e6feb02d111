"""Late events: they are not counted, but what a late one says or undoes holds (spec §2, I5)."""

from __future__ import annotations

from streamer.events import DAY_MS, Dislike, Event, Feedback
from streamer.profile.explicit.records import ExplicitRecord, RecordKey, SessionRecord
from streamer.profile.state import State
from streamer.signals import explicit


def take_late(state: State, event: Event) -> bool:
    """Takes in a late event: of a dislike or feedback the record is kept, and an undo undoes.

    Returns:
        Whether it may change the document.
    """
    key = RecordKey.of(event) if isinstance(event, (Dislike, Feedback)) else None
    if key is None:
        return False
    assert isinstance(event, (Dislike, Feedback))
    part = SessionRecord()
    part.add(event)
    add_late(state, key, part)
    return True


def add_late(state: State, key: RecordKey, part: SessionRecord) -> None:
    """Takes in what was said of a record and is not counted: it overrules, excludes and undoes all the same."""
    state.unsaved.head = True
    state.records_changed()
    if key not in state.records and len(state.records) >= state.rules.records_held:
        state.rules.dropped["explicit_records"] += 1
        return
    if part.acts.rating_at >= 0:
        part.acts.rating_positive = _speaks_for(state, part.acts.rating)
    record = state.records.setdefault(key, ExplicitRecord())
    record.add_late(part)
    contributed = record.contributed
    if contributed is not None and contributed.ts <= record.undo:
        record.contributed = None
        state.population_changes.take_back(contributed)
        state.relist(state.take_back(contributed), state.frontier)
        state.population_changes.settle()


def _speaks_for(state: State, rating: int) -> bool:
    """Whether a late rating is positive by what R knows on its arrival, as of the frontier's day."""
    totals = state.rollup.as_of(state.frontier // DAY_MS).totals
    return explicit.rating_positive(rating, totals.ratings, totals.rating_sum)
