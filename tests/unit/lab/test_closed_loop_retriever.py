"""The retriever of the closed loop, retrained every night."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from lab.closed_loop import sequence
from lab.closed_loop.recommender import Learns, Row
from lab.closed_loop.sequence import Retrained, items_of, options_of
from lab.closed_loop.town import Plan, Town
from streamer.learning.retriever.options import Options

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]  # compiling takes long on a machine that others use, too
TOWN = Town(Plan(users=12, days=9, items=60, seed=3))
LIKED, DISPUTED = 5, 6


def night() -> list[Row]:
    """Everybody likes one item; another, which comes next, every second user likes and all others refuse."""
    rows = []
    for user in range(12):
        said = ("disliked", -1.5) if user % 2 else ("engaged", 0.7)
        rows += [Row(user, LIKED, 10, "engaged", 0.7), Row(user, DISPUTED, 11, *said)]
    return rows


def trained(learns: Learns) -> Retrained:
    model = Retrained(TOWN, learns)
    model.learn(night())
    return model


def test_a_night_after_which_nothing_was_wanted_teaches_nothing_and_the_next_one_does() -> None:
    model = Retrained(TOWN, "loss")
    before = model.relevance()
    for rows in ([], [Row(1, DISPUTED, 9, "disliked", -1.5)]):
        model.learn(rows)
        assert np.array_equal(model.relevance(), before)
    model.learn(night())
    assert model.relevance()[:, LIKED].mean() > 2 * before[:, LIKED].mean()


def test_the_loss_is_the_one_that_the_options_name(monkeypatch: pytest.MonkeyPatch) -> None:
    among_one = trained("loss").relevance()

    def against_all(learns: Learns, seed: int) -> Options:
        return replace(options_of(learns, seed), refused_among=0)

    assert options_of("loss", 3).refused_among == Options().refused_among
    monkeypatch.setattr(sequence, "options_of", against_all)
    assert not np.array_equal(trained("loss").relevance(), among_one)


def test_items_have_the_town_s_creators_and_tags() -> None:
    items = items_of(TOWN)
    item = TOWN.catalogue.items[LIKED]
    assert items.content_ids[LIKED + 1] == item.content_id
    assert items.creator_ids[items.creator_of[LIKED + 1]] == item.creator_id
    assert {items.tags[tag] for tag in items.tags_of[LIKED + 1] if tag} == set(item.tags)


def test_what_is_refused_is_less_likely_where_the_loss_knows_and_the_same_seed_gives_the_same_model() -> None:
    found = {learns: trained(learns).relevance() for learns in ("none", "loss")}
    for relevance in found.values():
        assert relevance.shape == (12, 60)
        assert np.allclose(relevance.sum(axis=1), 1, atol=1e-4)
    disputed = {learns: relevance[1::2, DISPUTED].mean() for learns, relevance in found.items()}
    assert disputed["none"] > 0.5
    assert disputed["loss"] < 0.7 * disputed["none"]
    assert np.array_equal(trained("loss").relevance(), found["loss"])
