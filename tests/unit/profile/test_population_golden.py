"""Spec §10 in worked numbers: rates, default lists and flagged creators, by ours and by the oracle alike."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

import pytest

from lab.oracle import population as oracle
from streamer.events import DAY_MS
from streamer.population import Totals
from streamer.population.bins import BINS, CENTRES, bin_of
from streamer.population.bins import EDGES as BIN_EDGES
from streamer.population.defaults import default_lists, default_ratio
from streamer.population.health import health, hooks, is_hook
from streamer.population.rates import STEP, UsualDislikes, creator_prior, snapshot, tag_prior
from streamer.population.sums import CohortSums, CreatorSums, EveryoneSums, TagSums
from streamer.scoring.buckets import ALL_EDGES
from streamer.scoring.priors import DEFAULT, Priors
from streamer.scoring.score import logit
from tests.property.test_population import in_oracle_s_words

DAY = 20_000
NOON = DAY * DAY_MS + DAY_MS // 2


def users_in(bins: Mapping[int, int]) -> list[int]:
    return [bins.get(at, 0) for at in range(BINS)]


def a_world() -> Totals:
    """A hundred users of three cohorts; they dislike tag gore, most leave creator c1, and nobody knows c3."""
    totals = Totals()
    totals.tags = {
        "gore": TagSums(users=60, dislikes=30, likes=1, o=4_000_000, e=30_000_000),
        "cats": TagSums(users=90, dislikes=1, likes=40, o=99_000_000, e=90_000_000),
        "news": TagSums(users=50, dislikes=9, likes=9, o=10_000_000, e=11_000_000),
    }
    totals.cohorts = {
        "de": {"gore": CohortSums(5_000_000, 80_000_000), "news": CohortSums(25_000_000, 80_000_000)},
        "fr": {"gore": CohortSums(15_000_000, 51_000_000), "news": CohortSums(0, 49_999_999)},
    }
    totals.creators = {
        "c1": CreatorSums(users_in({8: 40, 10: 20}), 130, 100_000_000, 125, 70, 50_000_000),
        "c2": CreatorSums(users_in({0: 70, 4: 10}), 130, 100_000_000, 125, 10, 50_000_000),
        "c3": CreatorSums(users_in({}), 0, 0, 0, 0, 0),
    }
    totals.everyone = EveryoneSums(9_000, 29_000_000, {30: [800, 80], 600: [1, 1], 0: [600, 540]})
    return totals


# --- bins ----------------------------------------------------------------------------------------------------


def test_an_edge_belongs_to_the_upper_bin_and_rounding_does_not_decide() -> None:
    assert [bin_of(edge) for edge in BIN_EDGES] == list(range(1, BINS))
    assert [bin_of(edge - 1e-12) for edge in BIN_EDGES] == list(range(1, BINS))
    assert [bin_of(edge - 1e-6) for edge in BIN_EDGES] == list(range(BINS - 1))


def test_every_centre_lies_in_its_bin() -> None:
    assert [bin_of(centre) for centre in CENTRES] == list(range(BINS))


# --- rates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [{}, {8: 10}, {4: 1000}, {0: 5, 11: 5}, {11: 500}, {0: 500}, {3: 7, 6: 2, 9: 1}])
def test_a_creator_s_prior_is_five_rounds_of_expectation_maximisation(bins: dict[int, int]) -> None:
    pi = 0.04
    for _ in range(5):
        odds = pi / (1 - pi)
        mean = sum(n * (odds * exp(CENTRES[b]) / (1 + odds * exp(CENTRES[b]))) for b, n in bins.items())
        pi = (0.8 + mean) / (20 + sum(bins.values()))
    assert creator_prior(users_in(bins)) == pytest.approx(min(max(pi, 0.005), 0.5), abs=1e-12)


def test_bins_that_a_repeated_delta_made_negative_count_as_empty() -> None:
    assert creator_prior(users_in({8: 10, 3: -2})) == creator_prior(users_in({8: 10}))


@pytest.mark.parametrize(
    ("dislikes", "usual", "prior"),
    [(0, 0.0, 0.04), (80, 30.0, 7.2 / 130), (0, 50.0, 4 / 150), (0, 450.0, 0.02), (400, 0.3, 0.08)],
)
def test_a_tag_s_prior_is_its_dislikes_over_those_that_are_usual(dislikes: int, usual: float, prior: float) -> None:
    assert tag_prior(dislikes, usual) == pytest.approx(prior)


def test_where_nearly_all_is_stated_a_tag_shown_ten_times_as_often_and_disliked_alike_has_the_same_prior() -> None:
    totals = Totals()
    totals.tags = {
        "seldom": TagSums(users=100, dislikes=300, likes=700),
        "often": TagSums(users=1000, dislikes=3000, likes=7000),
        "bad": TagSums(users=1000, dislikes=6000, likes=4000),
    }
    made = snapshot(totals, 1, NOON)
    assert made.prior_of("tag", "seldom") == pytest.approx(0.04 * 320 / (1000 * 9300 / 21000 + 20), abs=1e-6)
    assert made.prior_of("tag", "often") == pytest.approx(0.04 * 3020 / (10_000 * 9300 / 21_000 + 20), abs=1e-6)
    assert made.prior_of("tag", "bad") > 0.04 > made.prior_of("tag", "often")


def test_where_nothing_but_dislikes_is_stated_users_who_have_met_a_tag_tell_what_is_usual() -> None:
    angry = {"gore": TagSums(users=20, dislikes=200), "cats": TagSums(users=20)}
    usual = UsualDislikes(angry)
    assert (usual.of(angry["gore"]), usual.of(angry["cats"]), usual.lean) == (100, 100, 100)


def test_where_little_is_stated_users_who_have_met_a_tag_tell_what_is_usual() -> None:
    few = {"gore": TagSums(users=1000, dislikes=80, likes=0), "cats": TagSums(users=9000, dislikes=220, likes=200)}
    # w = 2 · 200 ÷ 10,000; by users 30, by statements 80 · 300 ÷ 500 = 48
    usual = UsualDislikes(few)
    assert usual.of(few["gore"]) == pytest.approx(0.96 * 30 + 0.04 * 48)
    assert usual.lean == pytest.approx(0.96 * 100 + 0.04 * 20)


def test_what_all_users_pass_over_is_likelier_disliked_by_as_much_as_the_setting_says() -> None:
    totals = Totals()
    totals.tags = {"dull": TagSums(users=600, o=50_000_000, e=200_000_000), "all": TagSums(users=600, e=1)}
    totals.cohorts = {"de": {"dull": CohortSums(50_000_000, 100_000_000), "all": CohortSums(500_000_000, 300_000_000)}}
    # all tags: 600 of 600, so ρ is 200 ÷ 400 and 600 ÷ 400; three quarters of it are believed
    for kappa in (0.5, 2.0):
        made = snapshot(totals, 1, NOON, tag_rates=kappa)
        for tag, ratio in (("dull", 0.5), ("all", 1.5)):
            expected = logit(0.04) - kappa * 0.75 * log(ratio)
            assert logit(made.prior_of("tag", tag)) == pytest.approx(expected, abs=1e-3)
            assert oracle.pi_tag(in_oracle_s_words(totals), tag, kappa) == pytest.approx(
                made.prior_of("tag", tag), abs=1e-6
            )
    assert snapshot(totals, 1, NOON, tag_rates=20).tags == {"all": 0.01, "dull": 0.15}
    assert snapshot(totals, 1, NOON, tag_rates=0).tags == {}


def test_a_snapshot_is_the_oracle_s() -> None:
    totals = a_world()
    sums = in_oracle_s_words(totals)
    made = snapshot(totals, 5, NOON)
    assert (made.version, made.as_of, made.prior) == (5, NOON, 0.04)
    assert made.start_rate == pytest.approx(oracle.start_rate(sums), abs=1e-6)
    assert made.abandonment == pytest.approx(oracle.abandonment(sums), abs=1e-6)
    assert made.abandonments == pytest.approx(
        [DEFAULT.abandonment if near(rate, DEFAULT.abandonment) else rate for rate in oracle.abandonments(sums)],
        abs=1e-6,
    )
    for tag in totals.tags:
        assert made.prior_of("tag", tag) == pytest.approx(told(oracle.pi_tag(sums, tag)), abs=1e-6)
    for creator in totals.creators:
        assert made.prior_of("creator", creator) == pytest.approx(told(oracle.pi_creator(sums, creator)), abs=1e-6)
    assert set(made.creators) == {"c1", "c2"}


def near(rate: float, other: float) -> bool:
    return abs(logit(rate) - logit(other)) < STEP


def told(rate: float) -> float:
    return 0.04 if near(rate, 0.04) else rate


def test_without_users_the_snapshot_is_the_constants() -> None:
    made = snapshot(Totals(), 1, NOON)
    assert made == Priors(version=1, as_of=NOON, abandonments=(DEFAULT.abandonment,) * len(ALL_EDGES))


def test_a_rate_that_hardly_moved_stays_as_it_was_told() -> None:
    totals = a_world()
    before = snapshot(totals, 1, NOON)
    totals.tags["gore"].dislikes += 1
    totals.creators["c1"].bins[8] += 1
    totals.everyone.starts += 50
    after = snapshot(totals, 2, NOON + 1, before)
    assert after.tags == before.tags and after.creators == before.creators and after.start_rate == before.start_rate
    totals.creators["c2"].bins = users_in({8: 80})
    moved = snapshot(totals, 3, NOON + 2, after)
    assert moved.creators["c2"] > before.creators["c2"] and moved.creators["c1"] == before.creators["c1"]


def test_a_snapshot_names_no_more_keys_than_it_may_and_drops_those_with_the_fewest_users() -> None:
    totals = a_world()
    assert set(snapshot(totals, 1, NOON, keys=1).creators) == {"c2"}
    assert snapshot(totals, 1, NOON, keys=0).tags == {}


# --- default lists -------------------------------------------------------------------------------------------


def test_default_lists_hold_what_a_cohort_and_what_everybody_passes_over() -> None:
    totals = a_world()
    found = dict(default_lists(totals, NOON, {"hard", "strong"}, 100))
    listed = {name: {entry.value: entry.multiplier for entry in document.entries} for name, document in found.items()}
    assert listed == {
        "~all": {"gore": 0.3, "news": 0.3416},  # (20 + 24) ÷ (20 + 161) = .243, (20 + 35) ÷ (20 + 141)
        "~cohort:de": {"gore": 0.3, "news": 0.45},  # (20 + 5) ÷ 100 and (20 + 25) ÷ 100
        "~cohort:fr": {"gore": pytest.approx(0.493, abs=5e-5)},  # (20 + 15) ÷ (20 + 51); news: E < 50
    }
    for name, cohort in (("~all", None), ("~cohort:de", "de"), ("~cohort:fr", "fr")):
        assert listed[name] == pytest.approx(oracle.listed_by_default(in_oracle_s_words(totals), cohort), abs=5e-5)
        assert (found[name].user_id, found[name].cohort, found[name].as_of) == (name, cohort, NOON)


def test_a_default_list_is_soft_says_why_and_expires() -> None:
    entry = next(document for name, document in default_lists(a_world(), NOON, set(), 100) if name == "~all").entries[0]
    assert (entry.tier, entry.reasons, entry.log_odds) == ("soft", ("cohort",), None)
    assert (entry.since, entry.expires_at) == (DAY * DAY_MS, (DAY + 30) * DAY_MS)
    assert (entry.evidence.expected, entry.evidence.observed) == (161.0, 24.0)


def test_nobody_s_list_is_written_where_nothing_is_passed_over() -> None:
    assert list(default_lists(Totals(), NOON, set(), 100)) == []


@pytest.mark.parametrize(
    ("observed", "expected", "ratio"),
    [(20_000_000, 60_000_000, 0.5), (20_000_100, 60_000_000, None), (0, 50_000_000, 2 / 7), (0, 49_999_999, None)],
)
def test_a_default_entry_needs_fifty_expected_engagements_and_half_of_what_was_expected_at_most(
    observed: int, expected: int, ratio: float | None
) -> None:
    assert default_ratio(observed, expected) == pytest.approx(ratio)


# --- creators ------------------------------------------------------------------------------------------------


def test_a_creator_who_draws_people_in_and_loses_them_is_flagged() -> None:
    totals = a_world()
    assert [found.creator_id for found in hooks(totals, NOON)] == ["c1"]
    found = health("c1", totals.creators["c1"], NOON)
    assert (found.flags, found.users, found.starts, found.expected_starts) == (("hook",), 60, 130, 100.0)
    assert health("c2", totals.creators["c2"], NOON).flags == ()


@pytest.mark.parametrize(
    ("users", "starts", "abandoned", "flagged"),
    [
        ({10: 50}, 120, 60, True),
        ({10: 49}, 120, 60, False),
        ({10: 50}, 119, 60, False),
        ({10: 50}, 120, 59, False),
        ({5: 50}, 120, 60, False),  # π = .14
    ],
)
def test_all_four_signs_are_needed(users: dict[int, int], starts: int, abandoned: int, flagged: bool) -> None:
    creator = CreatorSums(users_in(users), starts, 100_000_000, 130, abandoned, 50_000_000)
    totals = Totals()
    totals.creators["c"] = creator
    assert is_hook(creator) is flagged
    assert oracle.is_hook(in_oracle_s_words(totals), "c") is flagged


def test_the_step_between_two_snapshots_is_five_per_cent_of_the_odds() -> None:
    assert exp(STEP) - 1 == pytest.approx(0.051, abs=1e-3)
    assert log(1.05) < STEP
