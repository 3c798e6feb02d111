"""What must hold of a world that has healed."""

from __future__ import annotations

from collections.abc import Iterator

from lab.oracle import oracle
from lab.simulation.broker import Scanner
from lab.simulation.member import PARTITION
from lab.simulation.story import TARDY
from lab.simulation.sums import erased_until, wrong_sums
from lab.simulation.world import World
from streamer.engine.state.loading import load_profile
from streamer.engine.state.recovery import recover_from
from streamer.engine.state.store import ERASED, MemoryStore
from streamer.events import Erasure, Event
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.testing.worker import finished


def problems(world: World) -> list[str]:
    """What does not hold; empty: all does."""
    store = _recovered(world)
    found = [*_time(world, store), *_documents(world, store), *_rejects(world), *_late(world)]
    return [*found, *wrong_sums(world, store)]


def _time(world: World, store: MemoryStore) -> Iterator[str]:
    """By events' time it is as late as the last watermark says; a wall clock may be slow."""
    end = -1 if store.mark is None else store.mark.watermark
    if world.settings.clock == "events" and end < world.broker.now_ms:
        yield f"time: the watermark is {end}, must be {world.broker.now_ms}"


def _documents(world: World, store: MemoryStore) -> Iterator[str]:
    """Redis has the newest of the outbox, which may stand for what follows from the state, which the oracle says."""
    end = -1 if store.mark is None else store.mark.watermark
    erased = erased_until(world)
    events = [sent.what for sent in world.sent if not isinstance(sent.what, bytes | Erasure)]
    kept = [event for event in events if event.ts > erased.get(event.user_id, -1)]
    truth = oracle.documents(world.settings, kept, end)
    newest = world.broker.logs[world.settings.topics.avoid_lists].newest()
    for user in sorted({event.user_id for event in events}):
        record = newest.get(user.encode())
        written = None if record is None else record.value
        if world.redis.documents.get(user) != written:
            yield f"{user}: Redis has another document than the outbox"
        decoded = None if written is None else document.decode(written)
        computed = _computed(world, store, user)
        yield from (f"{user}: written: {why}" for why in oracle.disagreements(decoded, computed))
        if user == TARDY:
            continue
        due = truth.get(user)
        yield from (f"{user}: kept: {why}" for why in oracle.same(computed, due))
        yield from (f"{user}: written against the oracle: {why}" for why in oracle.disagreements(decoded, due))
        if user in erased and all(event.user_id != user for event in kept):
            yield from _left(store, user)


def _recovered(world: World) -> MemoryStore:
    store = MemoryStore()
    finished(recover_from(Scanner(world.broker), world.settings.topics, {PARTITION: store}))
    return store


def _computed(world: World, store: MemoryStore, user: str) -> Document | None:
    profile = load_profile(user, world.rules, store.parts(user), store.journal.records(user))
    profile.watermark = -1 if store.mark is None else store.mark.watermark
    return profile.document()


def _left(store: MemoryStore, user: str) -> Iterator[str]:
    """State of an erased user."""
    if store.parts(user).keys() - {ERASED} or user in store.journal:
        yield f"{user}: erased, but there is state: {sorted(store.parts(user))}, {len(store.journal.records(user))}"


def _rejects(world: World) -> Iterator[str]:
    found = {}
    for record in world.broker.logs[world.settings.topics.rejects].records:
        headers = dict(record.headers)
        found[headers["topic"].decode(), int(headers["offset"])] = headers["code"].decode()
    if found != world.rejected:
        yield f"rejects: {found}, must be {world.rejected}"


def _late(world: World) -> Iterator[str]:
    """What was sent in time is late only to whom reads it again."""
    if any(_user(sent.what) == TARDY for sent in world.sent):
        return
    for member in world.ended:
        for topic, late in member.late.items():
            others = max((o.consumer.position[topic] for o in world.ended if o is not member), default=0)
            begin, end = member.consumer.begin[topic], member.consumer.position[topic]
            if late > max(0, min(end, others) - begin):
                yield f"late: {late} of {topic}, more than others read, too"


def _user(what: Event | Erasure | bytes) -> str:
    return "" if isinstance(what, bytes) else what.user_id
