"""Redis dies and comes back empty, is emptied, or its replica is promoted; then it is rebuilt, if that is possible."""

from __future__ import annotations

from random import Random

from tests.system.faults.storm.deployment import Deployment
from tests.system.faults.storm.nemesis import Fault


class RedisAway:
    name = "redis"
    pause_s = (8.0, 25.0)

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._redis = deployment.redis

    def draw(self, rng: Random) -> Fault:
        how = rng.choice(("killed", "emptied", "failed over"))
        if how == "killed":
            return Fault("Redis is killed", rng.uniform(0, 10), self._redis.kill, self._revive)
        strike = self._redis.flush if how == "emptied" else self._redis.fail_over
        return Fault(f"Redis is {how}", 0.0, strike, self._deployment.rebuild)

    def _revive(self) -> None:
        self._redis.revive()
        self._deployment.rebuild()
