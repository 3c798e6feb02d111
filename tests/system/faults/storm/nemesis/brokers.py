"""The broker that leads some partition is killed, or frozen, and comes back. Never two at a time: two of three must be
there to take records.
"""

from __future__ import annotations

from functools import partial
from random import Random

from streamer.settings import Settings
from tests.backends.cluster import KafkaCluster
from tests.system.faults.storm.nemesis import Fault


class Brokers:
    name = "brokers"
    pause_s = (4.0, 15.0)

    def __init__(self, cluster: KafkaCluster, settings: Settings) -> None:
        self._cluster = cluster
        topics = settings.topics
        self._topics = (*topics.sources, topics.erasures, topics.avoid_lists, topics.state, topics.journal)
        self._partitions = settings.partitions

    def draw(self, rng: Random) -> Fault:
        topic, partition = rng.choice(self._topics), rng.randrange(self._partitions)
        node = self._cluster.leader_of(topic, partition)
        what = f"broker {node}, which leads {topic}[{partition}],"
        if rng.random() < 0.5:
            strike, heal = self._cluster.kill, self._cluster.restart
            return Fault(f"{what} is killed", rng.uniform(0, 10), partial(strike, node), partial(heal, node))
        return Fault(
            f"{what} is frozen", rng.uniform(2, 12), partial(self._cluster.freeze, node), partial(self._thaw, node)
        )

    def _thaw(self, node: int) -> None:
        self._cluster.thaw(node)
        self._cluster.await_health()
