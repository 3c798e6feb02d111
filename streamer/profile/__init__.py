"""What is remembered of one user: session join, day tiles, roll-up, explicit records. Pure."""

from streamer.profile.labels import Label
from streamer.profile.profile import Changes, EventFate, Profile
from streamer.profile.rules import Rules

__all__ = ["Changes", "EventFate", "Label", "Profile", "Rules"]
