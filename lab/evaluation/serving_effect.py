"""What serving a list changes: of the next items a recommender would show, which go and which come."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from msgspec import Struct

from lab.worlds.resident import Leanings
from streamer.city.catalogue import Item

CANDIDATES: Final = 200
SLATE: Final = 50


class Effect(Struct, frozen=True):
    """Unwanted and wanted items among those served, without and with the list."""

    unwanted_without: int
    unwanted_with: int
    wanted_without: int
    wanted_with: int


def relevances(count: int, rng: Random) -> list[float]:
    """Relevance as a recommender gives it that knows nothing of this user: uniform, 0–1."""
    return [rng.random() for _ in range(count)]


def effect(
    items: Sequence[Item], relevance: Sequence[float], penalties: Sequence[float], truth: Leanings, slate: int = SLATE
) -> Effect:
    """The effect on the best ``slate`` of the candidates; an item with penalty 0 is never served.

    Args:
        items: the candidates.
        relevance: of each, ≥ 0.
        penalties: of each: what its relevance is multiplied by.
        truth: what the user really likes and dislikes.
    """
    without = _best(relevance, slate)
    final = [r * p for r, p in zip(relevance, penalties, strict=True)]
    served = [n for n in _best(final, slate) if penalties[n] > 0]
    unwanted = [truth.displeases(item) for item in items]
    wanted = [truth.pleases(item) for item in items]
    return Effect(
        sum(unwanted[n] for n in without),
        sum(unwanted[n] for n in served),
        sum(wanted[n] for n in without),
        sum(wanted[n] for n in served),
    )


def _best(scores: Sequence[float], count: int) -> list[int]:
    return sorted(range(len(scores)), key=lambda n: -scores[n])[:count]
