"""A correction as arrays of a checkpoint, and back."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from streamer.learning.retriever.affinities import AFFINITIES, Usual
from streamer.learning.retriever.correction import Correction
from streamer.learning.retriever.histories import Floats, Items
from streamer.learning.retriever.refusals import Refusals

Arrays: TypeAlias = dict[str, npt.NDArray[np.generic]]


def users_of(correction: Correction | None) -> tuple[str, ...]:
    """Whose own refusals are in it."""
    return () if correction is None or correction.refusals is None else correction.refusals.users


def arrays_of(correction: Correction | None) -> Arrays:
    """All its numbers by name."""
    if correction is None:
        return {}
    found: Arrays = {"usual_creators": correction.usual.creators, "usual_tags": correction.usual.tags}
    found |= {"pulls": correction.pulls}
    if (refusals := correction.refusals) is not None:
        found |= {"h_base": refusals.base, "h_pulls": refusals.pulls, "h_bias": refusals.bias}
        found |= {"h_pair": refusals.pair, "h_own": refusals.own}
    return found


def read(found: Arrays, items: Items, users: tuple[str, ...]) -> Correction | None:
    """The correction among a checkpoint's arrays; None: there is none.

    Raises:
        KeyError: a part of it is missing.
        ValueError: it does not fit.
    """
    if "pulls" not in found:
        return None
    creators = _floats(found, "usual_creators", len(items.creator_ids))
    known = Usual(creators, _floats(found, "usual_tags", len(items.tags)))
    pulls = _floats(found, "pulls", AFFINITIES + 1)
    if "h_base" not in found:
        return Correction(known, pulls, None)
    pair = found["h_pair"]
    most = len(users) * (len(items.creator_ids) + len(items.tags))
    if pair.dtype.kind != "i" or pair.ndim != 1:
        raise ValueError("h_pair does not fit")
    places = pair.astype(np.int64)
    if len(places) and not (places[0] >= 0 and places[-1] < most and (np.diff(places) > 0).all()):
        raise ValueError("h_pair does not fit")
    refusals = Refusals(
        _floats(found, "h_base", len(items.content_ids)),
        _floats(found, "h_pulls", AFFINITIES),
        users,
        _floats(found, "h_bias", len(users)),
        places,
        _floats(found, "h_own", len(places)),
    )
    return Correction(known, pulls, refusals)


def _floats(found: Arrays, name: str, count: int) -> Floats:
    array = found[name]
    if array.dtype != np.float32 or array.shape != (count,):
        raise ValueError(f"{name} does not fit")
    numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"some of {name} are infinite or none")
    return numbers
