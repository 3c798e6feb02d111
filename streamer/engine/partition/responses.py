"""How soon a recommender stops showing what users said no to: counted from their sealed sessions, told as metrics.

Faust seam: none; no I/O.

A "no" (dislike, not_interested, hide, block or report) is followed from the seal of the session in which it was said,
until a week after it. All showings of a session that were seen count, as profiles know them: one for each content and
session, at the time of its first event there.

What must hold for it to be right:
- Only accepted steps are looked at, so what is tried again after an event that raised counts once.
- What is followed is memory alone, and bounded. A worker that ends, or gives the partition away, tells nothing of what
  it was following, rather than too little of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple

from msgspec import Struct, field

from streamer.events import DAY_MS
from streamer.profile import Rules
from streamer.profile.explicit.records import RecordKey, SessionRecord
from streamer.profile.session import Session
from streamer.scoring.counts import CONTENT, CREATOR, TAG
from streamer.signals.explicit import DISLIKE_FAMILY
from streamer.signals.interaction import Interaction

HORIZON_MS: Final = 7 * DAY_MS
"""Showings are counted so long after a no."""
FOLLOWED: Final = 10_000
"""Most that are followed at a time in a partition, in some 10 MB; what comes then is passed over, and counted (I6)."""
OF_A_USER: Final = 50
"""Most of one user."""


class Response(NamedTuple):
    """What was shown after one no.

    Attributes:
        similar: in what: ``content``, ``creator`` or ``tag``.
        showings: how many that were seen within the horizon.
        last_ms: from the no to the last of them; 0: there was none.
    """

    similar: str
    showings: int
    last_ms: int


class _Followed(Struct, gc=False):
    """One no, and by what it is about, how often that was shown since, and when last (ms)."""

    since: int
    content: str | None
    creator: str | None
    tags: frozenset[str]
    shown: dict[str, tuple[int, int]] = field(default_factory=dict)

    def see(self, item: Interaction, until: int) -> None:
        ts = item.first
        if not self.since < ts <= until:
            return
        for similar in self._similar(item):
            showings, last = self.shown.get(similar, (0, 0))
            self.shown[similar] = (showings + 1, max(last, ts))

    def _similar(self, item: Interaction) -> Iterator[str]:
        if item.content_id == self.content:
            yield CONTENT
        if self.creator is not None and item.creator == self.creator:
            yield CREATOR
        if not self.tags.isdisjoint(item.tags):
            yield TAG

    def responses(self) -> Iterator[Response]:
        about = ((CONTENT, self.content), (CREATOR, self.creator), (TAG, self.tags))
        for similar in (name for name, what in about if what):
            showings, last = self.shown.get(similar, (0, self.since))
            yield Response(similar, showings, last - self.since)


class Responses:
    """Follows what the users of one partition said no to.

    Args:
        rules: the deployment's constants.
        most: how many are followed at a time.

    Attributes:
        passed_over: how many were not followed, since somebody last set this to 0.
    """

    def __init__(self, rules: Rules, most: int = FOLLOWED) -> None:
        self._horizon_ms = min(HORIZON_MS, rules.window_ms)
        self._settles_ms = self._horizon_ms + DAY_MS + rules.gap_ms + rules.grace_ms + 1  # a session is of one day
        self._most = most
        self._by_user: dict[str, dict[RecordKey, _Followed]] = {}
        self._order: list[tuple[int, int, str, RecordKey]] = []
        self._number = count()
        self.passed_over = 0

    def __len__(self) -> int:
        return len(self._order)

    def take(self, user: str, session: Session) -> None:
        """Takes in a session that has sealed; it costs next to nothing of users who said no to nothing lately."""
        if user not in self._by_user and not session.records:
            return
        for key, part in session.records.items():
            if key.family == DISLIKE_FAMILY:
                self._hear(user, key, part, session)
        followed = self._by_user.get(user)
        if followed:
            shown = [item for item in session.interactions.values() if item.seen]
            for each in followed.values():
                for item in shown:
                    each.see(item, each.since + self._horizon_ms)

    def _hear(self, user: str, key: RecordKey, part: SessionRecord, session: Session) -> None:
        since = max(part.acts.acted.values(), default=-1)
        known = self._by_user.get(user, {}).get(key)
        if known is not None and known.since <= part.undo:
            self._drop(user, key)
            known = None
        if known is not None or since <= part.undo:
            return
        if len(self._order) >= self._most or len(self._by_user.get(user, ())) >= OF_A_USER:
            self.passed_over += 1
            return
        item = session.interactions.get(key.target) if key.scope == CONTENT else None
        self._by_user.setdefault(user, {})[key] = _followed(key, since, part, item)
        heappush(self._order, (since, next(self._number), user, key))

    def _drop(self, user: str, key: RecordKey) -> _Followed | None:
        followed = self._by_user.get(user, {})
        gone = followed.pop(key, None)
        if not followed:
            self._by_user.pop(user, None)
        return gone

    def forget(self, user: str) -> None:
        """Follows nothing of a user any more, who is being erased."""
        if self._by_user.pop(user, None) is not None:
            self._order = sorted(each for each in self._order if each[2] != user)

    def settle(self, watermark: int) -> list[Response]:
        """Lets event time pass: what came of those that were followed long enough."""
        found: list[Response] = []
        while self._order and self._order[0][0] + self._settles_ms <= watermark:
            since, _, user, key = heappop(self._order)
            known = self._by_user.get(user, {}).get(key)
            if known is not None and known.since == since:
                self._drop(user, key)
                found += known.responses()
        return found


def _followed(key: RecordKey, since: int, part: SessionRecord, item: Interaction | None) -> _Followed:
    if key.scope == CREATOR:
        return _Followed(since, None, key.target, frozenset())
    if key.scope == TAG:
        return _Followed(since, None, None, frozenset((key.target,)))
    creator = part.keys.creator or (item.creator if item is not None else None)
    tags = part.keys.tags or (item.tags if item is not None else ())
    return _Followed(since, key.target, creator, frozenset(tags))
