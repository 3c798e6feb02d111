"""What is not to be recommended, learned apart, in a world whose users' tastes are known."""

from __future__ import annotations

from functools import cache, partial

import pytest
from msgspec.structs import replace

from lab.evaluation.bootstrap import Estimate
from lab.learning.comparison import compare
from lab.learning.contenders import SMALL
from lab.learning.lives import Study, study_of
from lab.learning.sources import world
from streamer.settings import Settings

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]
SEEDS = (3, 4)


class Silent:
    """Shows nothing."""

    def start(self, what: str, total: int) -> None: ...
    def done(self, amount: int) -> None: ...


def study(seed: int) -> Study:
    return study_of(world("feed", 100, seed), Settings().model_copy(update={"population_share": 1.0}))


@cache
def figures() -> dict[str, dict[str, Estimate]]:
    """Of 200 users of two worlds, divided by those of ``none``, by contender."""
    options = replace(SMALL, steps=100)
    studies = [partial(study, seed) for seed in SEEDS]
    found = compare("feed", "", studies, ["none", "taste", "apart"], SEEDS, options, Silent())
    assert found.group is not None
    return {row.label: row.figures for row in found.group.rows}


def test_apart_lowers_what_was_refused_by_a_third_and_loses_at_most_a_fiftieth_of_what_is_wanted() -> None:
    apart = figures()["apart"]
    assert apart["ratio.before"].high < 0.7
    assert apart["ratio.ndcg"].value > 0.98


def test_apart_lowers_what_is_truly_unwanted_and_taste_alone_by_less() -> None:
    apart, taste = figures()["apart"], figures()["taste"]
    assert apart["ratio.unwanted"].high < 0.8
    assert apart["ratio.unwanted"].high < taste["ratio.unwanted"].low
