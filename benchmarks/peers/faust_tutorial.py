"""Idiomatic Faust: the simple count (see `benchmarks/peers/__init__.py`) as Faust's tutorial would have it written.

    APP=… BROKERS=… PREFIX=… PARTITIONS=… DATADIR=… python -m benchmarks.peers.faust_tutorial worker

Records with the JSON serializer, an agent a topic, one table keyed by user, the stock transport.
"""

import math
import os

import faust
from faust.types import StreamT

DAY_MS = 86_400_000

prefix = os.environ["PREFIX"]
app = faust.App(
    os.environ["APP"],
    broker=f"kafka://{os.environ['BROKERS']}",
    datadir=os.environ["DATADIR"],
    topic_partitions=int(os.environ["PARTITIONS"]),
    store="memory://",
)


class Impression(faust.Record, serializer="json"):
    user_id: str
    ts: int
    content_id: str
    tags: list[str] = []  # noqa: RUF012 - a default in a faust.Record
    media: str = "video"
    visible_ms: int | None = None
    visible_ratio: float = 1.0


class Play(faust.Record, serializer="json"):
    user_id: str
    ts: int
    content_id: str
    tags: list[str] = []  # noqa: RUF012
    duration_s: float | None = None
    played_s: float | None = None
    ended: bool = True


class Dislike(faust.Record, serializer="json"):
    user_id: str
    ts: int
    action: str
    tags: list[str] = []  # noqa: RUF012


class Feedback(faust.Record, serializer="json"):
    user_id: str
    ts: int
    kind: str


class AvoidList(faust.Record, serializer="json"):
    user_id: str
    tags: list[str]


impressions = app.topic(f"{prefix}impressions", key_type=str, value_type=Impression)
plays = app.topic(f"{prefix}plays", key_type=str, value_type=Play)
dislikes = app.topic(f"{prefix}dislikes", key_type=str, value_type=Dislike)
feedback = app.topic(f"{prefix}feedback", key_type=str, value_type=Feedback)
avoid_lists = app.topic(f"{os.environ['APP']}-out", key_type=str, value_type=AvoidList)
users = app.Table("users", default=dict, partitions=int(os.environ["PARTITIONS"]))


def avoided(days: dict[str, list[int]]) -> bool:
    """Whether a tag is on the list, from its counts by day."""
    shown, started, abandoned, disliked = (int(sum(count)) for count in zip(*days.values(), strict=True))
    return disliked > 0 or (shown >= 10 and started == 0) or (abandoned >= 2 and 2 * abandoned >= started)


async def count(event: Impression | Play | Dislike, columns: list[int]) -> None:
    """Counts an event for each of its tags, and emits the user's list if it changed."""
    user = users[event.user_id] or {"tags": {}, "avoided": []}
    before = user["avoided"]
    listed = set(before)
    day = str(event.ts // DAY_MS)
    for tag in event.tags:
        days = user["tags"].setdefault(tag, {})
        counts = days.setdefault(day, [0, 0, 0, 0])
        for column in columns:
            counts[column] += 1
        (listed.add if avoided(days) else listed.discard)(tag)
    user["avoided"] = sorted(listed)
    users[event.user_id] = user
    if user["avoided"] != before:
        await avoid_lists.send(key=event.user_id, value=AvoidList(event.user_id, user["avoided"]))


@app.agent(impressions)
async def on_impression(stream: StreamT[Impression]) -> None:
    async for impression in stream:
        needed = 2000 if impression.media == "video" else 1000
        if (impression.visible_ms or -1) >= needed and impression.visible_ratio >= 0.5:
            await count(impression, [0])


@app.agent(plays)
async def on_play(stream: StreamT[Play]) -> None:
    async for play in stream:
        if play.ended:
            limit = 30.0 if play.duration_s is None else min(60.0, 2 * math.sqrt(play.duration_s))
            await count(play, [1, 2] if play.played_s is not None and play.played_s < limit else [1])


@app.agent(dislikes)
async def on_dislike(stream: StreamT[Dislike]) -> None:
    async for dislike in stream:
        await count(dislike, [3])


@app.agent(feedback)
async def on_feedback(stream: StreamT[Feedback]) -> None:
    async for _ in stream:
        pass


if __name__ == "__main__":
    app.main()
