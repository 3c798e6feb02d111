"""A real Redis Cluster: primaries that share the slots, each with replicas that take over when it dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from tests.backends.opened import Opened
from tests.backends.ports import free_port, wait_until
from tests.backends.redis import RedisServer

_SLOTS: Final = 16_384
_OPTIONS: Final = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "2000",
    "cluster-replica-validity-factor": "0",  # a replica takes over however old its data are
    "cluster-allow-replica-migration": "no",
    "repl-diskless-sync-delay": "0",
}


class RedisClusterServers(Opened):
    """Some primaries, and as many replicas of each as asked for.

    Args:
        primaries: how many share the slots.
        replicas: how many each has.
        options: more settings of redis.conf.
        program: the server; None: that of all tests.
    """

    def __init__(
        self, primaries: int = 3, replicas: int = 0, options: dict[str, str] | None = None, program: str | None = None
    ) -> None:
        self._count = primaries
        count = primaries * (1 + replicas)
        self._buses: Final = [str(free_port()) for _ in range(count)]  # port + 10000 may be an outgoing connection's
        self.servers: Final = [
            RedisServer({**_OPTIONS, **(options or {}), "cluster-port": bus}, program) for bus in self._buses
        ]

    @property
    def primaries(self) -> Sequence[RedisServer]:
        """Those that began as primaries."""
        return self.servers[: self._count]

    @property
    def url(self) -> str:
        """An address for our processes: one node, which names the others."""
        return self.servers[0].url.replace("redis://", "redis+cluster://").removesuffix("/0")

    def replicas_of(self, primary: int) -> Sequence[RedisServer]:
        """The servers that began as a primary's replicas."""
        return self.servers[self._count + primary :: self._count]

    def start(self) -> None:
        """Starts them; returns when every node knows of all others, and replicas follow."""
        for server in self.servers:
            server.start()
        names = [self._ask(server, "CLUSTER", "MYID").decode() for server in self.servers]
        for number, server in enumerate(self.primaries):
            first, last = (_SLOTS * at // self._count for at in (number, number + 1))
            self._ask(server, "CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        for number, server in enumerate(self.servers):
            self._ask(server, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server, bus in zip(self.servers[1:], self._buses[1:], strict=True):
            self._ask(self.servers[0], "CLUSTER", "MEET", "127.0.0.1", server.port, bus)
        self._await(lambda: all(self._knows_all(server) for server in self.servers))
        for number, server in enumerate(self.servers[self._count :]):
            self._ask(server, "CLUSTER", "REPLICATE", names[number % self._count])
        self._await(lambda: all(self._knows_replicas(server) for server in self.servers))
        self.await_health()

    def await_health(self) -> None:
        """Waits until all slots are served, and every replica that runs follows its primary."""
        self._await(lambda: all(self._is_well(server) for server in self.servers if server.running))

    def flush(self) -> None:
        """Deletes every key."""
        for server in self.servers:
            if self._ask(server, "ROLE")[0] == b"master":
                self._ask(server, "FLUSHALL")

    def await_primary(self, server: RedisServer) -> None:
        """Waits until a replica has taken over, and the Cluster serves all slots again."""
        self._await(lambda: self._ask(server, "ROLE")[0] == b"master")
        self.await_health()

    def await_owner(self, slot: int, server: RedisServer) -> None:
        """Waits until all know that a slot is a server's."""
        self._await(lambda: all(self._owner(each, slot) == server.port for each in self.servers if each.running))

    def close(self) -> None:
        """Ends them and deletes their data."""
        for server in self.servers:
            server.close()

    def _knows_all(self, server: RedisServer) -> bool:
        info: bytes = self._ask(server, "CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:%d" % len(self.servers) in info

    def _knows_replicas(self, server: RedisServer) -> bool:
        nodes: dict[str, dict[str, str]] = self._ask(server, "CLUSTER NODES")
        return sum("slave" in node["flags"] for node in nodes.values()) == len(self.servers) - self._count

    def _is_well(self, server: RedisServer) -> bool:
        role = self._ask(server, "ROLE")
        follows = role[0] == b"master" or role[3] == b"connected"
        return follows and b"cluster_state:ok" in self._ask(server, "CLUSTER", "INFO")

    def _owner(self, server: RedisServer, slot: int) -> int | None:
        """The port of whose slot it is, as a server knows."""
        told: list[list[Any]] = self._ask(server, "CLUSTER SLOTS")
        return next((primary[1] for first, last, primary, *_ in told if first <= slot <= last), None)

    @staticmethod
    def _ask(server: RedisServer, *words: object) -> Any:
        with Redis.from_url(server.url) as client:
            return client.execute_command(*words)

    @staticmethod
    def _await(condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            try:
                return condition()
            except RedisError:
                return False

        wait_until(holds, lambda: True, 60, lambda: "the Cluster is not well")
