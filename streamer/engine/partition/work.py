"""The work of a partition: a step of one user, what it gives, and what a slice of many steps produced.

Faust seam: none; no I/O.

What must hold for it to be right:
- Done again to the state from before it, by the same rules, a step gives the same. So one that raised can be taken
  apart (``engine/partition/users.py``).
- A slice's output is written, all of it, before the state behind it is saved (``engine/partition/output.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.engine.kafka.records import Record
from streamer.engine.partition.responses import Response
from streamer.events import Event
from streamer.profile import EventFate, Profile
from streamer.profile.session import Session
from streamer.scoring.document import Document


class Step(NamedTuple):
    """What one slice does to one user: events are applied at watermark ``before``, then time moves to ``after``."""

    before: int
    events: Sequence[Event]
    after: int


class HotUser:
    """One decoded user: the profile, the document last written, and the steps not yet saved."""

    __slots__ = ("dirty", "last_written", "last_written_changed", "profile", "steps")

    def __init__(self, profile: Profile, written: Document | None) -> None:
        self.profile = profile
        self.last_written = written
        self.last_written_changed = False
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
        sealed: these sessions.
    """

    outcomes: Sequence[EventFate]
    writes: bool
    document: bytes | None
    poisoned: Mapping[int, str]
    labels: Sequence[LabelWrite] = ()
    sealed: Sequence[Session] = ()


class Result(NamedTuple):
    """What doing a step gave, before it is accepted."""

    outcomes: Sequence[EventFate]
    document: Document | None
    writes: bool
    raw: bytes | None
    deadline: int | None
    labels: Sequence[LabelWrite] = ()
    sealed: Sequence[Session] = ()


class Reject(NamedTuple):
    """A record that could not be processed, with where it came from and why (topic ``rejects``)."""

    topic: str
    partition: int
    record: Record
    code: str
    detail: str


class Write(NamedTuple):
    """A document for the outbox; ``value`` None is a tombstone, ``event_ts`` that of the newest event behind it."""

    user: str
    value: bytes | None
    event_ts: int | None


class LabelWrite(NamedTuple):
    """A label for the topic ``labels``; ``name`` tells it from the user's other ones, so that repeats are known.

    ``value`` None, without a name, is a tombstone: the user was erased.
    """

    user: str
    name: str
    value: bytes | None


@dataclass(slots=True)
class Output:
    """What a slice produced. ``events``, ``late`` and ``erased`` count by topic without prefix.

    ``responses``: what came of each "no" that was followed to its end; ``unfollowed``: of how many that is not known.
    """

    writes: list[Write] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    labels: list[LabelWrite] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    unfollowed: int = 0
    events: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    erased: Counter[str] = field(default_factory=Counter)
    users: int = 0
    more: bool = False
