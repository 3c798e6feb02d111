"""The events of a few users over half a day, and when each is sent: late within grace, twice, out of order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Final, NamedTuple

from msgspec.structs import replace

from streamer.events import DAY_MS, Dislike, Erasure, Event, Feedback, Impression, Play

BEGIN_MS: Final = 20_400 * DAY_MS + 9 * 3_600_000
"""When the story begins: late enough for some to go past midnight."""
MINUTE_MS: Final = 60_000
DELAY_MS: Final = 40 * MINUTE_MS
"""An event is sent at most so much later than it happened: less than grace."""
LATE_MS: Final = 9 * 60 * MINUTE_MS
"""A tardy user's events are sent up to so much later."""
TARDY: Final = "tardy"
"""The user whose events may come too late: what of them counts depends on the schedule."""
ODD: Final[tuple[tuple[bytes, str], ...]] = (
    (b"{", "malformed_json"),
    (b"[1]", "not_an_object"),
    (b'{"user_id":"u","ts":1}', "missing_field"),
)
"""What is no event, and the code that it is rejected with."""

_CREATORS: Final = (None, "ada", "bob", "cy")
_TAGS: Final = ((), ("x",), ("y",), ("x", "y"), ("z", "x"))
_KINDS: Final = ("impressions", "impressions", "plays", "plays", "dislikes", "feedback")


class Sent(NamedTuple):
    """Something sent.

    Attributes:
        at: when, ms since 1970.
        topic: where to.
        what: an event, an erasure or bytes that are neither.
        code: what it is rejected with; empty: it is not.
    """

    at: int
    topic: str
    what: Event | Erasure | bytes
    code: str = ""


def story(rng: Random) -> list[Sent]:
    """What is sent, in order."""
    users = [f"u{n}" for n in range(rng.randint(2, 3))] + [TARDY] * (rng.random() < 0.2)
    found: list[Sent] = []
    for user in users:
        found += _life(user, rng)
    while rng.random() < 0.4:
        body, code = rng.choice(ODD)
        found.append(Sent(rng.choice(found).at, rng.choice(_KINDS), body, code))
    while rng.random() < 0.5:
        amid = rng.choice(found)
        user = rng.choice(users) if isinstance(amid.what, bytes) else amid.what.user_id
        found.append(Sent(amid.at + 1, "erasures", Erasure(user, amid.at + 1)))
    return sorted(map(_renamed(found), found), key=lambda sent: sent.at)


def _renamed(found: Iterable[Sent]) -> Callable[[Sent], Sent]:
    """After an erasure a user meets other items than before.

    Of one met before and after, in a session that has not sealed, what is left depends on when the erasure is fetched.
    """
    erased = [sent.what for sent in found if isinstance(sent.what, Erasure)]

    def renamed(sent: Sent) -> Sent:
        what = sent.what
        if isinstance(what, bytes | Erasure) or what.content_id is None:
            return sent
        times = sum(erasure.user_id == what.user_id and erasure.ts < what.ts for erasure in erased)
        return sent._replace(what=replace(what, content_id=f"{what.content_id}{'+' * times}"))

    return renamed


def _life(user: str, rng: Random) -> Iterator[Sent]:
    ts = BEGIN_MS + rng.randrange(60) * MINUTE_MS
    for _ in range(rng.randint(1, 4)):
        session = rng.choice((None, None, "s1", "s2"))
        for _ in range(rng.randint(1, 7)):
            ts += rng.choice((1, 4_000, 20_000, 5 * MINUTE_MS, 25 * MINUTE_MS))
            topic = rng.choice(_KINDS)
            event = _event(topic, user, ts, session, rng)
            most = LATE_MS if user == TARDY else DELAY_MS
            for _ in range(1 + (rng.random() < 0.15)):
                yield Sent(ts + rng.choice((0, 0, 50, 3_000, rng.randrange(most))), topic, event)
        ts += rng.choice((31, 45, 90, 240)) * MINUTE_MS


def _event(topic: str, user: str, ts: int, session: str | None, rng: Random) -> Event:
    common: dict[str, object] = {
        "user_id": user,
        "ts": ts,
        "session_id": session,
        "creator_id": rng.choice(_CREATORS),
        "tags": rng.choice(_TAGS),
    }
    content = f"c{rng.randrange(6)}"
    if topic == "impressions":
        return Impression(**common, content_id=content, visible_ms=rng.choice((500, 3_000)), position=rng.randrange(4))  # type: ignore[arg-type]
    if topic == "plays":
        return Play(**common, content_id=content, played_s=rng.choice((2.0, 55.0)), duration_s=60.0)  # type: ignore[arg-type]
    if topic == "dislikes":
        return _dislike(common, content, rng)
    kind = rng.choice(("like", "click", "rating", "undo"))
    value, of = 2 if kind == "rating" else None, "like" if kind == "undo" else None
    return Feedback(**common, content_id=content, kind=kind, value=value, of=of)  # type: ignore[arg-type]


def _dislike(common: dict[str, object], content: str, rng: Random) -> Dislike:
    scope = rng.choice(("content", "content", "creator", "tag"))
    action = rng.choice(("dislike", "hide", "block", "undo"))
    creator = common["creator_id"] or "ada"
    about = common | {"creator_id": creator, "content_id": content, "tag": "x" if scope == "tag" else None}
    return Dislike(**about, action=action, scope=scope)  # type: ignore[arg-type]
