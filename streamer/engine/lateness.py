"""Says so when much of a topic comes too late to count: a source is behind, or its clock is wrong, and nobody noticed.

Faust seam: none.

What must hold for it to be right: called at a steady interval, as it goes by what has been counted since the last call.
"""

from __future__ import annotations

import logging
from typing import Final

from prometheus_client import Counter

from streamer.engine.metrics import Metrics

log: Final = logging.getLogger(__name__)

EVERY_S: Final = 60.0
_MUCH: Final = 0.1
_ENOUGH: Final = 100
"""Events, below which a share says nothing."""


class Lateness:
    """Looks at the metrics of a worker once an interval."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._before: dict[str, tuple[float, float]] = {}

    def report(self) -> None:
        """One line a topic, if more than a tenth of at least 100 events since the last call were late."""
        events, late = _counts(self._metrics.events), _counts(self._metrics.late)
        for topic, total in events.items():
            events_before, late_before = self._before.get(topic, (0.0, 0.0))
            came, missed = total - events_before, late.get(topic, 0.0) - late_before
            self._before[topic] = total, late.get(topic, 0.0)
            if came >= _ENOUGH and missed > _MUCH * came:
                log.warning(
                    "%s: %d of %d events came too late to count: is a source of it behind, or its clock wrong? If not, "
                    "raise grace",
                    topic,
                    missed,
                    came,
                )


def _counts(counter: Counter) -> dict[str, float]:
    samples = (sample for family in counter.collect() for sample in family.samples)
    return {sample.labels["topic"]: sample.value for sample in samples if sample.name.endswith("_total")}
