"""Quix Streams: the simple count (see `benchmarks/peers/__init__.py`) as its documentation would have it written.

    APP=… BROKERS=… PREFIX=… STATE=… python quix_tutorial.py

One StreamingDataFrame per topic, concatenated; the count is a stateful function with a state per user. It runs in a
virtual environment of its own and imports nothing of Streamer.
"""

import math
import os
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]

DAY_MS = 86_400_000

prefix = os.environ["PREFIX"]
app = Application(
    broker_address=os.environ["BROKERS"],
    consumer_group=os.environ["APP"],
    auto_offset_reset="earliest",
    state_dir=os.environ["STATE"],
    loglevel="INFO",
)


def avoided(days: dict[str, list[int]]) -> bool:
    """Whether a tag is on the list, from its counts by day."""
    shown, started, abandoned, disliked = (int(sum(count)) for count in zip(*days.values(), strict=True))
    return disliked > 0 or (shown >= 10 and started == 0) or (abandoned >= 2 and 2 * abandoned >= started)


def columns_of(event: dict[str, Any]) -> list[int]:
    """Which counts an event adds to."""
    if "action" in event:
        return [3]
    if "kind" in event or "watermark" in event:
        return []
    if "position" in event:
        needed = 2000 if event.get("media", "video") == "video" else 1000
        return [0] if event.get("visible_ms", -1) >= needed and event.get("visible_ratio", 1.0) >= 0.5 else []
    if not event.get("ended", True):
        return []
    duration = event.get("duration_s")
    limit = 30.0 if duration is None else min(60.0, 2 * math.sqrt(duration))
    return [1, 2] if event.get("played_s", math.inf) < limit else [1]


def count(event: dict[str, Any], state: State) -> list[dict[str, Any]]:
    """Counts an event for each of its tags; the user's list if it changed."""
    columns = columns_of(event)
    if not columns:
        return []
    before = state.get("avoided", [])
    listed = set(before)
    day = str(event["ts"] // DAY_MS)
    for tag in event.get("tags", []):
        days = state.get(tag, {})
        counts = days.setdefault(day, [0, 0, 0, 0])
        for column in columns:
            counts[column] += 1
        state.set(tag, days)
        (listed.add if avoided(days) else listed.discard)(tag)
    after = sorted(listed)
    if after == before:
        return []
    state.set("avoided", after)
    return [{"user_id": event["user_id"], "tags": after}]


def main() -> None:
    """Runs until it is stopped."""
    out = app.topic(f"{os.environ['APP']}-out", value_serializer="json")
    frames = [
        app.dataframe(app.topic(prefix + name, value_deserializer="json"))
        for name in ("impressions", "plays", "dislikes", "feedback")
    ]
    events = frames[0]
    for frame in frames[1:]:
        events = events.concat(frame)
    events = events.filter(lambda event: "user_id" in event)
    events.apply(count, stateful=True, expand=True).to_topic(out)
    app.run()


if __name__ == "__main__":
    main()
