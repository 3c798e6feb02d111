"""An erasure: what is not newer than its time goes, all else stays (spec §5, Erasure)."""

from __future__ import annotations

from streamer.events import DAY_MS
from streamer.profile.explicit.erasing import newer_record
from streamer.profile.explicit.records import RecordKey, SessionRecord
from streamer.profile.lateness import add_late
from streamer.profile.state import State


def erase(state: State, until: int) -> None:
    """Takes from a user what is not newer than a time; what is left is to be saved whole.

    Sessions are cut, days go whole, out of the sums over all users as well; what became of a creator's items stays in
    those. The days that are left move to the cohort that the user is still known to be in.

    Args:
        state: the user's.
        until: the erasure's time, ms.
    """
    said_late: list[tuple[RecordKey, SessionRecord]] = []
    for session in [session for session in state.sessions if session.start <= until]:
        if session.last <= until:
            state.sessions.remove(session)
        else:
            said_late += session.erase(until).items()
    state.sessions.sort(key=lambda session: session.seal_order)
    left = {key: newer_record(record, until) for key, record in state.records.items()}
    for key, record in left.items():
        if record is None or record.contributed is None:
            state.population_changes.drop(state.records[key])
    state.population_changes.erase(until // DAY_MS)
    state.records = {key: record for key, record in left.items() if record is not None}
    state.records_changed()
    gone, touched = state.rollup.leave(until // DAY_MS + state.rules.window_days)
    if state.frontier <= until:
        state.frontier = -1
        state.population_changes.begin_anew()
    if state.cohort_at <= until:
        state.cohort, state.cohort_at = None, -1
        state.population_changes.join(None)
    state.population_changes.settle()
    state.relist(touched, state.frontier)
    for key, part in said_late:
        add_late(state, key, part)
    state.unsaved.head = state.unsaved.new_epoch = True
    state.unsaved.days.update(gone, state.rollup.tiles)
