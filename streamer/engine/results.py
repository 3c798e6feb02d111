"""What a slice of a partition produced.

Faust seam: none; pure.

What must hold for it to be right: it is written, all of it, before the state behind it is saved (``engine/output.py``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.engine.records import Record


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
    """What a slice produced. ``events``, ``late`` and ``erased`` count by topic without prefix."""

    writes: list[Write] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    labels: list[LabelWrite] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    erased: Counter[str] = field(default_factory=Counter)
    users: int = 0
    more: bool = False
