"""Who does it: a thread for each kind of fault, which strikes, waits, and heals, again and again.

What it strikes, how, and for how long is drawn from the seed, kind by kind, so that one kind's choices do not depend on
how long another's took.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import NamedTuple, Protocol, TypeAlias

from tests.system.faults.storm.chronicle import Chronicle

Action: TypeAlias = Callable[[], object]


def nothing() -> None:
    """What heals a fault that heals by itself."""


class Fault(NamedTuple):
    """One fault: what it is called, for how long it lasts (s), what does it, and what undoes it."""

    what: str
    lasts_s: float
    strike: Action
    heal: Action


class Kind(Protocol):
    """Faults of one kind, of which only one is there at a time.

    Attributes:
        name: of the kind.
        pause_s: from one to the next, at least and at most.
    """

    name: str
    pause_s: tuple[float, float]

    def draw(self, rng: Random) -> Fault:
        """The next one."""


class Nemesis:
    """Strikes from `begin` until `heal`."""

    def __init__(self, kinds: list[Kind], seed: int, chronicle: Chronicle) -> None:
        self._chronicle = chronicle
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(kind, Random(f"{seed}/{kind.name}")), name=kind.name, daemon=True)
            for kind in kinds
        ]
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Lets it loose."""
        for thread in self._threads:
            thread.start()

    def heal(self) -> None:
        """Stops it; returns when all is well again.

        Raises:
            AssertionError: a fault could not be done or undone.
        """
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert self._error is None, f"the nemesis failed: {self._error!r}"

    def _run(self, kind: Kind, rng: Random) -> None:
        try:
            while not self._over.wait(rng.uniform(*kind.pause_s)):
                fault = kind.draw(rng)
                self._chronicle.note(f"{fault.what}, for {fault.lasts_s:.1f} s")
                fault.strike()
                try:
                    self._over.wait(fault.lasts_s)
                finally:
                    fault.heal()
                self._chronicle.note(f"healed: {fault.what}")
        except BaseException as error:  # noqa: BLE001 - told to the test by `heal`
            self._chronicle.note(f"{kind.name} failed: {error!r}")
            self._error = error
