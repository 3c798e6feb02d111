"""How much more often than usual somebody wanted a creator's items, or those with a tag: a whole history, in numbers.

A small sequence model does not count. That somebody met sixty items and wanted none with a common tag says more of
what they will refuse than which item came last.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.learning.retriever.histories import Floats, Histories, Items

AFFINITIES: Final = 4
"""Numbers of an item: lift of its creator; sum, least and greatest lift of its tags."""
_PRIOR: Final = 1.0
"""Items by which both counts are raised: what was met little says little."""

Counts = npt.NDArray[np.float64]


class Usual(NamedTuple):
    """Of all that was wanted by anybody the share that is by each creator, and that has each tag, by index."""

    creators: Floats
    tags: Floats


def usual(histories: Histories) -> Usual:
    """What is usual in these histories."""
    items = histories.items
    wanted = histories.item[histories.weight > 0]
    total = max(1, len(wanted))
    creators = np.bincount(items.creator_of[wanted], minlength=len(items.creator_ids))
    tags = np.bincount(items.tags_of[wanted].ravel(), minlength=len(items.tags))
    return Usual((creators / total).astype(np.float32), (tags / total).astype(np.float32))


def of_everything(wanted: npt.ArrayLike, items: Items, known: Usual) -> Floats:
    """(items, 4) affinities of every item for somebody.

    Args:
        wanted: indices of the items that they wanted so far.
        known: what is usual.
    """
    met = np.asarray(wanted, np.int64)
    creators = np.bincount(items.creator_of[met], minlength=len(items.creator_ids))
    tags = np.bincount(items.tags_of[met].ravel(), minlength=len(items.tags))
    of_creators, of_tags = _lift(creators, len(met) * known.creators), _lift(tags, len(met) * known.tags)
    return _numbers(of_creators[items.creator_of], of_tags[items.tags_of], items.creator_of > 0, items.tags_of > 0)


def of_targets(histories: Histories, known: Usual) -> Floats:
    """(interactions, 4) affinities of each item met, by what was wanted before it."""
    items, wanted = histories.items, histories.weight > 0
    user = user_of(histories)
    creator, tags = items.creator_of[histories.item], items.tags_of[histories.item]
    before = _before(user, wanted)
    creators = _before(user * len(items.creator_ids) + creator, wanted)
    of_tags = _before((user[:, None] * len(items.tags) + tags).ravel(), np.repeat(wanted, tags.shape[1]))
    return _numbers(
        _lift(creators, before * known.creators[creator]),
        _lift(of_tags.reshape(tags.shape), before[:, None] * known.tags[tags]),
        creator > 0,
        tags > 0,
    )


def user_of(histories: Histories) -> npt.NDArray[np.int64]:
    """(interactions,) whose each is."""
    return np.repeat(np.arange(len(histories.users)), np.diff(histories.begins))


def _lift(found: npt.ArrayLike, expected: npt.ArrayLike) -> Counts:
    lift: Counts = np.log((np.asarray(found, float) + _PRIOR) / (np.asarray(expected, float) + _PRIOR))
    return lift


def _numbers(
    of_creator: Counts, of_tags: Counts, has_creator: npt.NDArray[np.bool_], has_tag: npt.NDArray[np.bool_]
) -> Floats:
    tagged = has_tag.any(axis=1)
    least = np.where(tagged, np.where(has_tag, of_tags, np.inf).min(axis=1), 0)
    greatest = np.where(tagged, np.where(has_tag, of_tags, -np.inf).max(axis=1), 0)
    columns = (of_creator * has_creator, (of_tags * has_tag).sum(axis=1), least, greatest)
    return np.stack(columns, axis=-1).astype(np.float32)


def _before(keys: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_]) -> Counts:
    """How many wanted ones of the same key come before each place."""
    order = np.argsort(keys, kind="stable")
    run: npt.NDArray[np.int64] = np.cumsum(wanted[order]) - wanted[order]
    begins = np.searchsorted(keys[order], keys[order])
    found = np.empty(len(keys))
    found[order] = run - run[begins]
    return found
