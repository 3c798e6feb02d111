"""A life told in one go: what a user's profile is after events in the order of their times. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from streamer.events import Event
from streamer.profile.profile import Profile
from streamer.profile.rules import Rules


def lived(user_id: str, events: Iterable[Event], rules: Rules) -> Profile:
    """The profile as a worker has it that reads each event when it happens, so that sessions seal in between.

    What is left open at the end stays open: see :meth:`~streamer.profile.profile.Profile.advance`.

    Args:
        user_id: whose.
        events: all of them, ts ascending.
        rules: the deployment's constants.
    """
    profile = Profile(user_id, rules)
    due: int | None = None
    for event in events:
        if due is not None and event.ts >= due:
            profile.advance(event.ts)
        profile.apply(event, event.ts)
        due = profile.deadline()
    return profile
