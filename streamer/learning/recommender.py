"""What any recommender is to the harness and to simulations: a list for a history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streamer.learning.retriever.histories import Met


class Recommender(Protocol):
    """Proposes items."""

    def recommend(self, state: Sequence[Met], k: int) -> list[str]:
        """At most ``k`` content ids for somebody who met this so far, the best first, none that is in it."""
