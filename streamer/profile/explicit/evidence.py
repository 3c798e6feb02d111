"""Explicit evidence (spec §4, §5): which statement of a record contributes, and what it puts into which day.

A record contributes once: at the seal of the session of the first action since the last undo whose item keys
are known. Provisionally, before a seal, the same is asked of all open sessions together.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from streamer.profile.baseline import Baseline
from streamer.profile.contribution import session_ratings
from streamer.profile.explicit.contributed import RETURN, Contribution
from streamer.profile.explicit.orders import newest_standing_purchase
from streamer.profile.explicit.records import (
    Acts,
    ExplicitRecord,
    ItemKeys,
    RecordKey,
    SessionRecord,
    Statement,
)
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile, context_name
from streamer.scoring.counts import CREATOR, TAG
from streamer.signals import explicit
from streamer.signals.interaction import Interaction
from streamer.signals.rounding import micro

NO_CONTEXT = context_name("", None)
"""Where what was said of a tag itself stands: it is evidence on that key alone, in none of its contexts."""

Returns = tuple[dict[str, int], int]
"""The newest ts (ms) of the returns of a content by order, and when returns were last undone."""


class Change(NamedTuple):
    """What happens to a record's contribution: the old one is taken back, a new one is made."""

    key: RecordKey
    removed: Contribution | None
    added: Contribution | None


class _Candidate(NamedTuple):
    """A statement that may contribute, with what is known of its item."""

    session: Session
    statement: Statement
    item: Interaction | None
    tags: tuple[str, ...]
    creator: str


