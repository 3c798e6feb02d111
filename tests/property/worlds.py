"""Small worlds for Hypothesis: few users' things, many collisions, so that corners are met often."""

from __future__ import annotations

from typing import Literal

from hypothesis import strategies as st

from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings, TileCaps

BASE_DAY = 20_000
MINUTE = 60_000

SMALL = Settings(
    window_days=6,
    half_life_days=3.0,
    grace=3600,
    explicit_cap=4,
    tile_caps=TileCaps(tags=3, creators=2, contents=4),
    session_items=6,
)
"""A world in which windows pass and caps bite within a few events."""

ROOMY = Settings(window_days=6, half_life_days=3.0)
"""A world in which windows pass within a few events, and no cap bites."""

CROWDED = ROOMY.model_copy(update={"session_items": 2})
"""A world in which an event decides on which other interactions count."""

USUAL = Settings()

contents = st.sampled_from(["c1", "c2", "c3", "c4", "c5", "c6", "c7"])
creators = st.sampled_from([None, None, "a", "b", "d"])
tags = st.sampled_from([(), (), (), ("x",), ("y",), ("x", "y"), ("z", "x"), ("w",), ("v", "w", "x"), (" X ", "y")])
media = st.sampled_from([None, None, None, "video", "audio", "article", "product"])
durations = st.sampled_from([None, 10.0, 40.0, 100.0, 1800.0, 7200.0])
sessions = st.sampled_from([None, None, "s1", "s2"])
devices = st.sampled_from([None, "phone", "tv"])
cohorts = st.sampled_from([None, None, None, "k1", "k2"])
zones = st.sampled_from([0, 60, -300])


@st.composite
def snapshots(draw: st.DrawFn, version: int = 1) -> Priors:
    """What may be known of everybody: rates far from the constants, and of some keys their own."""
    shares = st.floats(0.03, 0.9).map(lambda share: round(share, 3))
    return Priors(
        version=version,
        prior=draw(st.sampled_from([DEFAULT.prior, DEFAULT.prior, 0.01, 0.2])),
        start_rate=draw(st.sampled_from([DEFAULT.start_rate, 0.01, 0.4])),
        abandonment=draw(shares),
        abandonments=draw(st.one_of(st.just(()), st.lists(shares, min_size=15, max_size=15).map(tuple))),
        tags=draw(st.dictionaries(st.sampled_from("xyzwv"), st.sampled_from([0.01, 0.05, 0.12, 0.2]), max_size=4)),
        creators=draw(st.dictionaries(st.sampled_from("abd"), st.sampled_from([0.005, 0.1, 0.5]), max_size=3)),
    )


@st.composite
def times(draw: st.DrawFn, days: int) -> int:
    """Clustered in sittings, with gaps just at, below and above the session gap, and at days' ends."""
    day = draw(st.integers(0, days - 1))
    minute = draw(st.sampled_from([0, 5, 29, 30, 31, 60, 600, 605, 635, 636, 700, 1380, 1410, 1439]))
    offset = draw(st.sampled_from([0, 1, 4999, 5000, 20_000, 45_000]))
    return (BASE_DAY + day) * DAY_MS + minute * MINUTE + offset


@st.composite
def events(draw: st.DrawFn, days: int = 4) -> Event:
    common = {
        "user_id": "u",
        "ts": draw(times(days)),
        "session_id": draw(sessions),
        "device": draw(devices),
        "cohort": draw(cohorts),
        "tz_offset_min": draw(zones),
        "creator_id": draw(creators),
        "tags": draw(tags),
        "media": draw(media),
        "duration_s": draw(durations),
    }
    kind = draw(st.sampled_from(["impression"] * 4 + ["play"] * 3 + ["dislike"] * 2 + ["feedback"] * 4))
    if kind == "impression":
        return Impression(
            **common,
            content_id=draw(contents),
            position=draw(st.sampled_from([None, 0, 1, 5, 300])),
            visible_ms=draw(st.sampled_from([None, 999, 1500, 2000, 9000])),
            visible_ratio=draw(st.sampled_from([1.0, 0.5, 0.49])),
            event_id=draw(st.sampled_from([None, None, "e1", "e2"])),
        )
    if kind == "play":
        return Play(
            **common,
            content_id=draw(contents),
            playback_id=draw(st.sampled_from(["", "p1", "p2"])),
            played_s=draw(st.sampled_from([None, 0.5, 3.0, 9.0, 33.0, 60.0, 95.0, 1700.0])),
            position_s=draw(st.sampled_from([None, 0.0, 50.0])),
            scroll_depth=draw(st.sampled_from([None, 0.1, 0.25, 0.9])),
            ended=draw(st.booleans()),
        )
    if kind == "dislike":
        return _dislike(draw, common)
    return _feedback(draw, common)


@st.composite
def sittings(draw: st.DrawFn, days: int = 4) -> list[Event]:
    """A handful of plays alike, at one hour on one device: what habits of the hour and of the length are made of."""
    day, hour = draw(st.integers(0, days - 1)), draw(st.sampled_from([2, 8, 20]))
    start = (BASE_DAY + day) * DAY_MS + hour * 60 * MINUTE + draw(st.sampled_from([0, 1, 600_000]))
    common: dict[str, object] = {
        "user_id": "u",
        "session_id": draw(sessions),
        "device": draw(devices),
        "tags": draw(st.sampled_from([("x",), ("x",), ("x", "y"), ()])),
    }
    duration_s, patience = draw(st.sampled_from([(50.0, 0.9), (400.0, 0.9), (400.0, 0.001), (7200.0, 0.001)]))
    return [
        Play(**common, ts=start + 1000 * n, content_id=f"p{n}", duration_s=duration_s, played_s=duration_s * patience)
        for n in range(draw(st.integers(3, 9)))
    ]


