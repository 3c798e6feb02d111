"""Where a partition is read from, when nothing says so or the log is not as it was left.

Faust seam: ``Fetcher._proc_offset_request`` of aiokafka, which asks one broker where partitions begin or end.

Replaces: nothing but what follows an error. aiokafka asks the same broker again and again, though that one says that it
leads the partition no more, or does not answer: who leads it is looked up every five minutes. Meanwhile nothing is read
from that broker, and nothing says so. A fetch that is refused has it looked up at once, and so does this now.

What must hold for it to be right: the error goes on to aiokafka, which asks again.
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaError

METADATA_MAX_AGE_MS: Final = 30_000
"""Who leads what is looked up this often though no error says that it has changed; aiokafka: five minutes."""


def look_up_leaders(fetcher: Fetcher) -> None:
    """From now on a partition's position is asked for where its leader is."""
    ask = fetcher._proc_offset_request

    async def asked(node_id: int, topic_data: Any) -> Any:
        try:
            return await ask(node_id, topic_data)
        except KafkaError:
            fetcher._client.force_metadata_update()
            raise

    fetcher._proc_offset_request = asked
