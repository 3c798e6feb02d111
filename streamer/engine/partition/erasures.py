"""Erasures of one partition: what is not newer goes at once, what is newer stays, and both are saved together.

Faust seam: none; no I/O.

What must hold for it to be right:
- From an erasure to the checkpoint that saves it, the store has what is left of the user, whole, and nothing else: so
  whatever happens to the user until then, nothing from before the erasure is saved any more.
- What is left begins a new epoch, and so does what comes of it before it is saved: the journal's records of before are
  void once the head is saved, and not sooner. Of whom nothing is left they are voided by a tombstone, before that.
- What is taken out of the sums over all users is saved with it, as for a seal.
- Who was erased stays known by ``store.erased``: events from before that come later are passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Container
from typing import Final

from streamer.engine.partition.placement import Placement
from streamer.engine.partition.users import Users
from streamer.engine.partition.work import LabelWrite, Output, Write
from streamer.engine.state.store import ERASED, HEAD, WRITTEN, PartitionStore, UserChange
from streamer.errors import StateTooNew, StoreFailed
from streamer.events import Erasure
from streamer.population.user_delta import UserDelta

log: Final = logging.getLogger(__name__)


class Erasures:
    """What has been erased and is not saved yet.

    Args:
        users: the partition's users.
        store: the partition's state.
        placement: where users belong; None: whatever comes belongs here.
        labels: whether labels are on: their readers are told.

    Attributes:
        owed: by user, what of the sums over all users was changed until the erasure, and by it.
    """

    def __init__(self, users: Users, store: PartitionStore, placement: Placement | None, labels: bool) -> None:
        self._users = users
        self._store = store
        self._placement = placement
        self._labels = labels
        self._parts: dict[str, dict[str, bytes | None]] = {}
        self._whole: set[str] = set()
        self.owed: dict[str, UserDelta] = {}

    @property
    def unsaved(self) -> Container[str]:
        """Users whose erasure is not among changes taken yet, so not saved; follows what is erased until then."""
        return self._parts.keys()

    @property
    def partly(self) -> set[str]:
        """Those of them of whom something newer was left."""
        return {user for user, parts in self._parts.items() if parts.get(HEAD) is not None}

    def erase(self, erasure: Erasure, out: Output) -> bool:
        """Erases a user, and the document, unless that was done up to a later time; returns whether anything is left.

        Raises:
            StateTooNew: a newer Streamer wrote this user.
            StoreFailed: the local state on disk failed.
        """
        user, store = erasure.user_id, self._store
        if erasure.ts <= store.erased.get(user, -1):
            return False
        parts = self._parts.setdefault(user, {})
        parts.update(dict.fromkeys(store.parts(user)))
        if user in store.unsaved:  # gone here, as the outbox has its tombstone, but not from the changelog
            parts[WRITTEN] = None
        is_known = user in self._users or user in store.journal or not parts.keys() <= {ERASED}
        left, deadline = self._left(user, erasure.ts) if is_known else ({}, None)
        if not left:
            self._whole.add(user)
        parts.update(left)
        if user in self.owed:
            parts.setdefault(HEAD, None)
        parts[ERASED] = erasure.ts.to_bytes(8)
        for name, value in parts.items():
            store.put(user, name, value)
        store.unsaved.pop(user, None)
        store.journal.drop(user)
        self._users.forget(user)
        self._users.deadlines.set(user, deadline)
        if is_known or self._placement is None or self._placement.is_home(user):  # else Redis would go by its offset
            out.writes.append(Write(user, None, None))
        if self._labels:
            out.labels.append(LabelWrite(user, "", None))
        return bool(left)

    def _left(self, user: str, until: int) -> tuple[dict[str, bytes], int | None]:
        """All parts of what is newer, and the user's deadline then; none if the state cannot be read."""
        try:
            profile = self._users.profile(user)
            profile.erase(until)
            owed = self._users.owed.pop(user, None)  # it never was in the changelog, but is in what goes now
            for delta in (owed, profile.take_delta()):
                if delta is not None:
                    self.owed[user] = self.owed.get(user, UserDelta()).followed_by(delta)
            if profile.empty:
                return {}, None
            parts = {name: part for name, part in profile.changes().parts.items() if part is not None}
            return parts, profile.deadline()
        except (StateTooNew, StoreFailed, MemoryError):
            raise
        except Exception:
            log.exception("%r is erased whole: what is stored of the user cannot be read, so not told apart", user)
            return {}, None

    def take_into(self, changes: dict[str, UserChange]) -> None:
        """Adds what was erased since the last call to the changes of users."""
        for user, parts in self._parts.items():
            change = changes.get(user, UserChange(user, {}, self._users.deadlines.get(user)))
            voids = change.voids or user in self._whole
            lacking = dict.fromkeys(self._users.refused.pop(user, ()))
            changes[user] = change._replace(parts={**lacking, **parts, **change.parts}, voids=voids)
        self._parts, self._whole, self.owed = {}, set(), {}
