"""The end of the window: a user who has not come for so long is forgotten, but for what they said that still holds."""

from __future__ import annotations

from streamer.events import DAY_MS
from streamer.profile.explicit.records import RecordKey
from streamer.profile.explicit.standing import forgotten
from streamer.profile.state import State


def outlived(state: State) -> list[RecordKey]:
    """Past the window: the records that exclude nothing any more, and follow nobody."""
    return forgotten(state.records, [], state.watermark // DAY_MS + 1, state.watermark)


def forget(state: State) -> None:
    """Past the window: no counts stay, and of the records those that still exclude, or follow somebody."""
    over = outlived(state)
    contributing = [record for record in state.records.values() if record.contributed is not None]
    if not (state.rollup.tiles or over or contributing or state.listed or not state.records):
        return
    state.population_changes.leave(state.records.values())
    state.unsaved.days.update(state.rollup.clear())
    state.records_changed()
    for key in over:
        del state.records[key]
    for record in contributing:
        record.contributed = None
    state.listed.clear()
    if not state.records:
        state.frontier, state.cohort, state.cohort_at = -1, None, -1
        state.population_changes.begin_anew()
        state.unsaved.new_epoch = True
    state.population_changes.join(state.cohort)
    state.population_changes.settle()
    state.unsaved.head = True
