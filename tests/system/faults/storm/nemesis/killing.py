"""kill -9 of one of our processes, which its supervisor starts again."""

from __future__ import annotations

from random import Random

from tests.supervised import Supervised
from tests.system.faults.storm.nemesis import Fault, nothing


class Killing:
    name = "killing"
    pause_s = (2.0, 12.0)

    def __init__(self, processes: dict[str, Supervised]) -> None:
        self._processes = processes

    def draw(self, rng: Random) -> Fault:
        victim = self._processes[rng.choice(sorted(self._processes))]
        return Fault(f"kill -9 {victim.name}", 0.0, victim.kill, nothing)
