"""What a recommender shows over the next lists, and how like the item at hand that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from streamer.events import DAY_MS
from streamer.learning.responsiveness.state import Asked, Item, State

Vectors = Mapping[str, npt.NDArray[np.float32]]
"""Of each content a vector of length 1."""
Likeness = Callable[[Item, Item], float | None]
"""How like a shown item is to the one at hand, 1 at most; None: cannot be told."""

MEASURES: Final = ("creator", "tags", "similarity")
"""Share of what is shown that is by the same creator; that has one of the same tags; cosine of embeddings, the mean."""


def roll(recommender: Asked, state: State, at_hand: str, lists: int, k: int) -> list[list[str]]:
    """The next lists, one a day, if nothing more is said: what was shown, the item at hand first, is not shown again.

    Args:
        recommender: whose lists.
        state: what it knows.
        at_hand: of which the user has just had enough, or not.
        lists: how many.
        k: items of each.
    """
    shown, found = {at_hand: None}, list[list[str]]()
    for number in range(1, lists + 1):
        proposed = recommender.recommend(state.at(state.now_ms + number * DAY_MS), k + len(shown))
        found.append([each for each in proposed if each not in shown][:k])
        shown |= dict.fromkeys(found[-1])
    return found


def likenesses(vectors: Vectors | None) -> dict[str, Likeness]:
    """How to tell likeness, by measure; without vectors similarity is left out."""
    found: dict[str, Likeness] = {"creator": _same_creator, "tags": _same_tag}
    if vectors is not None:
        found["similarity"] = lambda one, other: _cosine(vectors, one, other)
    return found


def likeness_of(
    lists: Sequence[Sequence[str]], at_hand: Item, items: Mapping[str, Item], like: Likeness
) -> npt.NDArray[np.float64] | None:
    """The mean likeness of each list to an item, 0 of an empty one; None: it cannot be told."""
    means = []
    for shown in lists:
        found = [like(at_hand, items.get(each) or Item(each)) for each in shown]
        told = [each for each in found if each is not None]
        if len(told) < len(found):
            return None
        means.append(sum(told) / len(told) if told else 0.0)
    return np.array(means)


def _same_creator(at_hand: Item, shown: Item) -> float | None:
    return None if at_hand.creator_id is None else float(shown.creator_id == at_hand.creator_id)


def _same_tag(at_hand: Item, shown: Item) -> float | None:
    return float(not set(at_hand.tags).isdisjoint(shown.tags)) if at_hand.tags else None


def _cosine(vectors: Vectors, at_hand: Item, shown: Item) -> float | None:
    one, other = vectors.get(at_hand.content_id), vectors.get(shown.content_id)
    return None if one is None or other is None else float(one @ other)
