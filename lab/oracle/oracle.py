"""The oracle: what a user's document must be, computed the plain and slow way (invariant I2).

It is written from docs/spec.md alone; a bare § is of that page. It keeps every event of unsealed sessions, joins them
anew at each step, and forms every number from the day tiles. It shares nothing with ``streamer.signals``,
``streamer.profile``, ``streamer.scoring`` and ``streamer.population`` but the shape of the document and of the
population's snapshot: tests compare the two. Events, and what is a normal tag, are ``streamer.events``'. Covered:
spec §2–§10; of labels only the weights.

    oracle_sessions   §2–§4  sessions, interactions, what they say
    oracle_counts     §5, §6 tiles, R, contributions, score
    oracle_labels     §4     what the items of a sealed session weigh as training examples
    oracle_records    §4, §5 explicit records, hard entries, explicit evidence
    oracle_document   §7, §9 entries, document
    oracle_duration   §8     the duration cap
    oracle_population §10    what all users add up to, from scratch, and the rates that follow
    oracle            arrivals, lateness, erasures, seals, the window's end; comparing documents
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from lab.oracle.counts import (
    Key,
    Tiles,
    Window,
    add_all,
    apply_tile_caps,
    contributions,
)
from lab.oracle.document import Listed, assemble, document, hard_entries, listed_until
from lab.oracle.population import Met, SealedUser, meet
from lab.oracle.records import (
    Record,
    Records,
    apply_record_cap,
    erase_statements,
    evidence,
    mark_of_late,
    marks_of,
    present,
    record_key,
    settle,
    take_back_undone,
    with_fresh,
)
from lab.oracle.sessions import Session, is_explicit, sessions_of
from streamer.events import DAY_MS, Dislike, Erasure, Event, Feedback, Impression
from streamer.scoring.document import Document, Entry
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings


class Oracle:
    """Computes users from scratch, under these settings and this snapshot of the population."""

    def __init__(self, settings: Settings, population: Priors = DEFAULT) -> None:
        self.settings = settings
        self.population = population

    def run(self, steps: Iterable[Event | Erasure | int]) -> UserOracle:
        """One user after these steps, in order of arrival; an int: "the watermark advances to this"."""
        user = UserOracle(self.settings, self.population)
        for step in steps:
            user.step(step)
        return user


class UserOracle:
    """What is known of one user.

    Attributes:
        population: the snapshot in force; it may be replaced between steps.
        late: events that were late so far.
        met: what the creators' items met with, in all sessions sealed so far.
    """

    def __init__(self, settings: Settings, population: Priors) -> None:
        self.settings = settings
        self.population = population
        self.late = 0
        self.met: dict[str, Met] = {}
        self._user_id: str | None = None
        self._watermark = -1
        self._erased = -1
        self._forget()

    def _forget(self) -> None:
        self._head: dict[Event, None] = {}  # the events of unsealed sessions, repeats dropped
        self._mute: set[Event] = set()  # those of them of which an erasure has left nothing but their time
        self._frontier: int | None = None
        self._newest: int | None = None  # ts of the newest event counted
        self._cohort: tuple[int, str] | None = None
        self._tiles: Tiles = {}
        self._records: Records = {}  # of sealed sessions, and late
        self._listed: Listed = {}
        self._sealed_cohort: tuple[int, str] | None = None

    # --- arrivals ----------------------------------------------------------------------------------------

    def step(self, step: Event | Erasure | int) -> None:
        """An event or an erasure arrives, or the watermark advances."""
        if isinstance(step, int):
            self._advance(step)
        elif isinstance(step, Erasure):
            if step.ts > self._erased:
                self._erased = step.ts
                self._erase(step.ts)
        elif step.ts <= self._erased:
            pass
        elif self._is_late(step):
            self._arrive_late(step)
        else:
            self._user_id = step.user_id
            self._head[step] = None
            self._mute.discard(step)
            self._newest = step.ts if self._newest is None else max(self._newest, step.ts)
            if step.cohort is not None:
                self._cohort = max(self._cohort or (-1, ""), (step.ts, step.cohort))

    def _is_late(self, event: Event) -> bool:
        if self._frontier is None or event.ts > self._frontier:
            return False
        gap_ms = self.settings.session_gap * 1000
        return not any(session.takes(event, gap_ms) for session in self._sessions())

    def _arrive_late(self, event: Event) -> None:
        self.late += 1
        if is_explicit(event):
            self._hear_late(event)

    def _hear_late(self, event: Event) -> None:
        """Of what was said and is not counted, the record stays."""
        assert isinstance(event, (Dislike, Feedback))
        today = -1 if self._frontier is None else self._frontier // DAY_MS
        r = self._window(self._tiles, today)
        record = self._records.setdefault(record_key(event), Record())
        record.settled.append(mark_of_late(event, r.ratings))
        changes = take_back_undone(record, today, self.settings)
        add_all(self._tiles, changes)
        self._update_listed(_keys(changes), today, -1 if self._frontier is None else self._frontier)

    # --- erasures ----------------------------------------------------------------------------------------

    def _erase(self, until: int) -> None:
        late = [event for session in self._sessions() for event in self._cut(session, until)]
        gone = {day: self._tiles.pop(day) for day in list(self._tiles) if day <= until // DAY_MS}
        self._records = erase_statements(self._records, until)
        if self._frontier is not None and self._frontier <= until:
            self._frontier = None
        known = [event.ts for event in self._head] + [self._frontier or -1]
        self._newest = max(known) if max(known) > until else None
        self._cohort = self._cohort if self._cohort is not None and self._cohort[0] > until else None
        if self._sealed_cohort is not None and self._sealed_cohort[0] <= until:
            self._sealed_cohort = None
        at = -1 if self._frontier is None else self._frontier
        self._update_listed(_keys(gone), at // DAY_MS, at)
        for event in late:
            self._hear_late(event)

    def _cut(self, session: Session, until: int) -> list[Event]:
        """Takes what is not newer from an unsealed session; returns what was said afterwards of items met by then."""
        before = [event for event in session.events if event.ts <= until]
        after = [event for event in session.events if event.ts > until]
        met = {event.content_id for event in before if event.content_id is not None and event not in self._mute}
        for event in before:
            del self._head[event]
            self._mute.discard(event)
        if before and after:  # it begins with the erasure
            begins = Impression(user_id=after[0].user_id, ts=until + 1, content_id="~", session_id=session.session_id)
            self._head[begins] = None
            self._mute.add(begins)
        late: list[Event] = []
        for event in after:
            if event.content_id not in met or event in self._mute:
                continue
            self._mute.add(event)
            if is_explicit(event) and record_key(event)[0] == "content":  # type: ignore[arg-type]
                late.append(event)
            elif is_explicit(event):
                self._head[replace(event, content_id=None)] = None
        return late

    def _window(self, tiles: Tiles, today: int) -> Window:
        return Window(tiles, today, self.settings, self.population)

    def _sessions(self) -> list[Session]:
        return sessions_of(self._head, self.settings, self._mute)

    # --- the watermark -----------------------------------------------------------------------------------

    @property
    def _window_has_passed(self) -> bool:
        """Whether the watermark passed the newest event + window."""
        return self._newest is not None and self._watermark >= self._newest + self.settings.window_days * DAY_MS

    def _is_closed(self, session: Session) -> bool:
        return self._watermark >= session.last + self.settings.session_gap * 1000

    def _is_due(self, session: Session) -> bool:
        wait = (self.settings.session_gap + self.settings.grace) * 1000
        return self._watermark > session.last + wait or self._window_has_passed

    def _advance(self, watermark: int) -> None:
        self._watermark = max(self._watermark, watermark)
        for session in self._sessions():
            if self._is_due(session):
                self._seal(session)
        if self._window_has_passed:
            self._tiles.clear()
            self._listed.clear()
            self._records = present(self._records, self._watermark // DAY_MS, self._watermark, self.settings)
            for record in self._records.values():
                record.contribution = None
            if not self._records:
                self._forget()

    def _seal(self, session: Session) -> None:
        """Folds a session into the tiles."""
        today = session.day
        left = {day: tile for day, tile in self._tiles.items() if day <= today - self.settings.window_days}
        for day in left:
            del self._tiles[day]
        r = self._window(self._tiles, today)

        changes = contributions(session, True, r)
        meet(self.met, session, r)
        records = with_fresh(self._records, marks_of(session, r))
        records = present(records, today, session.last, self.settings)
        add_all(changes, evidence(records, r))

        add_all(self._tiles, changes)
        evicted = apply_tile_caps(self._tiles.get(today, {}), self.settings)
        if not self._tiles.get(today, {}):
            self._tiles.pop(today, None)
        settle(records)
        apply_record_cap(records, session.last, self.settings)
        self._records = records
        self._update_listed(_keys(left) | _keys(changes) | evicted, today, session.last)
        self._frontier = session.last if self._frontier is None else max(self._frontier, session.last)
        for event in session.events:
            if event.cohort is not None:
                self._sealed_cohort = max(self._sealed_cohort or (-1, ""), (event.ts, event.cohort))
            del self._head[event]
            self._mute.discard(event)

    def _update_listed(self, touched: set[Key], today: int, at: int) -> None:
        window = self._window(self._tiles, today)
        for key in touched:
            if key[0] in ("tag", "creator"):
                until = listed_until(window, key, self._listed, at)
                if until is None:
                    self._listed.pop(key, None)
                else:
                    self._listed[key] = until

    # --- what can be asked -------------------------------------------------------------------------------

    def document(self) -> Document | None:
        """The computed document after the steps so far."""
        if self._user_id is None or self._newest is None:
            return None
        cohort = None if self._cohort is None else self._cohort[1]
        today = self._newest // DAY_MS
        r = self._window(self._tiles, today)
        sessions = self._sessions()
        records = with_fresh(self._records, [mark for session in sessions for mark in marks_of(session, r)])

        if self._window_has_passed:
            records = present(records, self._watermark // DAY_MS, self._watermark, self.settings)
            hard = hard_entries(records, self._watermark)
            return assemble(self._user_id, self._newest, cohort, hard, {}, self.settings) if hard else None

        records = present(records, today, self._newest, self.settings)
        tiles: Tiles = {}
        add_all(tiles, self._tiles)
        for session in sessions:
            add_all(tiles, contributions(session, self._is_closed(session), r))
        add_all(tiles, evidence(records, r))
        window = self._window(tiles, today)
        return document(self._user_id, self._newest, cohort, window, records, self._listed)

    def sealed(self) -> SealedUser:
        """What the sealed sessions left, as of the last seal."""
        day = -1 if self._frontier is None else self._frontier // DAY_MS
        said = [
            record.contribution.ld
            for record in self._records.values()
            if record.contribution is not None and record.contribution.day > day - self.settings.window_days
        ]
        cohort = None if self._sealed_cohort is None else self._sealed_cohort[1]
        return SealedUser(self._window(self._tiles, day), said, cohort, self.met)

    def tiles(self) -> dict[int, dict[Key, dict[str, int]]]:
        """The numbers of sealed sessions by day and key; those that are zero are left out.

        Keys: ("tag", v), ("creator", v), ("content", v), ("bucket", upper edge or "inf") and ("*", ""), whose
        completions are named ``n_MEDIA`` and ``completion_MEDIA`` (the sum, in millionths).
        """
        return self._numbers(lambda kind: kind != "context")

    def contexts(self) -> dict[int, dict[Key, dict[str, int]]]:
        """The same for tags in a context. Keys: ("context", tag, dimension, value)."""
        return self._numbers(lambda kind: kind == "context")

    def _numbers(self, asked: Callable[[str], bool]) -> dict[int, dict[Key, dict[str, int]]]:
        found = {
            day: {key: dict(counts) for key, counts in tile.items() if asked(key[0])}
            for day, tile in self._tiles.items()
        }
        return {day: tile for day, tile in found.items() if tile}


def _keys(tiles: Tiles) -> set[Key]:
    return {key for tile in tiles.values() for key in tile}


def documents(settings: Settings, events: Iterable[Event], watermark: int) -> dict[str, Document]:
    """The documents of all users that have one, after all their events and then this watermark."""
    by_user: dict[str, list[Event]] = {}
    for event in events:
        by_user.setdefault(event.user_id, []).append(event)
    oracle = Oracle(settings)
    found = {user_id: oracle.run([*own, watermark]).document() for user_id, own in by_user.items()}
    return {user_id: document for user_id, document in found.items() if document is not None}


# --- comparing documents -------------------------------------------------------------------------------------

CLOSE = 1e-4 + 1e-9
"""How far numbers of two implementations may be apart (§5)."""


def disagreements(written: Document | None, computed: Document | None) -> list[str]:
    """Why a written document may not stand for the computed one, by the write rule of §9; empty: it may."""
    if written is None or computed is None:
        return _presence(written, computed)
    found = [
        f"{name}: {getattr(written, name)!r}, must be {getattr(computed, name)!r}"
        for name in ("schema", "user_id", "avoid")
        if getattr(written, name) != getattr(computed, name)
    ]
    ours, theirs = _by_identity(written), _by_identity(computed)
    found += [f"entry {identity} must not be there" for identity in sorted(ours.keys() - theirs.keys())]
    found += [f"entry {identity} is missing" for identity in sorted(theirs.keys() - ours.keys())]
    for identity in sorted(ours.keys() & theirs.keys()):
        old, new = ours[identity], theirs[identity]
        if abs(old.multiplier - new.multiplier) > 0.05 + CLOSE:
            found.append(f"entry {identity}: multiplier {old.multiplier}, must be {new.multiplier}")
        if old.expires_at is None or new.expires_at is None:
            far = old.expires_at != new.expires_at
        else:
            far = abs(old.expires_at - new.expires_at) >= DAY_MS
        if far:
            found.append(f"entry {identity}: expires_at {old.expires_at}, must be {new.expires_at}")
    return found


def _presence(a: Document | None, b: Document | None) -> list[str]:
    if a is None and b is None:
        return []
    return ["there is a document, must be none"] if b is None else ["there is no document, must be one"]


def _by_identity(document: Document) -> dict[str, Entry]:
    return {
        f"{e.kind} {e.value!r} {sorted((e.context or {}).items())} {e.tier} {'+'.join(e.reasons)}": e
        for e in document.entries
    }


def same(a: Document | None, b: Document | None) -> list[str]:
    """How two computed documents differ; floats may by 1e-4 (§5). Empty: they agree."""
    if a is None or b is None:
        return _presence(a, b)
    found = [
        f"{name}: {getattr(a, name)!r} != {getattr(b, name)!r}"
        for name in ("schema", "user_id", "as_of", "cohort", "avoid")
        if getattr(a, name) != getattr(b, name)
    ]
    if list(a.completion) != list(b.completion):
        found.append(f"completion: {a.completion!r} != {b.completion!r}")
    else:
        found += _differences("completion", a.completion, b.completion)
    order_a, order_b = list(_by_identity(a)), list(_by_identity(b))
    if order_a != order_b:
        found += [f"entry {identity} only in the first" for identity in order_a if identity not in order_b]
        found += [f"entry {identity} only in the second" for identity in order_b if identity not in order_a]
        return found or [f"order of entries: {order_a} != {order_b}"]
    for identity, old, new in zip(order_a, a.entries, b.entries, strict=True):
        found += _differences(f"entry {identity}", _fields(old), _fields(new))
    return found


def _fields(entry: Entry) -> dict[str, object]:
    fields: dict[str, object] = {
        name: getattr(entry, name) for name in ("multiplier", "log_odds", "since", "expires_at")
    }
    evidence_fields = entry.evidence.__struct_fields__
    return fields | {f"evidence.{name}": getattr(entry.evidence, name) for name in evidence_fields}


def _differences(
    where: str, a: dict[str, float] | dict[str, object], b: dict[str, float] | dict[str, object]
) -> list[str]:
    found = []
    for name, old in a.items():
        new = b[name]
        if isinstance(old, float) and isinstance(new, float):
            if abs(old - new) > CLOSE:
                found.append(f"{where}: {name} {old} != {new}")
        elif old != new:
            found.append(f"{where}: {name} {old!r} != {new!r}")
    return found
