"""A simulation's figures as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from streamer.learning.responsiveness.intervals import Estimate
from streamer.learning.responsiveness.simulating import Response, Simulated

HEADS: Final = (
    "action",
    "of the same",
    "users",
    "without it",
    "change",
    "95 % interval",
    "relative",
    "beyond engaged",
    "95 % interval",
)
MEANINGS: Final = {
    "creator": "share of what is shown that is by the creator of the item at hand",
    "tags": "share of what is shown that has one of its tags",
    "similarity": "cosine of the model's vectors of what is shown and of the item at hand, the mean",
}


class Row(NamedTuple):
    """A row of the table; its cells by :data:`HEADS`."""

    action: str
    measure: str
    users: str
    before: str
    change: str
    interval: str
    relative: str
    beyond: str
    beyond_interval: str


def rows_of(simulated: Simulated) -> Iterator[Row]:
    """The table of one recommender."""
    for action, measures in simulated.responses.items():
        for measure, found in measures.items():
            yield Row(
                action,
                measure,
                str(found.change.users),
                f"{found.before.value:.4f}",
                _signed(found.change.value),
                _interval(found.change),
                _relative(found),
                "–" if found.beyond is None else _signed(found.beyond.value),
                "–" if found.beyond is None else _interval(found.beyond),
            )


def _relative(found: Response) -> str:
    if found.relative is None:
        return "–"
    return f"{found.relative:+.1%}" if found.relative else "0"


def _signed(value: float) -> str:
    return f"{value:+.4f}" if value else "0"


def _interval(found: Estimate) -> str:
    return f"{_signed(found.low)} … {_signed(found.high)}"
