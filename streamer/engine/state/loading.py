"""A user's profile from what is stored of it.

Faust seam: none; no I/O.

What must hold for it to be right: parts and journal records are those of one instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamer.engine.state.store import HEAD, SESSIONS, TILE
from streamer.profile import Profile, Rules


def load_profile(user: str, rules: Rules, parts: Mapping[str, bytes], journal: Sequence[bytes]) -> Profile:
    """The profile in a user's stored parts and journal records.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    return Profile.load(
        user, rules, parts.get(HEAD), parts.get(SESSIONS), journal, lambda day: parts.get(f"{TILE}{day}")
    )
