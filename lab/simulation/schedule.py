"""A schedule: everything that happens, in order, as data. Any part of one is a schedule, too, so it can be shrunk."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final, Literal, NamedTuple

from lab.simulation.story import MINUTE_MS, Sent, story

Doing = Literal[
    "send", "wait", "leap", "fetch", "slice", "save", "commit", "truncate", "arrive", "crash", "move", "steal",
    "publish", "publish_part", "publish_uncommitted", "freeze_publisher", "thaw_publisher", "flush", "rebuild",
    "compact", "remake",
]  # fmt: skip

_SOURCES: Final = ("impressions", "plays", "dislikes", "feedback")
_ERASURES: Final = "erasures"
_WEIGHTS: Final[dict[Doing, float]] = {
    "wait": 2, "leap": 0.3, "fetch": 12, "slice": 10, "save": 6, "commit": 2, "truncate": 1, "arrive": 4,
    "crash": 0.8, "move": 0.4, "steal": 0.6, "publish": 2, "publish_part": 0.5, "publish_uncommitted": 0.5,
    "freeze_publisher": 0.5, "thaw_publisher": 0.3, "flush": 0.1, "rebuild": 0.2, "compact": 0.5,
    "remake": 0.15,
}  # fmt: skip
_ENDS: Final = frozenset({"crash", "steal"})
_BREAKS: Final[tuple[Doing, ...]] = ("crash", "move", "steal", "leap", "remake")


class Step(NamedTuple):
    """One thing that happens. A step about something that is not there, such as a worker that has ended, does nothing.

    Attributes:
        do: what happens.
        at: the simulated clock is at this time at least when it does, ms since 1970.
        who: 0: the worker that owns the partition; 1: one that owned it before, and does not know that it is another's.
        n: how much: records of a fetch, events of a slice, ms of a leap.
        topic: of which topic; empty: all; ``but NAME``: all others.
        turns: how many requests to the broker a worker may wait for before somebody else's step comes.
        sent: the record of a ``send``.
    """

    do: Doing
    at: int
    who: int = 0
    n: int = 0
    topic: str = ""
    turns: int = 0
    sent: Sent | None = None


class Schedule(NamedTuple):
    """What happens in one simulation, and the settings it happens with.

    Attributes:
        seed: it was drawn from this one.
        clock: the setting of that name.
        appends_time: the broker stamps records (LogAppendTime).
        hot_users, buffer_events: the settings of these names.
        ends_after: turns of the last checkpoint of the worker that has read everything, before it ends.
        steps: what happens.
    """

    seed: int
    clock: Literal["wall", "events"]
    appends_time: bool
    hot_users: int
    buffer_events: int
    ends_after: int
    steps: tuple[Step, ...]


def schedule(seed: int) -> Schedule:
    """Draws a schedule: a story of events, and between them fetches, checkpoints and mishaps.

    Args:
        seed: the same seed gives the same schedule.
    """
    rng = Random(seed)
    appends_time = rng.random() < 0.7
    is_calm = rng.random() < 0.1
    weights = dict(_WEIGHTS)
    for name in _BREAKS:
        weights[name] *= 0 if is_calm else rng.choice((0.3, 1, 2))
    return Schedule(
        seed,
        "events" if rng.random() < 0.25 else "wall",
        appends_time,
        rng.choice((1, 2, 100)),
        rng.choice((4, 10_000)),
        1 << 30 if rng.random() < 0.2 else rng.randrange(18),
        tuple(_steps(rng, weights)),
    )


def _steps(rng: Random, weights: dict[Doing, float]) -> Iterator[Step]:
    behind, pace = rng.choice((*_SOURCES, _ERASURES, _ERASURES)), rng.choice((1, 2, 4))
    doings, shares = list(weights), list(weights.values())
    sent = story(rng)
    for this, following in zip(sent, [*sent[1:], sent[-1]._replace(at=sent[-1].at + 30 * MINUTE_MS)], strict=True):
        yield Step("send", this.at, topic=this.topic, sent=this)
        for do in rng.choices(doings, shares, k=rng.randrange(2 * pace + 1)):
            if do in _ENDS:
                yield from _amid_a_checkpoint(rng)
            yield _drawn(do, rng, rng.randint(this.at, max(this.at, following.at)) if do == "wait" else 0, behind)


def _amid_a_checkpoint(rng: Random) -> Iterator[Step]:
    """What a worker does just before it is ended: often it is in the midst of a checkpoint then."""
    if rng.random() < 0.7:
        yield Step("fetch", 0, n=1000)
        yield Step("slice", 0, n=1000, turns=1000)
        yield Step("save", 0, turns=1000 if rng.random() < 0.1 else rng.randint(1, 16))
        if rng.random() < 0.7:
            yield Step("commit", 0)


def _drawn(do: Doing, rng: Random, at: int, behind: str) -> Step:
    """A step with its particulars drawn. Four in five fetches leave the topic ``behind`` alone, so that it lags."""
    who = int(rng.random() < 0.3)
    turns = rng.choice((1, 2, 3, 8, 1000, 1000))
    if do == "fetch":
        topic = rng.choice(("", "", *_SOURCES, _ERASURES))
        if topic in (behind, "" if behind == _ERASURES else behind) and rng.random() < 0.8:
            topic = "but " + behind
        return Step(do, at, who, rng.choice((1, 3, 10, 1000)), topic, turns)
    if do == "leap":
        return Step(do, at, who, rng.choice((-1, 1)) * rng.choice((2_000, 600_000, 90 * MINUTE_MS)))
    if do == "compact":
        return Step(do, at, topic=rng.choice(("streamer-state", "avoid-lists")))
    n = rng.choice((1, 5, 1000)) if do == "slice" else rng.choice((1, 2, 5, 1000))
    return Step(do, at, who, n, "", turns)
