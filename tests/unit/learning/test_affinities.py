"""Affinities: how much more often than usual a creator or tag was wanted."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from streamer.learning.retriever import affinities
from streamer.learning.retriever.histories import Histories
from tests.unit.learning.histories import told

CREATORS = {"a": "x", "b": "x", "c": "y"}


def histories() -> Histories:
    """Two users who met three items: of the four that were wanted, three are by x."""
    return told({"u": "+a -b +c", "v": "+a +b -c"}, CREATORS)


def index(name: str) -> int:
    return histories().items.content_ids.index(name)


def test_usual_is_what_was_wanted_by_anybody() -> None:
    known = affinities.usual(histories())
    named = dict(zip(histories().items.creator_ids, known.creators.tolist(), strict=True))
    assert {name: named[name] for name in "xy"} == {"x": 0.75, "y": 0.25}


def test_a_creator_wanted_more_than_usual_is_above_0_and_one_wanted_less_below() -> None:
    known = affinities.usual(histories())
    found = affinities.of_everything([index("a")] * 4, histories().items, known)
    assert found[index("b"), 0] == pytest.approx(log((4 + 1) / (3 + 1)))
    assert found[index("c"), 0] == pytest.approx(log((0 + 1) / (1 + 1)))
    assert not found[index("")].any()


def test_a_stranger_has_none() -> None:
    assert not affinities.of_everything([], histories().items, affinities.usual(histories())).any()


def test_what_is_known_at_a_target_is_what_was_wanted_before_it_by_the_same_user() -> None:
    whole, known = histories(), affinities.usual(histories())
    found = affinities.of_targets(whole, known)
    for user in range(2):
        for place in range(whole.begins[user], whole.begins[user + 1]):
            before = slice(whole.begins[user], place)
            wanted = whole.item[before][whole.weight[before] > 0]
            alone = affinities.of_everything(wanted, whole.items, known)[whole.item[place]]
            np.testing.assert_allclose(found[place], alone, atol=1e-6)
