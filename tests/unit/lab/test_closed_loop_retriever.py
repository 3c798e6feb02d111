"""The retriever of the closed loop, retrained every night."""

from __future__ import annotations

import numpy as np

from lab.closed_loop.recommender import Learns, Row
from lab.closed_loop.sequence import Retrained, items_of
from lab.closed_loop.town import Plan, Town

TOWN = Town(Plan(users=12, days=9, items=60, seed=3))
LIKED, REFUSED = 5, 6


def night(day: int) -> list[Row]:
    """Everybody likes one item and refuses another."""
    rows = []
    for user in range(12):
        rows += [Row(user, LIKED, 10 * day, "engaged", 0.7), Row(user, REFUSED, 10 * day + 1, "disliked", -1.5)]
    return rows


def trained(learns: Learns) -> Retrained:
    model = Retrained(TOWN, learns)
    for day in range(2):
        model.learn(night(day))
    return model


def test_items_have_the_town_s_creators_and_tags() -> None:
    items = items_of(TOWN)
    item = TOWN.catalogue.items[LIKED]
    assert items.content_ids[LIKED + 1] == item.content_id
    assert items.creator_ids[items.creator_of[LIKED + 1]] == item.creator_id
    assert {items.tags[tag] for tag in items.tags_of[LIKED + 1] if tag} == set(item.tags)


def test_what_is_liked_becomes_likely_and_what_is_refused_is_less_likely_where_the_loss_knows() -> None:
    found = {learns: trained(learns).relevance() for learns in ("none", "loss")}
    for relevance in found.values():
        assert relevance.shape == (12, 60)
        assert np.allclose(relevance.sum(axis=1), 1, atol=1e-4)
        assert (relevance.argmax(axis=1) == LIKED).all()
    assert found["loss"][:, REFUSED].mean() < 0.9 * found["none"][:, REFUSED].mean()
    again = trained("loss").relevance()
    assert np.array_equal(again, found["loss"])
