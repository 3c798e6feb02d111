"""The decoded users of one partition: loaded on demand, least recently used forgotten, one bad event isolated.

Faust seam: none; no I/O. Replaces the value cache of a ``faust.Table`` and Faust's habit of dropping an agent's whole
batch when one event raises (faust-streaming #315, I9).

A step is all a slice does to one user: apply the events, advance if due, form the document. If a step raises, the state
from before it is rebuilt (stored parts, then the steps since the last checkpoint) and a binary search finds the event
without which it does not raise. If what a user changed cannot be encoded at a checkpoint, that user alone stays as last
saved.

What must hold for it to be right: a profile with unsaved changes is never forgotten; the steps since the last
checkpoint are kept in order, with the watermarks they saw.
"""

from __future__ import annotations

import logging
import traceback
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from typing import Final

from streamer.engine.partition.deadlines import Deadlines
from streamer.engine.partition.stepping import attempt, replay
from streamer.engine.partition.work import HotUser, Result, Step, Stepped
from streamer.engine.state import last_written as codec
from streamer.engine.state.loading import load_profile
from streamer.engine.state.store import HEAD, WRITTEN, PartitionStore, UserChange
from streamer.errors import StateTooNew, StoreFailed
from streamer.population.user_delta import UserDelta
from streamer.profile import Profile, Rules

log: Final = logging.getLogger(__name__)

UNSAVED: Final = "unsaved"
"""Metric ``dropped_evidence``: events lost because what they changed cannot be encoded."""
_DETAIL_LIMIT: Final = 8_000


