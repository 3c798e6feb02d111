"""What tells one deployment's outbox from every other's, wherever that is."""

from __future__ import annotations

from streamer.producing.connection import connect
from streamer.settings import Settings


def outbox_of(settings: Settings) -> str:
    """The outbox and the Kafka cluster it is in, in words; the same for all of a deployment's processes.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    with connect(settings) as cluster:
        return f"topic {settings.topics.avoid_lists} of Kafka cluster {cluster.id}"
