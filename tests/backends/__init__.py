"""Real servers for tests and benchmarks: Apache Kafka and Redis, started here or reached by address.

    from tests.backends import open_kafka, open_redis
    with open_kafka() as kafka, open_redis() as redis:
        ... kafka.bootstrap, redis.url, kafka.kill(), kafka.start() ...

The first of these that is there is taken; `NotHere` says what to install when none is:

1. a server already running, by `address`; tests take it from the environment, as in
   STREAMER_TEST_KAFKA=127.0.0.1:9092 STREAMER_TEST_REDIS=redis://127.0.0.1:6379/0
2. Kafka's own jars through Maven, kept in ~/.cache/streamer-tests, and the machine's redis-server, or another one:
   STREAMER_TEST_REDIS_BINARY=/opt/valkey/bin/valkey-server
3. containers, where a Docker engine answers (testcontainers)
"""

from tests.backends.choose import open_kafka, open_redis
from tests.backends.kafka import KafkaServer
from tests.backends.ports import NotHere
from tests.backends.redis import RedisServer

__all__ = ["KafkaServer", "NotHere", "RedisServer", "open_kafka", "open_redis"]
