"""Deletes the beginning of the journal, which nobody needs any more (Kafka's DeleteRecords).

Faust seam: none; Faust leaves deleting to retention by time, which cannot know how long a session stays open.

What must hold for it to be right: the offsets are those of marks that the broker has acked. Where it fails nothing is
lost but disk and, since recovery reads from the mark, not even time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.security import Security
from streamer.engine.kafka.connecting.worker_security import of_aiokafka
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

_TIMEOUT_MS: Final = 5_000


class Truncation:
    """Deletes records of the journal topic; what cannot be deleted is tried again with the next call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._done: dict[int, int] = {}
        self._told = False

    async def delete_before(self, begins: Mapping[int, int]) -> None:
        """Deletes the records of each partition before an offset. Never raises for a broker that does not."""
        wanted = {partition: begin for partition, begin in begins.items() if begin > self._done.get(partition, 0)}
        if not wanted:
            return
        topic = self._settings.topics.journal
        try:
            await self._delete({TopicPartition(topic, partition): begin for partition, begin in wanted.items()})
        except (KafkaError, OSError, TimeoutError, NotImplementedError) as error:
            level = logging.DEBUG if self._told else logging.INFO
            log.log(level, "%s: its old records cannot be deleted (%r), so they take up disk", topic, error)
            self._told = True
        else:
            self._done.update(wanted)

    async def _delete(self, before: Mapping[TopicPartition, int]) -> None:
        security = Security(self._settings)
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._settings.brokers, request_timeout_ms=_TIMEOUT_MS, **of_aiokafka(security)
        )
        bootstrap.choose(admin._client, _TIMEOUT_MS / 1000, security.context)
        try:
            await admin.start()
            await admin.delete_records({tp: RecordsToDelete(offset) for tp, offset in before.items()}, _TIMEOUT_MS)
        finally:
            await admin.close()
