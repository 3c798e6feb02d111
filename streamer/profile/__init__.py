"""What is remembered of one user: session join, day tiles, roll-up, explicit records. Pure."""

from streamer.profile.profile import Outcome, Profile
from streamer.profile.rules import Rules

__all__ = ["Outcome", "Profile", "Rules"]
