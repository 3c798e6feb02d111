"""One user's saved state, read from changelog and journal: for tools that explain, outside any consumer group.

Faust seam: none.

What must hold for it to be right: what the worker has changed since its last checkpoint is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.scan import scanner
from streamer.engine.state.changelog import MARK_KEY, apply_record
from streamer.engine.state.loading import load_profile
from streamer.engine.state.recovery import JournalReplay
from streamer.engine.state.store import ERASED, MemoryStore, PartitionStore
from streamer.partitioning import partition_of
from streamer.profile import Profile, Rules
from streamer.settings import Settings


async def saved_state(settings: Settings, user_id: str) -> PartitionStore | None:
    """A store with this user's parts alone, and the mark of their partition's last checkpoint; None: no such user.

    Looked for where the deployment's partitioner puts the user, then everywhere else.

    Raises:
        BrokerUnavailable: no broker answered in time.
        StateCorrupt, StateTooNew: the checkpoint mark cannot be read.
    """
    async with scanner(settings, "the state") as topics:
        return await saved_in(topics, settings, user_id)


async def saved_in(topics: Reader, settings: Settings, user_id: str) -> PartitionStore | None:
    """:func:`saved_state`, over a connection that there is."""
    likely = partition_of(user_id, settings.partitions, settings.partitioner)
    others = [partition for partition in range(settings.partitions) if partition != likely]
    found = await _find(topics, settings, user_id, [likely])
    return found if found is not None else await _find(topics, settings, user_id, others)


async def _find(topics: Reader, settings: Settings, user_id: str, partitions: Iterable[int]) -> PartitionStore | None:
    key_of_user = user_id.encode()
    ends_with = b"|" + key_of_user
    stores = {partition: MemoryStore() for partition in partitions}
    async for scanned in topics.scan(settings.topics.state, dict.fromkeys(stores, 0)):
        store = stores[scanned.partition]
        for record in scanned.records:
            key = record.key or b""
            if key == MARK_KEY or key.partition(b"|")[1] + key.partition(b"|")[2] == ends_with:
                apply_record(store, record)
    replays = {partition: JournalReplay(store) for partition, store in stores.items()}
    begin = {partition: 0 if store.mark is None else store.mark.journal_begin for partition, store in stores.items()}
    async for scanned in topics.scan(settings.topics.journal, begin):
        for record in scanned.records:
            if record.key == key_of_user:
                replays[scanned.partition].apply(record)
    return next((store for store in stores.values() if _knows(store, user_id)), None)


def _knows(store: PartitionStore, user_id: str) -> bool:
    """Whether there is more of the user than that an erasure was done: one is done in every partition."""
    return bool(store.parts(user_id).keys() - {ERASED}) or user_id in store.journal


def profile_in(store: PartitionStore, user_id: str, rules: Rules) -> Profile:
    """The profile that a store holds of a user, advanced to the store's watermark.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    profile = load_profile(user_id, rules, store.parts(user_id), store.journal.records(user_id))
    if store.mark is not None:
        profile.advance(store.mark.watermark)
    return profile
