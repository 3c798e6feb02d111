"""Entries from counts (spec §7): what is listed, how strongly, why, until when."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.events import DAY_MS
from streamer.scoring.contents import content_entry
from streamer.scoring.counts import FIRST, SECOND, THIRD, Cell
from streamer.scoring.creators import one_and_done
from streamer.scoring.document import Entry, Kind
from streamer.scoring.entries import Days, Scorer
from streamer.scoring.priors import DEFAULT
from streamer.scoring.score import Expiry
from tests.steps import DAY0

SCORER = Scorer(90, Expiry(90, 180), DEFAULT)
UNIT = 1_000_000


def on(day: int, **counts: Any) -> tuple[int, Cell]:
    """Counts of a day after DAY0; o, e and ld in units."""

    def packed(*names: str) -> int:
        return sum(counts.get(name, 0) * place for name, place in zip(names, (FIRST, SECOND, THIRD), strict=False))

    return DAY0 + day, Cell(
        exposures=packed("shown", "ignored", "sessions"),
        plays=packed("started", "abandoned", "engaged"),
        stated=packed("returned", "low_rating"),
        **{name: round(counts.get(name, 0) * UNIT) for name in ("o", "e", "ld")},
    )


def entry(days: Days, kind: Kind = "tag", was_listed: bool = False, at_day: float = 1) -> Entry | None:
    return SCORER.key_entry(kind, "k", days, SCORER.score(kind, "k", days), was_listed, round((DAY0 + at_day) * DAY_MS))


def test_five_expected_engagements_make_the_documents_example() -> None:
    # DAY0: E = 2 decayed by 38 days | DAY0 + 38: the rest of 5, and that is the last evidence day
    older = 2 * 2 ** (38 / 90)
    found = entry([on(0, shown=20, ignored=20, sessions=4, e=older), on(38, shown=20, ignored=20, sessions=5, e=3)],
                  at_day=39)  # fmt: skip
    assert found is not None
    assert (found.tier, found.multiplier, found.log_odds) == ("strong", 0.2857, 0.3481)
    assert found.reasons == ("ignored",)
    assert found.since == DAY0 * DAY_MS
    assert found.expires_at == (DAY0 + 38 + 105) * DAY_MS
    evidence = found.evidence
    assert (evidence.shown, evidence.ignored, evidence.sessions) == (40, 40, 9)
    assert (evidence.expected, evidence.observed, evidence.explicit) == (5.0, 0.0, 0.0)
    assert (evidence.first_day, evidence.last_day) == ("2024-10-04", "2024-11-11")


@pytest.mark.parametrize(
    ("evidence", "was_listed", "tier"),
    [
        ({"e": 5}, False, "strong"),
        ({"e": 3}, False, "soft"),  # L = -.97
        ({"e": 2.8}, False, None),  # L = -1.11
        ({"e": 2.8}, True, "soft"),
        ({"e": 2.2}, True, None),  # L = -1.53
        ({"ld": 2}, False, None),  # L = -1.1781, one dislike
        ({"ld": 2.2}, False, None),  # L = -1.01: counts for 2.168
        ({"ld": 2.3}, False, "soft"),  # L = -.94
        ({"ld": 6.7}, False, "soft"),  # L = -.007
        ({"ld": 6.8}, False, "strong"),  # L = .002
        ({"ld": 1.4, "e": 1.49}, False, None),  # odds enough, evidence too little
        ({"ld": 1.4, "e": 1.51}, False, "soft"),
        ({"e": 8, "o": 1.5}, False, "soft"),  # L = -.2741
        ({"e": 3, "ld": -1.5}, True, None),  # L = -2.4721
    ],
)
def test_listing_has_two_thresholds_of_evidence_and_hysteresis(
    evidence: dict[str, float], was_listed: bool, tier: str | None
) -> None:
    found = entry([on(-1, e=1e-6), on(0, **evidence)], was_listed=was_listed)
    assert (None if found is None else found.tier) == tier


def test_what_one_day_alone_says_is_soft_and_lasts_two_weeks() -> None:
    found = entry([on(0, e=12)])
    assert found is not None
    assert (found.tier, found.log_odds, found.expires_at) == ("soft", 4.1097, (DAY0 + 14) * DAY_MS)
    assert entry([on(0, e=12)], at_day=14) is None
    two = entry([on(0, e=11), on(1, e=1)])
    assert two is not None
    assert two.tier == "strong"
    favourite = entry([on(-5, e=0.2, o=1, started=1, engaged=1), on(0, e=12)])
    assert favourite is not None
    assert favourite.tier == "soft"  # a day on which it was wanted is none against it


def test_what_was_said_stands_though_it_was_said_on_one_day() -> None:
    found = entry([on(0, ld=8, e=0.1)])
    assert found is not None
    assert found.tier == "strong"
    assert found.expires_at > (DAY0 + 60) * DAY_MS


def test_a_creator_needs_less_evidence_than_a_tag() -> None:
    assert entry([on(0, ld=1.4, e=1.01)], "creator") is not None
    assert entry([on(0, ld=1.4, e=0.99)], "creator") is None


@pytest.mark.parametrize(("observed", "listed"), [(3.9, True), (4.0, True), (4.1, False)])
def test_what_is_engaged_with_more_than_expected_is_not_listed_whatever_was_said(observed: float, listed: bool) -> None:
    assert (entry([on(0, e=4, o=observed, ld=90)], was_listed=True) is not None) is listed


@pytest.mark.parametrize(
    ("days", "listed"),
    [
        ([on(n, e=1, o=1, started=1, engaged=1) for n in (1, 2, 3)], False),
        ([on(n, e=1, o=1, started=2, abandoned=1, engaged=1) for n in (1, 2, 3)], False),
        ([on(n, e=1, o=1, engaged=1, ld=-1.5) for n in (1, 2, 3)], False),  # likes
        ([on(n, e=1, o=1, engaged=1) for n in (1, 2, 3)], True),  # clicks and comments
        ([on(n, e=1, o=1, started=1, abandoned=1, engaged=1) for n in (1, 2, 3)], True),
        ([on(n, started=1, engaged=1) for n in (1, 2, 3)], True),  # nothing was expected
        ([on(1, e=1, o=1, started=1, engaged=1), on(2, e=1, o=2, started=2, engaged=2)], True),  # on two days only
        (
            [
                on(1, e=1, o=1, started=1, engaged=1),
                on(2, e=1.1, o=1, started=1, engaged=1),
                on(3, e=1, o=1, started=1, engaged=1),
            ],
            True,
        ),  # less
        (
            [on(n, e=1, o=1, started=1, engaged=1) for n in (1, 2)] + [on(3, e=1, o=1, started=1, engaged=1, ld=0.1)],
            True,
        ),  # and said again
        ([on(n, e=1, o=1, started=1, engaged=1) for n in (-3, -2, -1)], True),  # before
    ],
)
def test_what_is_engaged_with_as_expected_on_three_days_since_something_was_said_is_not_listed(
    days: Days, listed: bool
) -> None:
    # what was expected before keeps all of it below what was expected in all
    life = sorted([on(-9, e=9), on(0, ld=9), *days], key=lambda day: day[0])
    assert (entry(life, was_listed=True, at_day=4) is not None) is listed


def test_the_multiplier_is_the_rate_ratio_and_with_explicit_evidence_at_most_one_minus_p() -> None:
    # lambda = 2/7; creators lean on 4: 4/9. LD = 40.48 counts for 3.1781 + 1: L = 1, p = .7311
    assert [e.multiplier for k in ("tag", "creator") if (e := entry([on(0, e=5)], k)) is not None] == [0.2857, 0.4444]
    assert (found := entry([on(0, ld=40.4765592)])) is not None
    assert (found.multiplier, found.log_odds) == (0.2689, 1.0)
    assert (least := entry([on(0, e=10, ld=20)])) is not None
    assert least.multiplier == 0.1


def test_an_entry_is_gone_from_the_start_of_the_day_it_expires() -> None:
    days = [on(-1, e=0.001), on(0, e=3)]
    assert entry(days, at_day=38 - 1e-6) is not None
    assert entry(days, at_day=38) is None
    assert SCORER.key_entry("tag", "k", days, SCORER.score("tag", "k", days), False, (DAY0 + 38) * DAY_MS) is None


def test_days_with_counts_but_no_evidence_do_not_renew_an_entry() -> None:
    found = entry([on(-1, e=0.001), on(0, e=3), on(9, low_rating=1, started=1)], at_day=10)
    assert found is not None
    assert found.expires_at == (DAY0 + 38) * DAY_MS
    assert (found.evidence.last_day, found.evidence.started) == ("2024-10-04", 1)
    assert entry([on(0, shown=9, engaged=9)]) is None


@pytest.mark.parametrize(
    ("counts", "reasons"),
    [
        ({"shown": 5, "ignored": 2}, ("below_own_rate",)),
        ({"shown": 4, "ignored": 2}, ("ignored",)),
        ({"abandoned": 1, "started": 1}, ("below_own_rate",)),
        ({"abandoned": 2, "started": 4}, ("abandoned",)),
        ({"abandoned": 2, "started": 5}, ("below_own_rate",)),
        ({"returned": 1, "low_rating": 1}, ("returned", "low_rating")),
        ({"ld": 0.1, "abandoned": 2, "started": 2, "shown": 1, "ignored": 1, "returned": 1, "low_rating": 1},
         ("explicit", "abandoned", "ignored", "returned", "low_rating")),
        ({"ld": -0.1}, ("below_own_rate",)),
    ],
)  # fmt: skip
def test_reasons_of_tags_in_their_order(counts: dict[str, float], reasons: tuple[str, ...]) -> None:
    found = entry([on(0, e=8, **counts)])
    assert found is not None
    assert found.reasons == reasons


# --- creators tried once -------------------------------------------------------------------------------------

ENGAGED_ONCE = on(0, shown=1, started=1, engaged=1, o=9, e=1)
PASSED_OVER = [on(day, shown=5, ignored=5, sessions=1, e=1) for day in (1, 2, 3)]


def test_a_creator_tried_on_one_day_and_passed_over_on_others_is_one_and_done() -> None:
    # DAY0 engaged | +1 ignored | +2 ignored | +3 ignored: sum e = 3, sessions = 3
    found = entry([ENGAGED_ONCE, *PASSED_OVER], "creator", at_day=4)
    assert found is not None
    assert (found.tier, found.multiplier, found.reasons) == ("soft", 0.5, ("one_and_done", "ignored"))
    assert found.expires_at == (DAY0 + 33) * DAY_MS
    assert entry([ENGAGED_ONCE, *PASSED_OVER], "creator", at_day=33) is None
    assert entry([ENGAGED_ONCE, *PASSED_OVER], "tag", at_day=4) is None


@pytest.mark.parametrize(
    "days",
    [
        PASSED_OVER,  # never tried
        [ENGAGED_ONCE, on(1, engaged=1), *PASSED_OVER[1:]],  # tried again
        [*PASSED_OVER, on(4, engaged=1, e=1)],  # tried last
        [ENGAGED_ONCE, *PASSED_OVER[:2], on(3, shown=5, sessions=1, e=0.999999)],  # too little expected
        [ENGAGED_ONCE, *PASSED_OVER[:2], on(3, shown=5, e=2)],  # in too few sessions
    ],
)
def test_what_is_not_one_and_done(days: Days) -> None:
    assert one_and_done(days) is None


def test_of_two_implicit_entries_of_a_creator_one_stands_with_the_stronger_of_each() -> None:
    # listed: E = 5 + ..., L >= 0, strong, expires late; one-and-done: multiplier .5, 30 days
    days = [on(0, shown=1, engaged=1), *(on(day, shown=9, ignored=9, sessions=1, e=2) for day in (1, 2, 3))]
    found = entry(days, "creator", at_day=4)
    assert found is not None
    assert (found.tier, found.reasons) == ("strong", ("one_and_done", "ignored"))
    assert found.multiplier < 0.5
    assert found.expires_at is not None
    assert found.expires_at > (DAY0 + 33) * DAY_MS
    # once one-and-done has expired, the listed one stands alone
    alone = entry(days, "creator", at_day=33)
    assert alone is not None
    assert alone.reasons == ("ignored",)


# --- contents ------------------------------------------------------------------------------------------------


def content(days: Days, at_day: float = 4) -> Entry | None:
    return content_entry("c", days, round((DAY0 + at_day) * DAY_MS))


IGNORED = [on(day, shown=1, ignored=1, sessions=1) for day in (0, 1, 2)]


@pytest.mark.parametrize(
    ("n", "tier", "multiplier"), [(2, "soft", 0.51), (3, "strong", 0.36), (4, "strong", 0.17), (9, "strong", 0.13)]
)
def test_a_content_shown_in_vain_is_lowered_by_what_that_foretells(n: int, tier: str, multiplier: float) -> None:
    found = content([on(0, shown=n - 1, ignored=n - 1, sessions=1), IGNORED[1]])
    assert found is not None
    assert (found.tier, found.reasons, found.multiplier) == (tier, ("ignored",), multiplier)
    assert found.expires_at == (DAY0 + 31) * DAY_MS


def test_one_bad_afternoon_lowers_a_content_softly_and_for_two_weeks() -> None:
    found = content([on(0, shown=8, ignored=8, sessions=3)])
    assert found is not None
    assert (found.tier, found.multiplier, found.expires_at) == ("soft", 0.13, (DAY0 + 14) * DAY_MS)
    assert content([on(0, shown=8, ignored=8, sessions=3)], at_day=14) is None


def test_a_favourite_that_is_passed_over_is_not_left_out() -> None:
    liked = [on(day, started=1, engaged=1) for day in (0, 1)]
    vain = [on(day, shown=2, ignored=2, sessions=1) for day in (2, 3)]
    once, often = content([liked[1], *vain]), content([*liked, *vain])
    assert once is not None
    assert often is not None
    assert (once.tier, often.tier, often.multiplier) == ("strong", "soft", 0.17)


def test_showings_in_vain_count_after_the_last_engaged_day_and_for_thirty_days() -> None:
    assert content(IGNORED[:1]) is None
    assert content([on(0, shown=1, ignored=1, engaged=1), IGNORED[1]]) is None
    assert content([IGNORED[0], on(30, shown=1, ignored=1)], at_day=30) is None
    within = content([IGNORED[0], on(29, shown=1, ignored=1)], at_day=29)
    assert within is not None
    assert (within.multiplier, within.expires_at) == (0.51, (DAY0 + 59) * DAY_MS)
    assert content([IGNORED[0], on(29, shown=1, ignored=1)], at_day=59) is None


@pytest.mark.parametrize("k", range(1, 9))
def test_leavings_never_weigh_less_than_as_many_showings_passed_over(k: int) -> None:
    for days in (1, 2):
        left = content([on(day, started=k, abandoned=k) for day in range(days)])
        passed = content([on(day, shown=k, ignored=k) for day in range(days)])
        assert left is not None
        if passed is not None:
            assert left.multiplier <= passed.multiplier
            assert left.tier == passed.tier or passed.tier == "soft"
            assert left.expires_at >= passed.expires_at
            assert left.reasons == ("abandoned",)


def test_abandoned_content_is_soft_unless_engaged_with_the_same_or_a_later_day() -> None:
    left = on(0, started=1, abandoned=1)
    found = content([left])
    assert found is not None
    assert (found.tier, found.multiplier, found.reasons) == ("soft", 0.3, ("abandoned",))
    assert found.expires_at == (DAY0 + 30) * DAY_MS
    assert content([on(0, started=2, abandoned=1, engaged=1)]) is None
    assert content([left, on(1, engaged=1)]) is None
    assert content([on(0, engaged=1), on(1, started=1, abandoned=1)]) is not None
    assert content([left], at_day=30) is None


def test_of_ignored_and_abandoned_content_one_entry_stands_with_the_stronger_of_each() -> None:
    # six days after it was left, it is passed over: strong by both until +36; what follows from one day ends before
    both = content([on(0, started=1, abandoned=1), on(6, shown=2, ignored=2)], at_day=7)
    assert both is not None
    assert (both.tier, both.multiplier, both.reasons) == ("strong", 0.3, ("abandoned", "ignored"))
    assert both.expires_at == (DAY0 + 36) * DAY_MS
    left = content([on(0, shown=2, ignored=1, started=1, abandoned=1)], at_day=13)
    later = content([on(0, shown=2, ignored=1, started=1, abandoned=1)], at_day=14)
    assert left is not None
    assert later is not None
    assert (left.reasons, later.reasons) == (("abandoned", "ignored"), ("abandoned", "ignored"))
    assert (left.multiplier, later.multiplier, later.expires_at) == (0.3, 0.3, (DAY0 + 30) * DAY_MS)
