"""Runs a worker, publisher or population agent that harms itself at a named place:

    python -m tests.system.faults.faulty worker crash "changes saved" 2

The place is wrapped once, before anything is built: the code that runs otherwise is the one that is deployed, except
that the journal is truncated every second instead of every minute.

    crash BOUNDARY N   ends at once, as by kill -9, when the boundary is reached for the Nth time
    freeze BOUNDARY N  stops (SIGSTOP) before the write that leads to the boundary, and does it when woken
    poison CONTENT     raises when an event that names this content is applied to a profile
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from streamer import agents
from streamer.agents import signals
from streamer.agents.publisher import Publisher
from streamer.engine.kafka.compacted import CompactedTopic
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.transport import BatchConsumer
from streamer.engine.kafka.truncation import Truncation
from streamer.engine.partition.output import OutputWriter, Pending
from streamer.engine.population.aggregator import Aggregator
from streamer.engine.population.deltas import DeltaWriter
from streamer.engine.state.changelog import ChangelogWriter, JournalWriter, journal_of
from streamer.engine.state.disk import DiskStore
from streamer.engine.state.store import UserChange
from streamer.profile import Profile
from streamer.settings import load
from streamer.sinks.population import PopulationWriter
from streamer.sinks.redis import AvoidListWriter

CRASHED: Final = 77
_TRUNCATE_S: Final = 1.0


class Boundary(NamedTuple):
    """A place between two writes: after a method, or in the middle of the list that it is given.

    Attributes:
        kind: whose boundary it is.
        owner, method: what is wrapped.
        counts: given the method's arguments without `self`, whether this call is one that matters.
        halves: position of the list of which only the first half is written; None: the call is made whole.
        arrived: waits until what was written has arrived; None: it has when the method returns.
        on_disk: only workers that keep their state on disk pass it.
    """

    kind: str
    owner: type
    method: str
    counts: Callable[..., bool] = lambda *_: True
    halves: int | None = None
    arrived: Callable[..., Awaitable[object]] | None = None
    on_disk: bool = False


def _journalled(changes: Sequence[UserChange]) -> int:
    return sum(bool(journal_of(change)) for change in changes)


async def _documents_acked(partition: int, out: object, pending: Pending) -> None:
    await asyncio.gather(*(sent.done for written in pending.documents for sent in written.sent))


BOUNDARIES: Final = {
    "partitions claimed": Boundary("worker", BatchProducer, "claim", lambda partitions, topics: len(partitions) > 0),
    "documents written": Boundary(
        "worker", OutputWriter, "write", lambda p, out, pending: bool(out.writes), arrived=_documents_acked
    ),
    "outputs settled": Boundary("worker", OutputWriter, "settle", lambda p, taken, *_: bool(taken.documents)),
    "half of the deltas written": Boundary("worker", DeltaWriter, "_write", lambda topic, e: len(e) > 1, halves=1),
    "deltas written": Boundary("worker", DeltaWriter, "_write", lambda topic, e: len(e) > 0),
    "half of the journal acked": Boundary("worker", JournalWriter, "write", lambda p, c: _journalled(c) > 1, halves=1),
    "journal acked": Boundary("worker", JournalWriter, "write", lambda p, c: _journalled(c) > 0),
    "half of the changes saved": Boundary("worker", ChangelogWriter, "write", lambda p, c: len(c) > 1, halves=1),
    "changes saved": Boundary("worker", ChangelogWriter, "write", lambda p, changes: len(changes) > 0),
    "mark saved": Boundary("worker", ChangelogWriter, "write_mark"),
    "recovered to disk": Boundary("worker", DiskStore, "applied", on_disk=True),
    "local store written": Boundary("worker", DiskStore, "saved", on_disk=True),
    "source committed": Boundary("worker", BatchConsumer, "_commit", lambda offsets: len(offsets) > 0),
    "journal truncated": Boundary("worker", Truncation, "delete_before", lambda begins: any(begins.values())),
    "half of a batch in Redis": Boundary("publisher", AvoidListWriter, "_run", lambda u, _: len(u) > 1, halves=0),
    "batch in Redis": Boundary("publisher", Publisher, "publish"),
    "outbox committed": Boundary("publisher", BatchConsumer, "_commit", lambda offsets: len(offsets) > 0),
    "half of the totals saved": Boundary(
        "population", Aggregator, "_append", lambda topic, e: topic.endswith("totals") and len(e) > 1, halves=1
    ),
    "totals saved": Boundary(
        "population", Aggregator, "_append", lambda topic, e: topic.endswith("totals") and len(e) > 0
    ),
    "deltas committed": Boundary("population", BatchConsumer, "_commit", lambda offsets: len(offsets) > 0),
    "lists announced": Boundary("population", CompactedTopic, "replace"),
    "snapshot announced": Boundary("population", Aggregator, "_append", lambda topic, e: topic.endswith("snapshots")),
    "half of the figures in Redis": Boundary(
        "population", PopulationWriter, "_run", lambda c, at: len(c) > 1, halves=0
    ),
}


Fault = Literal["crash", "freeze"]


def instead(boundary: Boundary, nth: int, fault: Fault) -> None:
    """Makes this process crash or freeze when the boundary is reached for the nth time."""
    original = getattr(boundary.owner, boundary.method)
    reached = 0

    def is_now(args: tuple[Any, ...]) -> bool:
        nonlocal reached
        counts = boundary.counts(*args)
        reached += counts
        return counts and reached == nth

    @functools.wraps(original)
    async def wrapped(self: object, *args: Any) -> object:
        if not is_now(args):
            return await original(self, *args)
        args = _before(boundary, fault, args)
        result = await original(self, *args)
        if fault == "crash" and boundary.arrived is not None:
            await boundary.arrived(*args)
        _after(fault)
        return result

    @functools.wraps(original)
    def wrapped_plain(self: object, *args: Any) -> object:
        if not is_now(args):
            return original(self, *args)
        result = original(self, *_before(boundary, fault, args))
        _after(fault)
        return result

    setattr(boundary.owner, boundary.method, wrapped if inspect.iscoroutinefunction(original) else wrapped_plain)


def _before(boundary: Boundary, fault: Fault, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the write is called with: all of it, after a freeze; only a half where the crash is to come there."""
    if fault == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif boundary.halves is not None:
        whole = args[boundary.halves]
        return (*args[: boundary.halves], whole[: len(whole) // 2], *args[boundary.halves + 1 :])
    return args


def _after(fault: Fault) -> None:
    if fault == "crash":
        os._exit(CRASHED)


def poisoned_by(content_id: str) -> None:
    """Makes events that name this content raise, as those of a bug that nobody has met yet."""
    original = Profile.apply_all

    @functools.wraps(original)
    def apply_all(self: Profile, events: Sequence[Any], watermark: int) -> Any:
        result = original(self, events, watermark)
        if any(event.content_id == content_id for event in events):
            raise ZeroDivisionError(f"an event of {content_id}")
        return result

    Profile.apply_all = apply_all  # type: ignore[method-assign]


def main(kind: str, fault: str, *arguments: str) -> int:
    """Installs the fault, then runs as always."""
    if fault == "poison":
        poisoned_by(arguments[0])
    else:
        boundary = BOUNDARIES[arguments[0]]
        assert boundary.kind == kind, f"{arguments[0]} is a boundary of a {boundary.kind}"
        assert fault in ("crash", "freeze")
        instead(boundary, int(arguments[1]), fault)
    signals._TRUNCATE_S = _TRUNCATE_S  # type: ignore[misc]
    runs = {"worker": agents.run_worker, "publisher": agents.run_publisher, "population": agents.run_population}
    return runs[kind](load())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
