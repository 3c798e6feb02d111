"""Where a partition is read from, when nothing says so or the log is not as it was left.

Faust seam: ``Fetcher._proc_offset_request`` of aiokafka, which asks one broker where partitions begin or end.

Replaces: nothing but what follows from an answer.

- *After an error* aiokafka asks the same broker again and again, though that one says that it leads the partition no
  more, or does not answer: who leads it is looked up every five minutes. Meanwhile nothing is read from that broker,
  and nothing says so. A fetch that is refused has it looked up at once, and so does this now.
- *A position that the broker does not have* (OFFSET_OUT_OF_RANGE) aiokafka replaces by the beginning, without a word.
  If the log begins behind it, records are gone that nobody has read. If it ends before it, the log was rewritten: a
  leader was elected that lacked its end (an unclean election), or the topic was made anew. Either is told. To read
  again is harmless, to skip is loss, so the beginning is right.

What must hold for it to be right: the error goes on to aiokafka, which asks again. A log that was rewritten and has
grown past the position before it is asked again looks like any other: only leader epochs would show it (KIP-320), which
aiokafka does not send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy
from aiokafka.errors import KafkaError

METADATA_MAX_AGE_MS: Final = 30_000
"""Who leads what is looked up this often though no error says that it has changed; aiokafka: five minutes."""

LOST: Final = "lost"
REWRITTEN: Final = "rewritten"
Key = tuple[str, int]
"""Topic and partition."""


def told(topic: str, partition: int, position: int, begin: int) -> tuple[str, str]:
    """What has become of a log that does not have a position, and how to say it."""
    if position < begin:
        lost = f"offsets {position} to {begin - 1} were deleted before they were read"
        return LOST, f"{topic}[{partition}]: {lost}: raise its retention.ms, or read sooner"
    return REWRITTEN, (
        f"{topic}[{partition}] ends before offset {position}, up to which it had been read: another log stands there "
        f"(an unclean leader election, or the topic was made anew). It is read again from {begin}"
    )


class OutOfRange:
    """Positions that brokers did not have, until it is known where their partitions are read from instead.

    Args:
        told: called with topic, partition, the position, and where the partition begins; in the fetch thread.
    """

    def __init__(self, told: Callable[[str, int, int, int], None]) -> None:
        self._told = told
        self._positions: dict[Key, int] = {}

    def note(self, key: Key, position: int) -> None:
        """The broker did not have it."""
        self._positions[key] = position

    def found(self, begins: Mapping[Key, int]) -> None:
        """Where partitions begin."""
        for key, begin in begins.items():
            position = self._positions.pop(key, None)
            if position is not None:
                self._told(*key, position, begin)


def look_up_leaders(fetcher: Fetcher, out_of_range: OutOfRange | None = None) -> None:
    """From now on a partition's position is asked for where its leader is."""
    ask = fetcher._proc_offset_request

    async def asked(node_id: int, topic_data: Any) -> Any:
        try:
            found = await ask(node_id, topic_data)
        except KafkaError:
            fetcher._client.force_metadata_update()
            raise
        if out_of_range is not None:
            begins = {
                (topic, partition): found[topic, partition][0]
                for topic, rows in topic_data.items()
                for partition, strategy in rows
                if strategy == OffsetResetStrategy.EARLIEST and (topic, partition) in found
            }
            out_of_range.found(begins)
        return found

    fetcher._proc_offset_request = asked
