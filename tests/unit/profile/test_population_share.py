"""A share of the users tells what all of them do (``population_share``): the same rates, to what chance allows."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from streamer.events import DAY_MS, Event
from streamer.population import Totals
from streamer.population.rates import snapshot
from streamer.population.telling import Sums
from streamer.profile import Profile, Rules
from streamer.profile.crowd.population_changes import PopulationChanges
from streamer.scoring.priors import Priors
from streamer.settings import Settings
from tests.steps import HOUR, MINUTE, NOON, disliked, played, shown

START: Final = NOON + 6 * HOUR
USERS: Final = 2_000
SHOWN: Final = 8
TAGS: Final = {"gore": 0.3, "news": 0.1, "cats": 0.02}
"""Tag -> how many of its showings are disliked."""


def life(user_id: str, rng: Random) -> list[Event]:
    """An evening; a quarter of what is shown is started."""
    events: list[Event] = []
    for n in range(SHOWN):
        tag = rng.choice(list(TAGS))
        ts, content = START + n * MINUTE, f"{tag}-{n}"
        events.append(shown(ts, content, tag))
        if rng.random() < TAGS[tag]:
            events.append(disliked(ts + 5_000, content, tag))
        elif rng.random() < 0.25:
            events.append(played(ts + 5_000, content, tag))
    return events


def added_up(share: float) -> tuple[Totals, int]:
    """The totals of a world at this share, and how many users were counted."""
    rules = Rules(Settings(population=True, population_share=share))
    totals, rng, counted = Totals(), Random(5), 0
    for n in range(USERS):
        profile = Profile(f"user-{n}", rules)
        for event in life(profile.user_id, rng):
            profile.apply(event, event.ts)
        profile.advance(START + DAY_MS)
        if (delta := profile.take_delta()) is not None:
            delta.add_to(totals)
        counted += rules.adds_up(profile.user_id)
    return totals, counted


@pytest.fixture(scope="module")
def of_all() -> tuple[Totals, int]:
    return added_up(1.0)


@pytest.fixture(scope="module")
def of_some() -> tuple[Totals, int]:
    return added_up(Settings().population_share)


def test_by_default_the_share_that_the_settings_name_is_counted(
    of_all: tuple[Totals, int], of_some: tuple[Totals, int]
) -> None:
    share = Settings().population_share
    assert of_all[1] == USERS
    assert abs(of_some[1] - share * USERS) < 4 * sqrt(USERS * share * (1 - share))
    assert abs(of_some[0].everyone.theta / of_all[0].everyone.theta - share) < 0.05, "nothing is scaled up"


def test_shares_of_the_sums_are_the_same_to_four_standard_errors(
    of_all: tuple[Totals, int], of_some: tuple[Totals, int]
) -> None:
    """Of users who have a tag: dislikes of it each; of examined exposures: starts; of expected engagements: those."""
    everybody, some = of_all[0], of_some[0]
    for tag in TAGS:
        shares = [
            (sums.tags[tag].dislikes / sums.tags[tag].users, sums.tags[tag].o / sums.tags[tag].e)
            for sums in (everybody, some)
        ]
        users = some.tags[tag].users
        showings = users * SHOWN / len(TAGS)
        dislikes, engaged = zip(*shares, strict=True)
        assert abs(dislikes[1] - dislikes[0]) < 4 * sqrt(TAGS[tag] * SHOWN / len(TAGS) / users), tag
        assert abs(engaged[1] / engaged[0] - 1) < 4 / sqrt(0.25 * showings * (1 - TAGS[tag])), tag
    starts = [1000 * sums.everyone.starts / sums.everyone.theta for sums in (everybody, some)]
    assert abs(starts[1] - starts[0]) < 4 * sqrt(starts[0] / (some.everyone.theta / 1000))


def test_the_snapshot_of_a_share_orders_tags_as_that_of_all_and_leans_more_on_the_constants(
    of_all: tuple[Totals, int], of_some: tuple[Totals, int]
) -> None:
    everybody, some = (rates(sums) for sums, _ in (of_all, of_some))
    usual = Priors().prior
    assert everybody == sorted(everybody, reverse=True) and some == sorted(some, reverse=True)
    assert some[0] > usual > some[-1]
    assert everybody[0] >= some[0] and everybody[-1] <= some[-1]


# --- the share falls while users live on -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def halved() -> list[Totals]:
    """The totals of all, with half of the users seen again since the share is a half, and with all."""
    rules = Rules(Settings(population=True), Priors(version=1, share=1.0))
    profiles, rng, totals = [Profile(f"user-{n}", rules) for n in range(USERS)], Random(6), Totals()

    def evening(of: Sequence[Profile], day: int) -> Totals:
        for profile in of:
            for event in life(profile.user_id, rng):
                later = replace(event, ts=event.ts + day * DAY_MS)
                profile.apply(later, later.ts)
            profile.advance(START + (day + 1) * DAY_MS)
            if (delta := profile.take_delta()) is not None:
                delta.add_to(totals)
        return copied(totals)

    found = [evening(profiles, 0)]
    rules.adopt(Priors(version=2, share=0.5))
    found += [evening(profiles[: USERS // 2], 1), evening(profiles[USERS // 2 :], 1)]
    from_the_start = Totals()
    for profile in profiles:
        if rules.adds_up(profile.user_id):
            entering = PopulationChanges(profile.rollup, rules, profile.frontier // DAY_MS, profile.cohort)
            entering.enter(profile.records.values())
            if (delta := entering.take()) is not None:
                delta.add_to(from_the_start)
    return [*found, from_the_start]


def copied(totals: Totals) -> Totals:
    found = Totals()
    found.merge(msgspec.msgpack.decode(msgspec.msgpack.encode(Sums.of(totals)), type=Sums).deltas())
    return found


def test_a_halving_moves_no_rate_by_more_than_chance_neither_meanwhile_nor_after(halved: list[Totals]) -> None:
    before, *later = halved[:3]
    for totals in later:
        for tag in TAGS:
            for name in ("dislikes", "o"):
                old, new = (getattr(sums.tags[tag], name) for sums in (before, totals))
                rate_before, rate = old / before.everyone.theta, new / totals.everyone.theta
                counts = [n if name == "dislikes" else n / 1e6 for n in (old, new)]
                assert abs(rate / rate_before - 1) < 4 * sqrt(sum(1 / n for n in counts)), (tag, name)
        starts = [sums.everyone.starts / sums.everyone.theta for sums in (before, totals)]
        assert abs(starts[1] / starts[0] - 1) < 0.05


def test_sums_fall_with_each_user_seen_again_and_end_as_those_of_the_half_alone(halved: list[Totals]) -> None:
    before, meanwhile, after, of_the_half = halved
    users = [sum(tag.users for tag in totals.tags.values()) for totals in (before, meanwhile, after)]
    assert users[0] > users[1] > users[2], "seen on two evenings instead of one, half of them still have fewer tags"
    assert after.tags == of_the_half.tags
    assert after.everyone == of_the_half.everyone


def rates(totals: Totals) -> Sequence[float]:
    """π of each tag by statements alone, the most disliked first."""
    made = snapshot(totals, 1, START, tag_rates=0)
    return [made.prior_of("tag", tag) for tag in TAGS]
