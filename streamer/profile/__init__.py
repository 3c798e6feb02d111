"""What is remembered of one user: session join, day tiles, roll-up, explicit records. Pure."""

from streamer.profile.labels import Label
from streamer.profile.life import lived
from streamer.profile.profile import EventFate, Profile
from streamer.profile.rules import Rules
from streamer.profile.saving import Changes

__all__ = ["Changes", "EventFate", "Label", "Profile", "Rules", "lived"]
