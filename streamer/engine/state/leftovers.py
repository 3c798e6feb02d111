"""What an earlier run of a repartition has written, which another run writes over or deletes.

Faust seam: none.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from streamer.engine.kafka.ports import Reader
from streamer.events import CLAIM
from streamer.settings import Settings


class Leftovers(NamedTuple):
    """Of an earlier run.

    Attributes:
        parts: by user, names of parts of the state.
        documents: users with a document, or the tombstone of one.
    """

    parts: defaultdict[str, set[str]]
    documents: set[str]


async def leftovers_in(topics: Reader, settings: Settings) -> Leftovers:
    """What stands in a deployment's state and outbox."""
    names, begin = settings.topics, dict.fromkeys(range(settings.partitions), 0)
    found = Leftovers(defaultdict(set), set())
    async for scanned in topics.scan(names.state, begin):
        for record in scanned.records:
            name, separator, user = (record.key or b"").decode(errors="replace").partition("|")
            if separator and record.value is not None:
                found.parts[user].add(name)
    async for scanned in topics.scan(names.avoid_lists, begin):
        found.documents.update((record.key or b"").decode(errors="replace") for record in scanned.records)
    found.documents.discard(CLAIM)
    return found
