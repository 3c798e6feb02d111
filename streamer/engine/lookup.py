"""One user's saved state, read from the changelog: for tools that explain, outside any consumer group.

Faust seam: none.

What must hold for it to be right: what the worker has changed since its last checkpoint is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.partitioner import murmur2

from streamer.engine.scan import scan
from streamer.engine.store import PartitionStore
from streamer.engine.table import MARK_KEY, apply_record
from streamer.profile import Profile, Rules
from streamer.settings import Settings

_POSITIVE = 0x7FFFFFFF


def partition_of(user_id: str, partitions: int) -> int:
    """The partition that Kafka's default partitioner (murmur2) gives a key.

    >>> [partition_of(user, 4) for user in ("ann", "bob", "eve")]
    [2, 2, 0]
    """
    hashed: int = murmur2(user_id.encode())
    return (hashed & _POSITIVE) % partitions


async def saved_state(settings: Settings, user_id: str) -> PartitionStore | None:
    """A store with this user's parts alone, and the mark of their partition's last checkpoint; None: no such user.

    Looked for where the default partitioner puts the user, then, if their producer uses another one, everywhere else.

    Raises:
        BrokerUnavailable: no broker answered in time.
        StateCorrupt, StateTooNew: the checkpoint mark cannot be read.
    """
    likely = partition_of(user_id, settings.partitions)
    others = [partition for partition in range(settings.partitions) if partition != likely]
    return await _find(settings, user_id, [likely]) or await _find(settings, user_id, others)


async def _find(settings: Settings, user_id: str, partitions: Iterable[int]) -> PartitionStore | None:
    ends_with = b"|" + user_id.encode()
    stores: dict[int, PartitionStore] = {partition: PartitionStore() for partition in partitions}
    async for scanned in scan(settings, settings.topics.state, dict.fromkeys(stores, 0)):
        store = stores[scanned.partition]
        for record in scanned.records:
            key = record.key or b""
            if key == MARK_KEY or key.partition(b"|")[1] + key.partition(b"|")[2] == ends_with:
                apply_record(store, record)
    return next((store for store in stores.values() if len(store)), None)


def profile_in(store: PartitionStore, user_id: str, rules: Rules) -> Profile:
    """The profile that a store holds of a user, advanced to the store's watermark.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    parts = store.parts(user_id)
    profile = Profile.load(user_id, rules, parts.get("h"), parts.get("s"), (), lambda day: parts.get(f"t{day}"))
    if store.mark is not None:
        profile.advance(store.mark.watermark)
    return profile
