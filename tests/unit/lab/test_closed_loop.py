"""The closed loop: the same every time, fair to all arms, and right where it is known what must come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from lab.closed_loop.creators import Creators
from lab.closed_loop.loop import Outcome
from lab.closed_loop.monitors import MONITORS
from lab.closed_loop.recommender import Factors, Row
from lab.closed_loop.slate import EXPLORES, SlateMaker
from lab.closed_loop.study import ARMS, run
from lab.closed_loop.town import WARM_UP_DAYS, Plan, Town
from streamer.events import Impression
from streamer.population.sums import CreatorSums
from streamer.settings import Settings

SMALL = Plan(users=12, days=9, items=300, seed=3)
LONGER = Plan(users=25, days=18, items=500, seed=4)
CONTENT = Plan(users=12, days=9, items=300, adapting=0, dislikes=False, seed=3)
NEITHER, LISTS, LOSS, _, ORACLE = ARMS["factors"]
NOBODY: frozenset[str] = frozenset()


@cache
def outcome(plan: Plan, place: int) -> Outcome:
    return run(plan, ARMS["factors"][place], Settings())


def total(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
    return int(counts[:, WARM_UP_DAYS:].sum())


def test_the_same_seed_gives_the_same_outcome_and_another_seed_another() -> None:
    again, other = run(SMALL, LISTS, Settings()), run(Plan(users=12, days=9, items=300, seed=4), LISTS, Settings())
    assert again.shown == outcome(SMALL, 1).shown != other.shown
    assert again.counts.responses == outcome(SMALL, 1).counts.responses


def test_an_oracle_s_list_leaves_nothing_unwanted_and_ours_less_than_none() -> None:
    without, with_lists, oracle = (outcome(LONGER, place).counts for place in (0, 1, 4))
    assert total(oracle.unwanted) == 0 < total(with_lists.unwanted) < total(without.unwanted)
    assert total(oracle.shown) > 0.95 * total(without.shown)  # of 200 candidates it leaves less than a long slate
    assert total(oracle.suppressed) == total(without.suppressed) == 0


def test_where_nobody_dislikes_anything_nobody_is_harmed() -> None:
    for place in (0, 1):
        counts = outcome(CONTENT, place).counts
        assert total(counts.shown) > 0
        assert counts.unwanted.sum() == 0
        assert counts.responses == ((),) * 12
    lists = outcome(CONTENT, 1).counts
    assert lists.suppressed.sum() <= 0.02 * lists.due.sum()


def test_arms_share_who_comes_and_what_is_shown_before_anything_is_learned() -> None:
    runs = [outcome(SMALL, place).shown for place in range(len(ARMS["factors"]))]
    assert all(each.keys() == runs[0].keys() for each in runs)
    assert all({len(each[key]) - len(runs[0][key]) for key in each} == {0} for each in runs)
    for key in [(user, day) for user, day in runs[0] if day < WARM_UP_DAYS]:
        assert len({each[key] for each in runs}) == 1


def test_what_somebody_does_with_an_item_on_a_day_does_not_hang_on_what_else_is_shown() -> None:
    town = Town(SMALL)
    first, second, third = town.catalogue.items[:3]
    alone = town.visit(0, 5, town.day_ms(5), NOBODY, [first, second])
    changed = town.visit(0, 5, town.day_ms(5), NOBODY, [third, second])
    of_second = [
        [(type(event), getattr(event, "played_s", None)) for event in events if event.content_id == second.content_id]
        for events in (alone, changed)
    ]
    assert of_second[0] == of_second[1]
    assert Impression in {kind for kind, _ in of_second[0]}


def test_what_was_shown_is_not_shown_again_within_two_weeks() -> None:
    for place in (0, 1):
        shown: dict[int, list[int]] = {}
        for (user, _), items in outcome(SMALL, place).shown.items():
            shown.setdefault(user, []).extend(items)
        assert all(len(items) == len(set(items)) for items in shown.values())


def test_a_slate_is_the_best_by_relevance_times_penalty_with_a_tenth_to_explore() -> None:
    town = Town(SMALL)
    relevance = np.linspace(1.0, 0.5, 300)

    def first_three_are_out(items: Sequence[int]) -> list[float]:
        return [0.0 if item < 3 else 1.0 for item in items]

    slate = SlateMaker(town).best(0, 5, 20, relevance, first_three_are_out)
    explored = round(EXPLORES * 20)
    assert slate.without == list(range(20 - explored))
    assert slate.ranked == list(range(3, 23 - explored))
    assert len(slate.shown) == 20
    assert len(set(slate.shown) - set(slate.ranked)) == explored
    assert not set(slate.shown) & {0, 1, 2}


def test_a_no_lowers_what_the_factorisation_learns_from_it_and_is_left_out_where_it_does_not() -> None:
    town = Town(Plan(users=60, days=9, items=300, seed=3))
    alike = range(0, 60, 3)
    liked = [Row(user, item, 0, "engaged", 0.7) for user in range(60) for item in range(user % 3, 12, 3)]
    other = [Row(user, 100, 0, "engaged", 0.7) for user in alike if user]
    scores = {}
    for arm in (NEITHER, LOSS):
        model = Factors(town, arm.learns, alpha=40.0)
        model.learn([*liked, *other, Row(0, 100, 0, "abandoned", -0.4)])
        scores[arm.learns] = model.relevance()[0, 100]
    assert scores["none"] > 0.02
    assert scores["loss"] < 0.7 * scores["none"]


# --- creators -----------------------------------------------------------------------------------------------------


def shown_evenly_but(town: Town, seldom: str) -> Counter[str]:
    each = Counter(item.creator_id for item in town.catalogue.items)
    return Counter({name: 0 if name == seldom else 10 * count for name, count in each.items()})


def test_who_adapts_and_is_shown_little_becomes_a_hook_and_nobody_else_does() -> None:
    town = Town(SMALL)
    creators = Creators(town)
    seldom = next(name for name in sorted(town.adapting) if name in creators.known)
    honest = next(name for name in creators.known if name not in town.adapting)
    for day in range(WARM_UP_DAYS, WARM_UP_DAYS + 7):
        assert creators.hooks == NOBODY
        creators.day_ends(day, shown_evenly_but(town, seldom), {})
    assert creators.hooks == {seldom}
    assert creators.known[seldom].hook_since == WARM_UP_DAYS + 7
    for day in range(WARM_UP_DAYS + 7, WARM_UP_DAYS + 14):
        creators.day_ends(day, shown_evenly_but(town, honest), {})
    assert creators.hooks == {seldom}


def test_a_hook_draws_people_in_and_displeases_those_whom_it_loses() -> None:
    town = Town(SMALL)
    hook = next(item for item in town.catalogue.items if item.creator_id in town.adapting)
    hooks = frozenset({hook.creator_id})
    now = town.start_ms
    lost = [town.truth(n, now, hooks).displeases(hook) > town.truth(n, now, NOBODY).displeases(hook) for n in range(12)]
    assert 0.4 < np.mean(lost) < 1
    truth = town.truth(0, now, hooks)
    assert truth.draw(hook, hooks) == pytest.approx(1.6 * truth.draw(hook, NOBODY))


@pytest.mark.parametrize(
    ("lost_users", "starts", "left", "flagged"),
    [(50, 130, 70, {"hook"}), (50, 130, 79, {"hook", "left"}), (0, 100, 79, {"left"}), (0, 130, 50, set())],
)
def test_a_creator_is_remembered_with_the_first_day_that_each_monitor_flags_them(
    lost_users: int, starts: int, left: int, flagged: set[str]
) -> None:
    town = Town(SMALL)
    creators = Creators(town)
    name = next(iter(creators.known))
    bins = [0] * 4 + [50 - lost_users] + [0] * 3 + [lost_users] + [0] * 3
    sums = CreatorSums(bins, starts, 100_000_000, 140, left, 50_000_000)
    creators.day_ends(4, Counter(), {})
    for day in (5, 6):
        creators.day_ends(day, Counter(), {name: sums})
    assert creators.known[name].flagged_on == dict.fromkeys(flagged, 5)
    assert set(MONITORS) == {"hook", "left"}
