"""A user who says or opens a lot costs as much as they do, and no more: work is counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from streamer.events import DAY_MS, Dislike
from streamer.profile import Profile, Rules
from streamer.settings import Settings

NOON = 20_400 * DAY_MS + DAY_MS // 2
HOUR = 3_600_000


def calls_of(work: Callable[[], object]) -> int:
    """Python calls that some work takes."""
    count = 0

    def counting(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def disliked(number: int, scope: Any = "content", **more: Any) -> Dislike:
    said: dict[str, Any] = {
        "ts": NOON + number,
        "content_id": f"c{number}",
        "creator_id": f"k{number}",
        "tag": f"tag {number}",
        "session_id": "s",
    }
    return Dislike(user_id="bot", action="dislike", scope=scope, **{**said, **more})


def who_said(*said: Dislike, **more: Any) -> Profile:
    profile = Profile("bot", Rules(Settings(clock="events", **more)))
    profile.apply_all(said, 0)
    return profile


def calls_to_seal(profile: Profile) -> int:
    """Python calls that sealing everything takes."""
    calls = calls_of(lambda: profile.advance(NOON + 3 * HOUR))
    assert not profile.sessions
    return calls


@pytest.mark.parametrize("scope", ["content", "creator", "tag"])
def test_sealing_twice_as_many_statements_takes_twice_as_much_work(scope: str) -> None:
    calls = [calls_to_seal(who_said(*(disliked(n, scope) for n in range(many)))) for many in (10, 600, 1200)]
    assert calls[2] < 2.6 * calls[1]  # the first ten: what is worked out once is now


def test_a_record_said_in_twice_as_many_sessions_takes_twice_as_much_work() -> None:
    def calls(sessions: int) -> int:
        said = [disliked(20 * s + n, content_id="c", session_id=f"s{s}") for s in range(sessions) for n in range(8)]
        profile = who_said(*said)
        return calls_of(profile.document)

    assert calls(200) < 2.6 * calls(100)


def test_an_event_among_many_open_sessions_asks_few_of_them_anything() -> None:
    profile = who_said(*(disliked(n, session_id=f"s{n}") for n in range(500)))
    assert calls_of(lambda: profile.apply(disliked(600, session_id="s7"), 0)) < 150


def test_sessions_that_drop_records_beyond_the_cap_do_not_work_out_anew_what_all_others_amount_to() -> None:
    # 64 records stay; every session drops one: what that costs does not grow with how many sessions come after it
    said = [disliked(n, session_id=f"s{n}") for n in range(400)]
    calls = calls_to_seal(who_said(*said, explicit_cap=64)), calls_to_seal(who_said(*said[:200], explicit_cap=64))
    assert calls[0] < 3 * calls[1]
    assert calls[0] < 400 * 64 * 50
