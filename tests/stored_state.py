"""Users as some version of Streamer stored them, and what became of them: the state's format, held to.

    python -m tests.stored_state file

writes such a file by the code as it is. That is for a new version of the format, under a new name, and for nothing
else: a change that needs ``tests/fixtures/state-v1.json`` or ``tests/fixtures/state-v2.json`` made anew cannot read
what workers have stored.

A file holds, for some users in the middle of their life, the stored parts (head, open sessions, tiles, the document
last written) and journal entries, the steps that follow, and what these gave: documents, labels, what the population
was told, and the parts in the end. ``tests/unit/profile/test_stored_state.py`` reads it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from streamer.city.city import City
from streamer.engine.state import last_written
from streamer.events import DAY_MS, EVENT_TYPES, Dislike, Event, Feedback, Impression, Play, encode
from streamer.population import Deltas
from streamer.profile import Rules
from streamer.profile.labels import encode as encode_label
from streamer.scoring import document
from streamer.scoring.document import Document, must_write
from streamer.settings import Settings
from tests.data import FIXTURES
from tests.property.driving import Saved

FILES: Final = {version: FIXTURES / f"state-v{version}.json" for version in (1, 2)}
"""By the version of the open sessions in them."""
WORLD: Final[dict[str, Any]] = {
    "window_days": 8,
    "half_life_days": 4.0,
    "labels": True,
    "population": True,
    "population_share": 1.0,
    "weight_abandoned": 0.0,
    "weight_ignored": 0.0,
}
"""A short window, so that days leave it; labels, so that positions are stored, with the weights of version 1."""

BEGIN: Final = 20_000 * DAY_MS
DAYS: Final = 12
SLICE_MS: Final = 30 * 60_000
LAG_MS: Final = 10 * 60_000
MIDDLE: Final = BEGIN + 7 * DAY_MS + DAY_MS // 2
WRITTEN: Final = "w"

OUTCOMES: Final = {version: FIXTURES / f"state-v{version}-outcomes.json" for version in FILES}
"""What the stored users come to by the rules as they are: a changed rule makes these anew, and nothing else does.

    python -m tests.stored_state outcomes
