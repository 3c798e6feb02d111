"""A user who says a lot in one session costs as much as they say, and no more: work is counted, not timed."""

from __future__ import annotations

import sys

import pytest

from streamer.events import DAY_MS, Dislike
from streamer.profile import Profile, Rules
from streamer.settings import Settings

NOON = 20_400 * DAY_MS + DAY_MS // 2
HOUR = 3_600_000


def calls_to_seal(scope: str, statements: int) -> int:
    """Python calls that sealing one session with so many dislikes takes."""
    profile = Profile("bot", Rules(Settings(clock="events")))
    said = [
        Dislike(
            user_id="bot",
            ts=NOON + n,
            action="dislike",
            scope=scope,  # type: ignore[arg-type]
            creator_id=f"k{n}",
            content_id=f"c{n}",
            tag=f"tag {n}",
            session_id="s",
        )
        for n in range(statements)
    ]
    profile.apply_all(said, 0)
    count = 0

    def counting(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        profile.advance(NOON + 3 * HOUR)
    finally:
        sys.setprofile(before)
    assert not profile.sessions
    return count


@pytest.mark.parametrize("scope", ["content", "creator", "tag"])
def test_sealing_twice_as_many_statements_takes_twice_as_much_work(scope: str) -> None:
    calls_to_seal(scope, 10)  # what is worked out once is now
    assert calls_to_seal(scope, 1200) < 2.6 * calls_to_seal(scope, 600)