class ExplicitEvidence:
    """Works out the changes that a set of sessions makes to the explicit evidence.

    Args:
        records: what sealed sessions and late events left.
        sessions: the sealing session alone, or all open ones (provisionally).
        baseline: R, decayed to today.
        today: the last day of the window.
        rules: the deployment's constants.
    """

    def __init__(
        self,
        records: dict[RecordKey, ExplicitRecord],
        sessions: Sequence[Session],
        baseline: Baseline,
        today: int,
        rules: Rules,
    ) -> None:
        self._records = records
        self._baseline = baseline
        self._first_day = today - rules.window_days + 1
        self._rules = rules
        self._parts: dict[RecordKey, list[tuple[Session, SessionRecord]]] = {}
        for session in sessions:
            for key, part in session.records.items():
                self._parts.setdefault(key, []).append((session, part))
        self._ratings: dict[int, tuple[int, int]] = {}
        self._counted: dict[int, set[str]] = {}
        self._newest: dict[RecordKey, ItemKeys] = {}

    def changes(self) -> list[Change]:
        """All changes, in a fixed order; records that keep their contribution are left out."""
        keys = set(self._parts)
        keys |= {RecordKey(k.scope, k.target, "purchase") for k in self._parts if k.family == "return"}
        found = (self._change(key) for key in sorted(keys))
        return [change for change in found if change is not None]

    def _change(self, key: RecordKey) -> Change | None:
        record = self._records.get(key)
        undo = max([part.undo for _, part in self._parts.get(key, [])] + [-1 if record is None else record.undo])
        old = None if record is None else record.contributed
        if old is not None and old.day < self._first_day:
            old = None
        returns: Returns = ({}, -1)
        bought = True
        if key.family == "purchase":
            returned, returns_undone = self._said(RecordKey(key.scope, key.target, "return"))
            returns = returned.returns, returns_undone
            bought = newest_standing_purchase(self._said(key)[0].purchases, undo, *returns) is not None
        removed = None
        if old is not None and (old.ts <= undo or not bought):
            removed, old = old, None
        chosen = None
        if old is None or key.family == "rating":
            chosen = self._choose(key, self._candidates(key, undo, returns))
        if chosen is not None and (old is None or chosen.statement.ts > old.ts):
            return Change(key, removed or old, self._contribution(key, chosen))
        return Change(key, removed, None) if removed is not None else None

    def _candidates(self, key: RecordKey, undo: int, returns: Returns) -> list[_Candidate]:
        """The statements since the last undo that stand and whose item keys are known."""
        found: list[_Candidate] = []
        for session, part in self._parts.get(key, []):
            item = self.item(session, key)
            for statement in part.statements:
                if statement.ts <= undo or (key.family == "purchase" and not _still_bought(statement, returns)):
                    continue
                tags, creator = self._item_keys(key, statement, item)
                if tags or creator or key.family == "follow" or key.scope != "content":
                    found.append(_Candidate(session, statement, item, tags, creator))
        return found

    def _choose(self, key: RecordKey, candidates: list[_Candidate]) -> _Candidate | None:
        """The first, of ratings the newest (ties: the greater); of those with one ts the greater (tags, creator).

        Of those equal in all this, the one in the smaller context.
        """
        candidates.sort(key=lambda c: tuple(part or "" for part in self._context(c)))
        if not candidates:
            return None
        if key.family == "rating":
            return max(candidates, key=lambda c: (c.statement.ts, c.statement.value, c.tags, c.creator))
        first = min(candidate.statement.ts for candidate in candidates)
        return max((c for c in candidates if c.statement.ts == first), key=lambda c: (c.tags, c.creator))

    def _context(self, candidate: _Candidate) -> tuple[str, str | None]:
        """Daypart and device that a statement was made in, so far as they are counted: the item's, if it is known."""
        source = candidate.statement if candidate.item is None else candidate.item
        return source.daypart if self._rules.by_daypart else "", source.device if self._rules.by_device else None

    def _said(self, key: RecordKey) -> tuple[Acts, int]:
        """What was stated of a record, late events aside, and when it was last undone."""
        record = self._records.get(key)
        acts, undo = Acts(), -1
        if record is not None:
            acts.merge(record.sealed)
            undo = record.undo
        for _, part in self._parts.get(key, []):
            acts.merge(part.acts)
            undo = max(undo, part.undo)
        return acts, undo

    def _contribution(self, key: RecordKey, chosen: _Candidate) -> Contribution:
        """What a statement contributes."""
        context = context_name(*self._context(chosen)) if key.scope == "content" else NO_CONTEXT
        amounts: list[tuple[str, str, float]]
        if key.family == "follow":
            amounts = [(CREATOR, key.target, explicit.FOLLOW_NATS)]
        elif key.scope != "content":
            amounts = [(key.scope, key.target, explicit.nats(explicit.WEIGHTS["dislike"]))]
        else:
            keys = [(TAG, tag) for tag in sorted(chosen.tags)] + ([(CREATOR, chosen.creator)] if chosen.creator else [])
            if key.family == "rating":
                nats = self._rating_nats(chosen)
                amounts = [(kind, value, nats) for kind, value in keys]
            else:
                amounts = self._shared(keys, explicit.nats(explicit.WEIGHTS[key.family]))
        return Contribution(
            chosen.statement.ts,
            chosen.session.day,
            (
                *((kind, value, context if kind == TAG else "", micro(amount)) for kind, value, amount in amounts),
                *([RETURN] if key.family == "return" else []),
            ),
        )

    def _shared(self, keys: list[tuple[str, str]], nats: float) -> list[tuple[str, str, float]]:
        """Evidence against every key of an item: the culprit already known takes the blame."""
        if nats <= 0:
            return [(kind, value, nats) for kind, value in keys]
        innocent = [1 - self._baseline.disliked(kind, value) for kind, value in keys]
        return [
            (kind, value, explicit.blamed(nats, 1 - prod(innocent[:at] + innocent[at + 1 :])))
            for at, (kind, value) in enumerate(keys)
        ]

    def _rating_nats(self, chosen: _Candidate) -> float:
        weight = explicit.rating_weight(chosen.statement.value, *self._session_ratings(chosen.session))
        return explicit.rating_nats(weight)

    def _item_keys(self, key: RecordKey, statement: Statement, item: Interaction | None) -> tuple[tuple[str, ...], str]:
        tags, creator = statement.tags, statement.creator
        if item is not None:
            tags = tags or item.tags
            creator = creator or item.creator or ""
        newest = self._newest_keys(key)
        tags = tags or newest.tags
        creator = creator or newest.creator
        if key.family == "return":
            bought = self._newest_keys(RecordKey(key.scope, key.target, "purchase"))
            if not tags and not creator:
                tags, creator = bought.tags, bought.creator
        return tags, creator

    def _newest_keys(self, key: RecordKey) -> ItemKeys:
        """The keys that a record keeps of its item, if the sessions were sealed as they are."""
        keys = self._newest.get(key)
        if keys is None:
            keys = self._newest[key] = ItemKeys()
            record = self._records.get(key)
            if record is not None:
                keys.merge(record.keys)
            for session, part in self._parts.get(key, []):
                part.add_item_keys(keys, self.item(session, key))
        return keys

    def item(self, session: Session, key: RecordKey) -> Interaction | None:
        """The interaction of the statement's content, if it counts."""
        if key.scope != "content":
            return None
        item = session.interactions.get(key.target)
        if item is None or len(session.interactions) <= self._rules.session_items:
            return item
        counted = self._counted.get(id(session))
        if counted is None:
            counted = {i.content_id for i in session.counted(self._rules)}
            self._counted[id(session)] = counted
        return item if key.target in counted else None

    def _session_ratings(self, session: Session) -> tuple[int, int]:
        known = self._ratings.get(id(session))
        if known is None:
            known = session_ratings(session, session.counted(self._rules), self._baseline.rollup)
            self._ratings[id(session)] = known
        return known


def judge_ratings(sessions: Sequence[Session], baseline: Baseline, rules: Rules) -> None:
    """Says of the newest rating of every record in these sessions whether it speaks for the content (r' ≥ 0).

    It is measured by R and by its own session: provisional until the session seals.
    """
    for session in sessions:
        rated = [part.acts for key, part in session.records.items() if key.family == "rating"]
        if rated:
            ratings, rating_sum = session_ratings(session, session.counted(rules), baseline.rollup)
            for acts in rated:
                acts.rating_positive = explicit.rating_positive(acts.rating, ratings, rating_sum)


def _still_bought(statement: Statement, returns: Returns) -> bool:
    """Whether one purchase statement stands by itself."""
    return newest_standing_purchase({statement.order: statement.ts}, -1, *returns) is not None


def add_evidence(tile: Tile, contribution: Contribution, sign: int) -> None:
    """Adds (or, with sign −1, subtracts) a contribution to a tile."""
    returned = contribution.returned
    for kind, value, context, ld in contribution.told:
        if ld or returned:
            tile.cell_to_add(kind, value, context).state(sign * ld, sign * returned)
