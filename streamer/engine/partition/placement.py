"""Whether a record stands in its user's partition.

Faust seam: none; pure.

Producers choose the partition, and clients differ in how (``streamer/partitioning.py``). A user whose records stand in
two partitions would have two halves of a state, at two workers, and an undo or an erasure would miss one of them.

What must hold for it to be right: the number of partitions is the topics' own.
"""

from __future__ import annotations

from streamer.engine.kafka.records import Record
from streamer.engine.partition.work import Reject
from streamer.partitioning import Partitioner, partition_of


class Placement:
    """Holds the records of one partition to where they belong.

    Args:
        partition: its number.
        partitions: how many there are.
        partitioner: how producers choose.
    """

    def __init__(self, partition: int, partitions: int, partitioner: Partitioner) -> None:
        self._partition = partition
        self._partitions = partitions
        self._partitioner: Partitioner = partitioner

    def is_home(self, user: str) -> bool:
        """Whether a user belongs here."""
        return partition_of(user, self._partitions, self._partitioner) == self._partition

    def misplaced(self, topic: str, record: Record, user: str) -> Reject | None:
        """Why a user's record does not stand where it must; None: it does."""
        if record.key is None:
            detail = f"no record key: it must be the user_id, {user!r}, as it decides on the partition"
            return Reject(topic, self._partition, record, "missing_key", detail)
        if self.is_home(user):
            return None
        home = partition_of(user, self._partitions, self._partitioner)
        detail = (
            f"user {user!r} belongs in partition {home} of {self._partitions} by partitioner={self._partitioner}: let "
            "the producer use that one, or set the setting partitioner"
        )
        return Reject(topic, self._partition, record, "wrong_partition", detail)
