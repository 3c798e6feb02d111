"""SIGSTOP of one of our processes for longer than its group waits, so that it wakes as a zombie."""

from __future__ import annotations

from random import Random

from tests.supervised import Supervised
from tests.system.faults.storm.nemesis import Fault


class Freezing:
    name = "freezing"
    pause_s = (4.0, 15.0)

    def __init__(self, processes: dict[str, Supervised], dead_after_s: float) -> None:
        self._processes = processes
        self._dead_after_s = dead_after_s

    def draw(self, rng: Random) -> Fault:
        victim = self._processes[rng.choice(sorted(self._processes))]
        lasts_s = self._dead_after_s * rng.uniform(0.5, 3.0)
        return Fault(f"SIGSTOP {victim.name}", lasts_s, victim.freeze, victim.thaw)
