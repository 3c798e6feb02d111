"""What a seal does, in its order: a closed session becomes counts and records, for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from streamer.profile.baseline import Baseline
from streamer.profile.contribution import contributions
from streamer.profile.explicit.evidence import Change, ExplicitEvidence, add_evidence, judge_ratings
from streamer.profile.explicit.records import ExplicitRecord
from streamer.profile.explicit.standing import forgotten, lightest
from streamer.profile.labels import labels
from streamer.profile.rollup.rollup import Key
from streamer.profile.session import Session
from streamer.profile.state import State
from streamer.profile.tile import Tile


def seal(state: State, session: Session, ready: Tile | None) -> bool:
    """Folds a closed session into its user's state.

    1. Whether the user counts follows the share in force; tiles that leave the window go, and records without effect.
    2. The session's counts are formed against R as the seal before left it; labels are made of the same.
    3. What its statements contribute is added to them.
    4. The population is told, while R is as it was.
    5. The counts join R, and the statements the records; contributions that no longer stand are taken back.
    6. What is beyond the caps is dropped.
    7. The frontier moves, and the session is no longer open.
    8. Keys that were touched are listed, or no longer.

    Args:
        state: the user's.
        session: the first of those open.
        ready: its counts (2), if they are known already; they are given away.

    Returns:
        Whether anything was dropped (6).
    """
    state.follow_share()  # 1
    rules, rollup, population = state.rules, state.rollup, state.population_changes
    population.begin_day(session.day, state.records.values())
    gone, touched = rollup.leave(session.day)
    state.unsaved.days.update(gone)
    baseline = state.baseline(session.day)
    _judge_records(state, session, baseline)
    delta = contributions(session, baseline, True, rules) if ready is None else ready  # 2
    if rules.labels:
        state.labels += labels(state.user_id, session, baseline, rules)
    evidence = ExplicitEvidence(state.records, [session], baseline, session.day, rules)  # 3
    changes = evidence.changes()
    for added in [change.added for change in changes if change.added is not None]:
        add_evidence(delta, added, 1)
    state.cohort, state.cohort_at = state.cohort_with([session])  # 4
    population.join(state.cohort)
    population.seal(session, delta, baseline, changes)
    if not delta.empty:  # 5
        touched |= rollup.fold(delta)
        state.unsaved.days.add(session.day)
    touched |= _take_statements(state, session, evidence, changes)
    evicted, dropped = _drop_beyond_caps(state, session)  # 6
    _count_starts(session, rules.starts)
    state.frontier = max(state.frontier, session.last)  # 7
    state.judged_by = rules.priors.version
    population.settle()
    state.sessions.remove(session)
    state.relist(touched | evicted, session.last)  # 8
    state.unsaved.head = state.unsaved.new_epoch = True
    return dropped


def _judge_records(state: State, session: Session, baseline: Baseline) -> None:
    """Says whether the session's ratings speak for their contents, and drops records that count as absent."""
    if not (state.records or session.records):
        return
    judge_ratings([session], baseline, state.rules)
    first_day = session.day - state.rules.window_days + 1
    absent = forgotten(state.records, [session], first_day, session.last, state.standing.oldest)
    for key in absent:
        del state.records[key]
    if absent:
        state.standing.forget(state.records, absent)


def _count_starts(session: Session, starts: Counter[str]) -> None:
    """Meters what was begun, by whether a showing of it had passed the gate."""
    for item in session.interactions.values():
        if item.started or item.clicked:
            starts["seen" if item.seen else "unseen"] += 1


def _take_statements(state: State, session: Session, evidence: ExplicitEvidence, changes: Sequence[Change]) -> set[Key]:
    """Takes the session's statements into the records; returns the keys that contributions were taken back from."""
    touched: set[Key] = set()
    for key, part in session.records.items():
        state.records.setdefault(key, ExplicitRecord()).seal(part, evidence.item(session, key))
    for change in changes:
        if change.removed is not None:
            touched |= state.take_back(change.removed)
        state.records.setdefault(change.key, ExplicitRecord()).contributed = change.added
    if session.records:
        state.standing.update(state.records, session.records)
    return touched


def _drop_beyond_caps(state: State, session: Session) -> tuple[set[Key], bool]:
    """State is bounded (I6): the lightest keys and records go, and are metered.

    Returns:
        The keys, and whether any key or record was dropped.
    """
    rules, rollup, population = state.rules, state.rollup, state.population_changes
    evicted: set[Key] = set()
    if session.day in rollup.tiles:
        population.before_caps(session.day)
        for kind, value, cell in rollup.evict(session.day, rules.tile_caps):
            population.evict(kind, value, cell)
            evicted.add((kind, value))
            rules.dropped[f"tile_{kind}s"] += 1
    records = lightest(state.records, rules.explicit_cap, session.last, state.standing)
    for key in records:
        population.drop(state.records.pop(key))
        rules.dropped["explicit_records"] += 1
    if records:
        state.standing.forget(state.records, records)
    if len(session.interactions) > rules.session_items:
        rules.dropped["session_items"] += len(session.interactions) - rules.session_items
    return evicted, bool(evicted or records)