class Users:
    """Decoded users over a partition's store.

    Args:
        rules: the compiled settings.
        store: the partition's encoded state.
        capacity: users kept decoded; those with unsaved changes are kept in any case.

    Attributes:
        refused: by user, names of parts that the changelog lacks, as it did not take them.
        owed: by user, what those change in the sums over all users.
    """

    def __init__(self, rules: Rules, store: PartitionStore, capacity: int) -> None:
        self._rules = rules
        self._store = store
        self._capacity = capacity
        self._hot: OrderedDict[str, HotUser] = OrderedDict()
        self._dirty: dict[str, HotUser] = {}
        self.deadlines = Deadlines(store.deadlines.items())
        self.stuck: dict[str, str] = {}
        self.refused: dict[str, set[str]] = {}
        self.owed: dict[str, UserDelta] = {}

    def __contains__(self, user: str) -> bool:
        """Whether a user is decoded."""
        return user in self._hot

    @property
    def dirty(self) -> int:
        """Users with unsaved changes."""
        return len(self._dirty)

    @property
    def crowded(self) -> bool:
        """More users have unsaved changes than should be decoded at all: time for a checkpoint."""
        return len(self._dirty) >= self._capacity

    def step(self, user: str, step: Step) -> Stepped:
        """Does a step to a user, passing over events that make it raise.

        Raises:
            StateTooNew: a newer Streamer wrote this user.
            StoreFailed: the local state on disk failed.
        """
        try:
            hot = self._get(user)
            result = attempt(hot, step, self._rules)
        except (StateTooNew, StoreFailed, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - whatever an event makes raise must not stop the others (I9)
            return self._isolate(user, step)
        return self._accept(user, hot, step, result, {})

    def forget(self, user: str) -> None:
        """Drops everything decoded of a user, unsaved changes included (erasure)."""
        self._hot.pop(user, None)
        self._dirty.pop(user, None)
        self.stuck.pop(user, None)
        self.deadlines.set(user, None)

    def profile(self, user: str) -> Profile:
        """The profile as it is now, unsaved changes included.

        Raises:
            StateCorrupt, StateTooNew: it cannot be read.
            StoreFailed: the local state on disk failed.
        """
        return self._get(user).profile

    def refuse(self, changes: Sequence[UserChange]) -> None:
        """The changelog does not take these, for their size: they go with the user's next change, or never.

        Until then a restart finds the user as last saved, never half of a change; everybody else is saved.
        """
        for change in changes:
            self.refused.setdefault(change.user, set()).update(change.parts)
            self.stuck[change.user] = "the changelog does not take what changed"
        self.owed |= self._store.untold.refuse(change.user for change in changes)

    def take_changes(self, deltas: dict[str, UserDelta], whole: Container[str] = ()) -> list[UserChange]:
        """What the users changed since the last call; it is in the store when this returns.

        Args:
            deltas: by user, what it changes in the sums over all users is added to these.
            whole: users whose open sessions are to be saved whole, if they have changed.
        """
        changes = []
        for user, hot in self._dirty.items():
            hot.profile.unsaved.new_epoch |= user in whole
            try:
                change = self._change(user, hot, deltas)
                is_gone = hot.profile.empty and hot.last_written is None
            except (StoreFailed, MemoryError):
                raise
            except Exception:  # noqa: BLE001 - what cannot be encoded of one user must not stop the others (I9)
                change, is_gone = self._lose(user, hot), True
            for name, value in change.parts.items():
                self._store.put(user, name, value)
            if change.fresh:
                self._store.journal.drop(user)
            if change.journal is not None:
                self._store.journal.add(user, change.journal)
            if change.parts or change.journal is not None:
                changes.append(change)
            if is_gone:
                self._hot.pop(user, None)
        self._dirty = {}
        self._shrink()
        return changes

    def _change(self, user: str, hot: HotUser, deltas: dict[str, UserDelta]) -> UserChange:
        """What the user changed since it was last taken."""
        parts, journal, fresh = hot.profile.changes()
        if hot.last_written_changed:
            parts[WRITTEN] = _encoded(hot)
        if user in self.refused:
            parts = {name: self._store.part(user, name) for name in self.refused.pop(user)} | parts
        hot.dirty = hot.last_written_changed = False
        hot.steps = []
        delta = hot.profile.take_delta() if HEAD in parts else None
        if HEAD in parts and user in self.owed:
            delta = self.owed.pop(user).followed_by(delta or UserDelta())
        if delta is not None:
            if user in deltas:
                delta = deltas[user].followed_by(delta)
            deltas[user] = delta
        return UserChange(user, parts, self.deadlines.get(user), journal, fresh, parts.get(HEAD, b"") is None)

    def _lose(self, user: str, hot: HotUser) -> UserChange:
        """What the user changed cannot be saved: they stay as last saved, but for the document that is written."""
        lost = sum(len(step.events) for step in hot.steps)
        self.stuck[user] = traceback.format_exc()
        self._rules.dropped[UNSAVED] += lost
        log.error(
            "%r cannot be saved and stays as last saved, %d events since are lost:\n%s", user, lost, self.stuck[user]
        )
        self.deadlines.set(user, None)
        parts: dict[str, bytes | None] = {}
        if hot.last_written_changed:
            with suppress(Exception):  # it may be the one
                parts[WRITTEN] = _encoded(hot)
        return UserChange(user, parts, self._store.deadlines.get(user))

    # --- one user -----------------------------------------------------------------------------------------

    def _get(self, user: str) -> HotUser:
        hot = self._hot.get(user)
        if hot is None:
            hot = self._hot[user] = self._load(user)
            self._shrink()
        else:
            self._hot.move_to_end(user)
        return hot

    def _load(self, user: str) -> HotUser:
        parts, journal = self._store.parts(user), self._store.journal.records(user)
        if not parts and not journal:
            return HotUser(Profile(user, self._rules), None)
        raw = parts.get(WRITTEN)
        profile = load_profile(user, self._rules, parts, journal)
        profile.unsaved.journal_room -= self._store.journal.appended(user) - sum(map(len, journal))  # the topic has all
        return HotUser(profile, None if raw is None else codec.decode(user, raw))

    def _accept(self, user: str, hot: HotUser, step: Step, result: Result, poisoned: Mapping[int, str]) -> Stepped:
        hot.steps.append(step)
        hot.dirty = True
        self._dirty[user] = hot
        self.stuck.pop(user, None)
        self.deadlines.set(user, result.deadline)
        if result.writes:
            hot.last_written = result.document
            hot.last_written_changed = True
        return Stepped(result.outcomes, result.writes, result.raw, poisoned, result.labels, result.sealed)

    def _shrink(self) -> None:
        hot, journal = self._hot, self._store.journal
        while len(hot) > self._capacity:
            user, oldest = next(iter(hot.items()))
            if oldest.dirty:
                return
            del hot[user]
            if not journal.is_merged(user):
                journal.merge(user, oldest.profile.open_sessions())

    # --- a step that raised ----------------------------------------------------------------------------------

    def _isolate(self, user: str, step: Step) -> Stepped:
        known = self._hot.pop(user, None)
        remaining = list(range(len(step.events)))
        poisoned: dict[int, str] = {}
        while isinstance(trial := self._trial(user, known, step, remaining), str):
            if not remaining or isinstance(self._trial(user, known, step, []), str):
                return self._give_up(user, known, trial, poisoned | dict.fromkeys(remaining, trial))
            culprit, why = self._culprit(user, known, step, remaining, trial)
            poisoned[culprit] = why
            remaining.remove(culprit)
        hot, kept, result = trial
        self._hot[user] = hot
        return self._accept(user, hot, kept, result, poisoned)

    def _trial(
        self, user: str, known: HotUser | None, step: Step, positions: Sequence[int]
    ) -> tuple[HotUser, Step, Result] | str:
        """The user after the step with only these events, or the traceback of why there is none."""
        kept = step._replace(events=[step.events[i] for i in positions])
        try:
            hot = self._rebuild(user, known)
            return hot, kept, attempt(hot, kept, self._rules)
        except (StateTooNew, StoreFailed, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - the traceback is the result
            return traceback.format_exc()[-_DETAIL_LIMIT:]

    def _rebuild(self, user: str, known: HotUser | None) -> HotUser:
        """The user from before the step: the stored parts, then the steps not yet saved."""
        hot = self._load(user)
        if known is not None:
            for step in known.steps:
                replay(hot.profile, step)
            hot.profile.take_labels()  # those were written when the steps were done first
            hot.steps = known.steps.copy()
            hot.last_written, hot.last_written_changed, hot.dirty = (
                known.last_written,
                known.last_written_changed,
                known.dirty,
            )
        return hot

    def _culprit(
        self, user: str, known: HotUser | None, step: Step, positions: Sequence[int], why: str
    ) -> tuple[int, str]:
        """The event with which the step begins to raise."""
        fine, raises = 0, len(positions)
        while raises - fine > 1:
            middle = (fine + raises) // 2
            trial = self._trial(user, known, step, positions[:middle])
            if isinstance(trial, str):
                raises, why = middle, trial
            else:
                fine = middle
        return positions[raises - 1], why

    def _give_up(self, user: str, known: HotUser | None, why: str, poisoned: Mapping[int, str]) -> Stepped:
        """The state itself raises: it stays as it is, time passes it by, and its events are poison."""
        self.stuck[user] = why
        self.deadlines.set(user, None)
        if known is not None:
            hot = self._rebuild(user, known)
            self._hot[user] = hot
            if hot.dirty:
                self._dirty[user] = hot
        return Stepped([], False, None, poisoned)


def _encoded(hot: HotUser) -> bytes | None:
    return None if hot.last_written is None else codec.encode(hot.last_written)