"""

Step = tuple[list[tuple[str, Event]], int, int]
"""Events by topic, the watermark at which they arrive, and the one that follows (ms)."""


class Life(Struct):
    """One user: what was stored, the steps that followed, and what they gave. Bytes are base64.

    Attributes:
        watermark: at which the state was stored, ms.
        parts, journal: the state.
        steps: events as (topic, JSON), watermark before and after.
        documents: a digest of every document that was written, "" where it was deleted.
        last: the last document, JSON; "" if there is none.
        labels: a digest of all of them.
        told: what the population was told, by key.
        parts_after, journal_after: the state in the end.
    """

    watermark: int
    parts: dict[str, str]
    journal: list[str]
    steps: list[tuple[list[tuple[str, str]], int, int]]
    documents: list[str] = []
    last: str = ""
    labels: str = ""
    told: dict[str, list[Any]] = {}
    parts_after: dict[str, str] = {}
    journal_after: list[str] = []


class Living:
    """A user who takes steps and is saved after each, as a worker does it.

    Args:
        user_id: who.
        rules: the deployment's constants.
        saved: the state to begin with.
        watermark: at which it was saved, ms.
    """

    def __init__(self, user_id: str, rules: Rules, saved: Saved, watermark: int = -1) -> None:
        self.saved = saved
        self.profile = saved.load(user_id, rules)
        self.profile.watermark = watermark
        raw = saved.parts.get(WRITTEN)
        self._written: Document | None = None if raw is None else last_written.decode(user_id, raw)
        self._labels = hashlib.sha256()
        self._told = Deltas()
        self.documents: list[str] = []

    def take(self, step: Step) -> None:
        """Takes a step and saves what it changed."""
        profile = self.profile
        events, before, after = step
        profile.apply_all([event for _, event in events], before)
        due = profile.deadline()
        if due is not None and due <= after:
            profile.advance(after)
        for label in profile.take_labels():
            self._labels.update(encode_label(label))
        if (delta := profile.take_delta()) is not None:
            delta.add_to(self._told)
        if profile.stale:
            made = profile.document()
            if must_write(self._written, made, profile.rules.window_ms // 2):
                self._written = made
                self.documents.append("" if made is None else hashlib.sha256(document.encode(made)).hexdigest()[:16])
                if made is None:
                    self.saved.parts.pop(WRITTEN, None)
                else:
                    self.saved.parts[WRITTEN] = last_written.encode(made)
        self.saved.save(profile)

    def told(self, life: Life) -> Life:
        """The same life with what has become of it since."""
        made = self.profile.document()
        told = self._told
        return msgspec.structs.replace(
            life,
            documents=self.documents,
            last="" if made is None else document.encode(made).decode(),
            labels=self._labels.hexdigest(),
            told={
                **{f"tag {tag}": _plain(sums) for tag, sums in sorted(told.tags.items())},
                **{f"creator {name}": _plain(sums) for name, sums in sorted(told.creators.items())},
                "everyone": _plain(told.everyone),
            },
            parts_after=_text(self.saved.parts),
            journal_after=[base64.b64encode(entry).decode() for entry in self.saved.journal],
        )


def lives(raw: bytes) -> dict[str, Life]:
    """The users in a file."""
    return msgspec.json.decode(raw, type=dict[str, Life])


def saved_in(life: Life) -> Saved:
    """The state that a life begins with."""
    parts = {name: base64.b64decode(part) for name, part in life.parts.items()}
    return Saved(parts, [base64.b64decode(entry) for entry in life.journal])


def steps_in(life: Life) -> Iterator[Step]:
    """The steps of a life."""
    for events, before, after in life.steps:
        yield [(topic, msgspec.json.decode(raw, type=EVENT_TYPES[topic])) for topic, raw in events], before, after


def lived(user_id: str, life: Life) -> Life:
    """The life again, from its stored state on, by the code as it is."""
    living = Living(user_id, Rules(Settings(**WORLD)), saved_in(life), life.watermark)
    for step in steps_in(life):
        living.take(step)
    return living.told(life)


# --- making the file ------------------------------------------------------------------------------------------------


class Outcome(Struct):
    """What became of a stored user: digests of the documents written, the last one, and their days in the end."""

    documents: list[str]
    last: str
    tiles: str

    @classmethod
    def of(cls, life: Life) -> Outcome:
        days = {name: part for name, part in life.parts_after.items() if name not in ("h", "s")}
        return cls(life.documents, life.last, hashlib.sha256(json.dumps(days, sort_keys=True).encode()).hexdigest())


def outcomes(version: int) -> dict[str, Outcome]:
    """Of the users that this version stored."""
    return msgspec.json.decode(OUTCOMES[version].read_bytes(), type=dict[str, Outcome])


def _write_outcomes() -> None:
    for version, file in FILES.items():
        found = {user: Outcome.of(lived(user, life)) for user, life in lives(file.read_bytes()).items()}
        OUTCOMES[version].write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def main() -> None:
    """Writes the file."""
    if sys.argv[1:] == ["outcomes"]:
        _write_outcomes()
        return
    made = {user: _life(user, events) for user, events in _everybody().items()}
    file = Path(sys.argv[1])
    encoded = msgspec.json.format(msgspec.json.encode(made), indent=1)
    file.write_bytes(encoded + b"\n")
    for user, life in made.items():
        names = ", ".join(sorted(life.parts))
        last = len(json.loads(life.last)["entries"]) if life.last else "no"
        print(f"{user}: {names}, {len(life.journal)} entries, {len(life.documents)} documents after, {last} entries")
    print(f"{file}: {len(encoded):,} bytes")


def _everybody() -> dict[str, list[tuple[str, Event]]]:
    """Events by user, as they arrive."""
    city = City(3, DAYS, 5, BEGIN + DAYS * DAY_MS, events=1_000, items=60, tags=12, creators=6)
    found: dict[str, list[tuple[str, Event]]] = {}
    for topic, event in city.events():
        found.setdefault(event.user_id, []).append((topic, event))
    found["stated"] = list(_stated("stated"))
    found["gone"] = [
        ("dislikes", Dislike(user_id="gone", ts=BEGIN + DAY_MS, action="hide", content_id="h", tags=("x",))),
        ("feedback", Feedback(user_id="gone", ts=BEGIN + DAY_MS + 1, kind="like", content_id="a", tags=("y",))),
    ]
    return found


def _stated(user: str) -> Iterator[tuple[str, Event]]:
    """All that can be said, part of it sealed before the middle, part of it open then, part of it late afterwards."""

    def gave(ts: int, kind: Any, content: str | None, *tags: str, **more: Any) -> tuple[str, Event]:
        return "feedback", Feedback(user_id=user, ts=ts, kind=kind, content_id=content, tags=tags, **more)

    def no(ts: int, action: Any, content: str | None, *tags: str, **more: Any) -> tuple[str, Event]:
        return "dislikes", Dislike(user_id=user, ts=ts, action=action, content_id=content, tags=tags, **more)

    early, open_at, late = BEGIN + 4 * DAY_MS, MIDDLE - 20 * 60_000, MIDDLE + DAY_MS
    yield gave(early, "follow", None, creator_id="friend", cohort="c1")
    yield gave(early + 1, "rating", "r1", "x", "y", value=5)
    yield gave(early + 2, "rating", "r2", "x", value=2)
    yield gave(early + 3, "rating", "r3", "z", value=4)
    yield gave(early + 4, "purchase", "p1", "x", order_id="o1", creator_id="shop")
    yield gave(early + 5, "purchase", "p1", order_id="o2")
    yield gave(early + 6, "purchase", "p2", "y")
    yield no(early + 7, "block", None, scope="tag", tag="gore")
    yield no(early + 8, "hide", "h1", "z", creator_id="bore")
    yield no(early + 9, "dislike", "d1", "x", "z")
    yield gave(early + 10, "like", "d2", "y")
    yield no(early + 11, "not_interested", None, scope="creator", creator_id="bore", device="tv")
    yield no(open_at - 85 * 60_000, "hide", "h0", "z", session_id="s0")  # seals while those below are open
    yield no(open_at, "dislike", "d2", "y", session_id="s1", device="tv")
    yield gave(open_at + 1_000, "return", "p1", order_id="o1", session_id="s1")
    yield gave(open_at + 2_000, "undo", None, creator_id="friend", of="follow")
    yield gave(open_at + 3_000, "rating", "r4", "z", value=1, session_id="s1")
    for n in range(12):
        item: dict[str, Any] = {"content_id": f"i{n}", "tags": ("x", f"t{n % 3}"), "creator_id": f"k{n % 2}"}
        at: dict[str, Any] = {
            "user_id": user,
            "ts": open_at + 5_000 * n,
            "session_id": "s1" if n % 2 else None,
            "tz_offset_min": 120,
        }
        yield "impressions", Impression(**at, **item, position=n, visible_ms=2_500, device="phone" if n % 3 else None)
        if n % 4 == 0:
            media: Any = ("video", "audio", "article")[n // 4 % 3]
            yield "plays", Play(**at, **item, media=media, duration_s=300.0, played_s=5.5 * n, scroll_depth=0.2)
    yield gave(open_at + 60_000, "click", "i1", session_id="s1")
    yield gave(open_at + 61_000, "comment", "i1", session_id="s1", cohort="c2")
    yield no(late, "undo", "d1")
    yield gave(late + 1, "like", "i3", "x")
    yield no(early + 20, "report", "late1", "z")  # late, and the next three
    yield gave(early + 21, "love", "h1", "z")
    yield no(early + 22, "undo", "d1")
    yield gave(early + 23, "undo", "d2", of="like")
    yield gave(late + 3 * 3_600_000, "return", "p2")


def _life(user: str, events: list[tuple[str, Event]]) -> Life:
    rules = Rules(Settings(**WORLD))
    living = Living(user, rules, Saved())
    stored: Life | None = None
    following: list[Step] = []
    waiting = list(events)
    newest = BEGIN
    for end in range(BEGIN + SLICE_MS, BEGIN + 33 * DAY_MS, SLICE_MS):
        profile = living.profile
        if stored is None and end > MIDDLE and (profile.sessions or user == "gone"):
            stored = Life(profile.watermark, _text(living.saved.parts), [*map(_base64, living.saved.journal)], [])
            living = Living(user, rules, saved_in(stored), stored.watermark)
        some = []
        while waiting and max(newest, waiting[0][1].ts) < end:
            newest = max(newest, waiting[0][1].ts)
            some.append(waiting.pop(0))
        due = living.profile.deadline()
        if some or (due is not None and due <= end - LAG_MS):
            step = some, max(newest, end - SLICE_MS) - LAG_MS, end - LAG_MS
            living.take(step)
            following += [step] if stored is not None else []
        if not waiting and user != "gone":
            break
    assert stored is not None
    encoded = [([(topic, encode(e).decode()) for topic, e in some], at, after) for some, at, after in following]
    return living.told(msgspec.structs.replace(stored, steps=encoded))


def _plain(sums: Struct) -> list[Any]:
    return list(msgspec.to_builtins(sums, str_keys=True))


def _text(parts: dict[str, bytes]) -> dict[str, str]:
    return {name: _base64(part) for name, part in sorted(parts.items())}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


if __name__ == "__main__":
    main()
