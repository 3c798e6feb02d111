"""A user's events taken in at one go do what they do one by one, wherever a run of one session ends."""

from __future__ import annotations

from random import Random

import pytest

from streamer.city.city import City
from streamer.city.disorder import disorder
from streamer.events import Event
from streamer.profile import Profile, Rules
from streamer.scoring import document
from streamer.settings import Settings

END_MS = 1_760_000_000_000


def profiles(settings: Settings, seed: int) -> list[tuple[Profile, Profile, list[Event]]]:
    """For some users: two new profiles, and all their events as they might arrive."""
    rules = Rules(settings)
    by_user: dict[str, list[Event]] = {}
    for _, event in disorder(City(30, 10, seed, END_MS).events(), 1_800_000, 0.1, seed):
        by_user.setdefault(event.user_id, []).append(event)
    return [(Profile(user, rules), Profile(user, rules), events) for user, events in by_user.items()]


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_events_at_one_go_do_what_they_do_one_by_one(labels: bool, seed: int) -> None:
    rng = Random(seed)
    for single, at_once, events in profiles(Settings(labels=labels, session_items=8), seed):
        begin = 0
        while begin < len(events):
            end = begin + rng.randint(1, 40)
            some = events[begin:end]
            watermark = max(event.ts for event in some) - rng.randint(0, 4 * 3_600_000)
            single.document(), at_once.document()
            assert at_once.apply_all(some, watermark) == [single.apply(event, watermark) for event in some]
            assert at_once.stale == single.stale
            for profile in (single, at_once):
                profile.advance(watermark + 1)
            assert _state(at_once) == _state(single)
            begin = end


def _state(profile: Profile) -> tuple[object, ...]:
    made = profile.document()
    return profile.changes(), None if made is None else document.encode(made), profile.deadline()
