"""Runs a worker or publisher that harms itself at a named place:

    python -m tests.system.faults.faulty worker crash "changes saved" 2

The place is wrapped once, before anything is built: the code that runs otherwise is the one that is deployed.

    crash BOUNDARY N   ends at once, as by kill -9, when the boundary is reached for the Nth time
    freeze BOUNDARY N  stops (SIGSTOP) before the write that leads to the boundary, and does it when woken
    poison CONTENT     raises when an event that names this content is applied to a profile
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import agents
from agents.publisher import Publisher
from streamer.engine.output import OutputWriter, Pending
from streamer.engine.producer import BatchProducer
from streamer.engine.table import ChangelogWriter
from streamer.engine.transport import BatchConsumer
from streamer.profile import Profile
from streamer.settings import load
from streamer.sinks import AvoidListWriter

CRASHED: Final = 77


class Boundary(NamedTuple):
    """A place between two writes: after a method, or in the middle of the list that it is given.

    Attributes:
        kind: whose boundary it is.
        owner, method: what is wrapped.
        counts: given the method's arguments without `self`, whether this call is one that matters.
        halves: position of the list of which only the first half is written; None: the call is made whole.
        arrived: waits until what was written has arrived; None: it has when the method returns.
    """

    kind: str
    owner: type
    method: str
    counts: Callable[..., bool] = lambda *_: True
    halves: int | None = None
    arrived: Callable[..., Awaitable[object]] | None = None


async def _documents_acked(partition: int, out: object, pending: Pending) -> None:
    await asyncio.gather(*(sent.done for sent in pending.documents))


BOUNDARIES: Final = {
    "partitions claimed": Boundary("worker", BatchProducer, "claim", lambda partitions, topics: len(partitions) > 0),
    "documents written": Boundary(
        "worker", OutputWriter, "write", lambda p, out, pending: bool(out.writes), arrived=_documents_acked
    ),
    "outputs settled": Boundary("worker", OutputWriter, "settle", lambda p, taken: bool(taken.documents)),
    "half of the changes saved": Boundary("worker", ChangelogWriter, "write", lambda p, c: len(c) > 1, halves=1),
    "changes saved": Boundary("worker", ChangelogWriter, "write", lambda p, changes: len(changes) > 0),
    "mark saved": Boundary("worker", ChangelogWriter, "write_mark"),
    "source committed": Boundary("worker", BatchConsumer, "_commit", lambda offsets: len(offsets) > 0),
    "half of a batch in Redis": Boundary("publisher", AvoidListWriter, "_run", lambda u: len(u) > 1, halves=0),
    "batch in Redis": Boundary("publisher", Publisher, "publish"),
    "outbox committed": Boundary("publisher", BatchConsumer, "_commit", lambda offsets: len(offsets) > 0),
}


Write = Callable[..., Awaitable[object]]


async def crash(boundary: Boundary, write: Write, args: tuple[Any, ...]) -> object:
    """Does the write, or half of it, and ends this process."""
    if boundary.halves is not None:
        whole = args[boundary.halves]
        args = (*args[: boundary.halves], whole[: len(whole) // 2], *args[boundary.halves + 1 :])
    await write(*args)
    if boundary.arrived is not None:
        await boundary.arrived(*args)
    os._exit(CRASHED)


async def freeze(_boundary: Boundary, write: Write, args: tuple[Any, ...]) -> object:
    """Stops this process, and does the write when it is woken."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return await write(*args)


def instead(boundary: Boundary, nth: int, act: Callable[[Boundary, Write, tuple[Any, ...]], Awaitable[object]]) -> None:
    """Makes this process act when the boundary is reached for the nth time."""
    original = getattr(boundary.owner, boundary.method)
    reached = 0

    @functools.wraps(original)
    async def wrapped(self: object, *args: Any) -> object:
        nonlocal reached
        reached += boundary.counts(*args)
        if reached == nth and boundary.counts(*args):
            return await act(boundary, functools.partial(original, self), args)
        return await original(self, *args)

    setattr(boundary.owner, boundary.method, wrapped)


def poisoned_by(content_id: str) -> None:
    """Makes events that name this content raise, as those of a bug that nobody has met yet."""
    original = Profile.apply

    @functools.wraps(original)
    def apply(self: Profile, event: Any, watermark: int) -> Any:
        result = original(self, event, watermark)
        if event.content_id == content_id:
            raise ZeroDivisionError(f"an event of {content_id}")
        return result

    Profile.apply = apply  # type: ignore[method-assign]


def main(kind: str, fault: str, *arguments: str) -> int:
    """Installs the fault, then runs as always."""
    if fault == "poison":
        poisoned_by(arguments[0])
    else:
        boundary = BOUNDARIES[arguments[0]]
        assert boundary.kind == kind, f"{arguments[0]} is a boundary of a {boundary.kind}"
        instead(boundary, int(arguments[1]), {"crash": crash, "freeze": freeze}[fault])
    return agents.run_worker(load()) if kind == "worker" else agents.run_publisher(load())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