@st.composite
def moods(draw: st.DrawFn, days: int = 4) -> list[Event]:
    """One statement, twice or once, on things of tag x, at one hour on one device."""
    day, hour = draw(st.integers(0, days - 1)), draw(st.sampled_from([2, 8, 20]))
    start = (BASE_DAY + day) * DAY_MS + hour * 60 * MINUTE
    common: dict[str, object] = {
        "user_id": "u",
        "device": draw(devices),
        "tags": draw(st.sampled_from([("x",), ("x", "y")])),
    }
    kind = draw(st.sampled_from(["dislike", "dislike", "like", "undo"]))
    named = [f"m{draw(st.integers(0, 5))}" for _ in range(draw(st.integers(1, 2)))]
    if kind == "like":
        return [Feedback(**common, ts=start + 9 * n, content_id=name, kind="like") for n, name in enumerate(named)]
    action = "dislike" if kind == "dislike" else "undo"
    return [Dislike(**common, ts=start + 9 * n, content_id=name, action=action) for n, name in enumerate(named)]


@st.composite
def statements(draw: st.DrawFn, days: int = 14) -> Event:
    """Mostly explicit feedback, on two contents and over more than two windows of the small world."""
    minute = draw(st.sampled_from([600, 605, 606, 630, 700, 1438]))
    offset = draw(st.sampled_from([0, 0, 1, 2, 6000]))
    common: dict[str, object] = {
        "user_id": "u",
        "ts": (BASE_DAY + draw(st.integers(0, days - 1))) * DAY_MS + minute * MINUTE + offset,
        "session_id": draw(st.sampled_from([None, "s1"])),
        "creator_id": draw(st.sampled_from([None, None, "a", "b"])),
        "tags": draw(st.sampled_from([(), (), (), ("x",), ("y",), ("z", "x")])),
    }
    content_id = draw(st.sampled_from(["c1", "c1", "c2"]))
    kind = draw(st.sampled_from(["impression", "play", "dislike", "dislike", "feedback", "feedback", "feedback"]))
    if kind == "impression":
        return Impression(**common, content_id=content_id, visible_ms=3000)
    if kind == "play":
        return Play(**common, content_id=content_id, played_s=draw(st.sampled_from([1.0, 50.0])), duration_s=60.0)
    return _dislike(draw, common) if kind == "dislike" else _feedback(draw, common)


@st.composite
def crowds(draw: st.DrawFn) -> list[Event]:
    """More items than may count; then some turn out to have been shown earlier, and follows are made and taken back."""
    start = BASE_DAY * DAY_MS + 600 * MINUTE
    names = draw(st.permutations(["c1", "c2", "c3", "c4"]))

    def shown(name: str, second: int) -> Event:
        return Impression(user_id="u", ts=start + 1000 * second, content_id=name, tags=(name,), visible_ms=3000)

    def told(kind: Literal["follow", "undo"], second: int) -> Event:
        of: Literal["follow"] | None = "follow" if kind == "undo" else None
        name, creator = draw(st.sampled_from([None, *names[:2]])), draw(st.sampled_from(["m", "k"]))
        ts = start + 1000 * second
        return Feedback(user_id="u", ts=ts, content_id=name, kind=kind, of=of, creator_id=creator, tags=("f",))

    found: list[Event] = []
    for at, name in enumerate(names):
        ts = start + 1000 * (20 + at)
        if draw(st.booleans()):
            found.append(Play(user_id="u", ts=ts, content_id=name, tags=(name,), played_s=1.0, duration_s=60.0))
        else:
            found.append(shown(name, 20 + at))
    later = [shown(draw(st.sampled_from(names)), draw(st.integers(0, 22))) for _ in range(draw(st.integers(0, 3)))]
    kinds: list[Literal["follow", "undo"]] = draw(st.lists(st.sampled_from(["follow", "undo"]), max_size=4))
    later += [told(kind, draw(st.integers(21, 24))) for kind in kinds]
    return found + draw(st.permutations(later))


def _dislike(draw: st.DrawFn, common: dict[str, object]) -> Dislike:
    scope = draw(st.sampled_from(["content", "content", "creator", "tag"]))
    content_id = draw(contents if scope == "content" else st.sampled_from([None, "c1"]))
    if scope == "creator":
        common["creator_id"] = draw(st.sampled_from(["a", "b"]))
    action = draw(st.sampled_from(["dislike", "dislike", "not_interested", "hide", "block", "report", "undo", "undo"]))
    tag = draw(st.sampled_from(["x", "Y"])) if scope == "tag" else None
    return Dislike(**common, action=action, scope=scope, content_id=content_id, tag=tag)


def _feedback(draw: st.DrawFn, common: dict[str, object]) -> Feedback:
    kinds = ["click", "like", "love", "save", "share", "follow", "comment", "rating", "rating", "purchase", "return"]
    kind = draw(st.sampled_from([*kinds, "purchase", "return", "undo", "undo"]))
    of = draw(st.sampled_from(kinds)) if kind == "undo" else None
    family = of or kind
    if family == "follow":
        common["creator_id"] = draw(st.sampled_from(["a", "b"]))
    content_id = draw(st.sampled_from([None, "c1", "c2"]) if family == "follow" else contents)
    value = draw(st.integers(1, 5)) if kind == "rating" else None
    order = draw(st.sampled_from([None, "o1", "o2"])) if kind in ("purchase", "return") else None
    return Feedback(**common, kind=kind, of=of, content_id=content_id, value=value, order_id=order)
