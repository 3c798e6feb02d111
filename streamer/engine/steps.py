"""The work unit of one user: a step, what it is done to, and what it gives.

Faust seam: none; pure.

What must hold for it to be right: done again to the state from before it, by the same rules, a step gives the same. So
one that raised can be taken apart (``engine/users.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamer.engine.results import LabelWrite
from streamer.engine.store import HEAD, SESSIONS, TILE
from streamer.events import Event
from streamer.profile import Outcome, Profile, Rules
from streamer.scoring.document import Document


def load_profile(user: str, rules: Rules, parts: Mapping[str, bytes], journal: Sequence[bytes]) -> Profile:
    """The profile in a user's stored parts and journal records.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    return Profile.load(
        user, rules, parts.get(HEAD), parts.get(SESSIONS), journal, lambda day: parts.get(f"{TILE}{day}")
    )


class Step(NamedTuple):
    """What one slice does to one user: events are applied at watermark ``before``, then time moves to ``after``."""

    before: int
    events: Sequence[Event]
    after: int


class HotUser:
    """One decoded user: the profile, the document last written, and the steps not yet saved."""

    __slots__ = ("dirty", "profile", "steps", "written", "written_changed")

    def __init__(self, profile: Profile, written: Document | None) -> None:
        self.profile = profile
        self.written = written
        self.written_changed = False
        self.steps: list[Step] = []
        self.dirty = False


class Stepped(NamedTuple):
    """The result of a step.

    Attributes:
        outcomes: what became of each event.
        writes: the document must be written.
        document: the bytes to write; None: a tombstone.
        poisoned: events that could not be processed, by position, with the traceback.
        labels: what the sessions that sealed say; none if labels are off.
    """

    outcomes: Sequence[Outcome]
    writes: bool
    document: bytes | None
    poisoned: Mapping[int, str]
    labels: Sequence[LabelWrite] = ()


class Result(NamedTuple):
    """What doing a step gave, before it is accepted."""

    outcomes: Sequence[Outcome]
    document: Document | None
    writes: bool
    raw: bytes | None
    deadline: int | None
    labels: Sequence[LabelWrite] = ()
