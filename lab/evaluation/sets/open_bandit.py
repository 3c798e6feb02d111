"""Open Bandit: impressions of a fashion shop; do scores tell what will not be clicked?

Only the log of the random policy is used: what it showed does not depend on what it believed. A user is a tuple of
user features, that is many people of one kind; later impressions without a click are the unwanted items, clicked ones
the wanted. Clicks are rare (some .4 %), so intervals are wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from lab.evaluation.joining import keys_of
from lab.evaluation.sets.history import History, Test, split_at
from streamer.errors import DataSetError
from streamer.events import Event, Feedback, Impression
from streamer.replay.datasets import open_bandit


def histories(path: Path) -> Iterator[History]:
    """All pseudo-users' histories.

    Raises:
        DataSetError: no log of the random policy is there, or a file is not in its documented format.
    """
    logs = [log for name in open_bandit.CAMPAIGNS if (log := path / "random" / name / f"{name}.csv").is_file()]
    if not logs:
        raise DataSetError(f"{path} holds no log of the random policy: expected random/{{campaign}}/{{campaign}}.csv")
    events = [event for log in logs for _, event in open_bandit.events(log)]
    events.sort(key=lambda event: (event.user_id, event.ts))
    for user_id, own in groupby(events, key=lambda event: event.user_id):
        yield _history(user_id, list(own))


def _history(user_id: str, events: list[Event]) -> History:
    split = split_at([event.ts for event in events if isinstance(event, Impression)])
    clicked = {(event.content_id, event.ts) for event in events if isinstance(event, Feedback)}
    tests = tuple(
        Test(event.content_id, keys_of(event.tags, event.creator_id), (event.content_id, event.ts) not in clicked)
        for event in events
        if event.ts >= split and isinstance(event, Impression)
    )
    return History(user_id, tuple(event for event in events if event.ts < split), tests)
