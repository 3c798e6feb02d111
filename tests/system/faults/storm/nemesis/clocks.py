"""The wall clock of one process is wrong for a while: by seconds, minutes, hours, days, a year."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from tests.system.faults.storm.deployment import Deployment
from tests.system.faults.storm.nemesis import Fault
from tests.system.faults.storm.program import stepped

_OFF_S: Final = (2, 40, 600, 5_400, 3 * 86_400, 400 * 86_400)


class Clocks:
    name = "clocks"
    pause_s = (3.0, 12.0)

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def draw(self, rng: Random) -> Fault:
        name = rng.choice(sorted(self._deployment.processes))
        off_s = rng.choice(_OFF_S) * rng.choice((-1, 1))
        clock = self._deployment.clock_of(name)
        strike, heal = partial(stepped, clock, off_s * 1000), partial(stepped, clock, 0)
        return Fault(f"the clock of {name} is off by {off_s:+d} s", rng.uniform(2, 20), strike, heal)
