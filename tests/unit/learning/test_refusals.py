"""Whether what is met is refused: learned from everybody, and of one user what they say themselves."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.learning.retriever import affinities
from streamer.learning.retriever.histories import Histories
from streamer.learning.retriever.refusals import Refusals, fitted
from tests.unit.learning.histories import told

CREATORS = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "y", "f": "x"}


def histories() -> Histories:
    """All refuse a, and u all that is by y."""
    others = {f"v{n}": "+b +c -a +d" for n in range(10)}
    return told({"u": "+b -c -d +b -c -d -a", "w": "+e +f"} | others, CREATORS)


def h(user_id: str | None, whole: Histories | None = None) -> dict[str, float]:
    whole = whole or histories()
    known = affinities.usual(whole)
    model = fitted(whole, affinities.of_targets(whole, known))
    return odds(model, whole, user_id)


def odds(model: Refusals, whole: Histories, user_id: str | None) -> dict[str, float]:
    none = affinities.of_everything([], whole.items, affinities.usual(whole))
    return dict(zip(whole.items.content_ids, model.log_odds(none, whole.items, user_id).tolist(), strict=True))


def test_what_everybody_refuses_is_likely_to_be_refused_by_a_stranger() -> None:
    found = h(None)
    assert found["a"] > 0 > max(found["b"], found["c"], found["d"])


def test_what_one_user_refuses_of_a_creator_counts_for_all_of_that_creators_items_and_for_nobody_else() -> None:
    own, stranger, other = h("u"), h("somebody else"), h("v1")
    assert own["e"] - own["f"] > 1 + stranger["e"] - stranger["f"]
    assert other["e"] < own["e"]
    assert stranger == h(None)


def test_where_nothing_was_refused_nothing_is_likely_to_be() -> None:
    assert max(h("u", told({"u": "+a +b", "v": "+b +c"}, CREATORS)).values()) < 0


def test_the_slope_at_the_fit_is_0() -> None:
    """The refused and the wanted are as many as foretold, by weight: the constant's prior is next to none."""
    whole = histories()
    known = affinities.of_targets(whole, affinities.usual(whole))
    model = fitted(whole, known)
    foretold = 0.0
    for user, name in enumerate(whole.users):
        for place in range(whole.begins[user], whole.begins[user + 1]):
            features = np.tile(known[place], (len(whole.items.content_ids), 1))
            chance = 1 / (1 + np.exp(-model.log_odds(features, whole.items, name)[whole.item[place]]))
            foretold += abs(float(whole.weight[place])) * chance
    assert foretold == pytest.approx(-float(whole.weight[whole.weight < 0].sum()), rel=0.02)
