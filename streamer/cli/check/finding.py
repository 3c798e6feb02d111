"""What a part of ``streamer check`` found, and how one that fails does not keep the others from being looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from streamer.errors import StreamerError


class Finding(NamedTuple):
    """One thing checked.

    Attributes:
        part: what was looked at.
        good: whether all is well.
        text: what was found, or what is wrong and what to do.
    """

    part: str
    good: bool
    text: str


def guarded(part: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a part finds; an error that ends it is a finding, too, one for each of its problems."""
    try:
        yield from look()
    except StreamerError as error:
        yield from (Finding(part, False, each) for each in getattr(error, "problems", [str(error)]))
