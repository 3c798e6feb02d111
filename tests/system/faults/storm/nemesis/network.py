"""The network to Redis is slow, slower than a publisher waits, or cuts every connection."""

from __future__ import annotations

from functools import partial
from random import Random

from tests.backends.proxy import Proxy
from tests.system.faults.storm.nemesis import Fault


class Network:
    name = "network"
    pause_s = (5.0, 20.0)

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def draw(self, rng: Random) -> Fault:
        if rng.random() < 0.5:
            return Fault("connections to Redis are cut", rng.uniform(0, 6), self._proxy.cut, self._proxy.mend)
        by_s = rng.choice((0.05, 0.8, 3.0))
        slow = partial(self._proxy.delay, by_s)
        return Fault(f"Redis is {by_s} s away", rng.uniform(2, 8), slow, self._proxy.mend)
