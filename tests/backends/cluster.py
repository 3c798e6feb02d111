"""A real Kafka of several brokers, each of which can be frozen or killed. No Docker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.backends.kafka import KafkaServer
from tests.backends.opened import Opened
from tests.backends.ports import wait_until

SMALL_JVM: Final = ("-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class KafkaCluster(Opened):
    """Brokers that are controllers, too. Topics of three replicas take records while one broker is away.

    Args:
        brokers: how many.
        properties: more of server.properties, or others.
    """

    def __init__(self, brokers: int = 3, properties: Mapping[str, str] | None = None) -> None:
        self.brokers: Final = [KafkaServer(jvm=SMALL_JVM) for _ in range(brokers)]
        voters = ",".join(f"{i}@127.0.0.1:{each.controller_port}" for i, each in enumerate(self.brokers, start=1))
        copies, enough = str(min(3, brokers)), str(min(2, brokers))
        for node, broker in enumerate(self.brokers, start=1):
            broker.configure(
                {
                    "node.id": str(node),
                    "controller.quorum.voters": voters,
                    "offsets.topic.replication.factor": copies,
                    "transaction.state.log.replication.factor": copies,
                    "transaction.state.log.min.isr": enough,
                    "min.insync.replicas": enough,
                    "replica.lag.time.max.ms": "5000",
                    "controller.quorum.election.timeout.ms": "1000",
                    **(properties or {}),
                }
            )

    @property
    def bootstrap(self) -> str:
        """Addresses of all for clients."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self) -> None:
        """Starts them; returns when all take part."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.await_answer()
        self.await_health()

    def freeze(self, node: int) -> None:
        """Stops a broker (SIGSTOP): its connections stay open, nothing answers."""
        os.kill(self.brokers[node - 1].pid, signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        """Wakes it."""
        os.kill(self.brokers[node - 1].pid, signal.SIGCONT)

    def kill(self, node: int) -> None:
        """Ends a broker as a crash would."""
        self.brokers[node - 1].kill()

    def restart(self, node: int) -> None:
        """Starts it again; returns when all is well."""
        self.brokers[node - 1].start()
        self.await_health()

    def leader_of(self, topic: str, partition: int, without: int = 0) -> int:
        """The node that leads a partition, -1: none; asked of any broker but one."""
        (found,) = self._describe([topic], without)
        leaders = {each["partition_index"]: each["leader_id"] for each in found["partitions"]}
        leader: int = leaders[partition]
        return leader

    def move_leader(self, topic: str, partition: int) -> None:
        """Another broker leads the partition from now on, all being well again, as when an admin moves leaders."""
        old = self.leader_of(topic, partition)
        self.freeze(old)
        try:
            self._await(lambda: self.leader_of(topic, partition, without=old) not in (old, -1))
        finally:
            self.thaw(old)
        self.await_health()

    def await_health(self) -> None:
        """Waits until all brokers take part, and all replicas are in sync."""
        self._await(self._is_healthy)

    def close(self) -> None:
        """Ends them and deletes their data."""
        for broker in self.brokers:
            broker.close()

    def _is_healthy(self) -> bool:
        partitions = [each for topic in self._describe(None) for each in topic["partitions"]]
        in_sync = all(len(each["isr_nodes"]) == len(each["replica_nodes"]) for each in partitions)
        return in_sync and self._count() == len(self.brokers)

    def _await(self, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            try:
                return condition()
            except KafkaError:  # it may have asked the one that is frozen
                return False

        wait_until(holds, lambda: all(broker.running for broker in self.brokers), 120, lambda: "")

    def _count(self) -> int:
        admin = self._admin()
        try:
            return len(admin.describe_cluster()["brokers"])
        finally:
            admin.close()

    def _describe(self, topics: list[str] | None, without: int = 0) -> list[dict[str, Any]]:
        admin = self._admin(without)
        try:
            found: list[dict[str, Any]] = admin.describe_topics(topics)
            return found
        finally:
            admin.close()

    def _admin(self, without: int = 0) -> KafkaAdminClient:
        asked = [broker.bootstrap for node, broker in enumerate(self.brokers, start=1) if node != without]
        return KafkaAdminClient(bootstrap_servers=asked, bootstrap_timeout_ms=3000, request_timeout_ms=3000)
