"""Contenders that go by other users' rates: whose those are, and who goes by them."""

from __future__ import annotations

from lab.evaluation.contenders import contenders
from lab.evaluation.crowd import Life, among, rates
from streamer.events import DAY_MS, Event
from streamer.scoring.priors import DEFAULT
from streamer.settings import Settings
from tests.steps import HOUR, MINUTE, NOON, disliked, shown

START = NOON + 6 * HOUR
ALL_COUNT = Settings(population_share=1)


def life(user_id: str, tag: str) -> Life:
    """Ten showings of a tag in an evening; of gore all are disliked."""
    events: list[Event] = []
    for n in range(10):
        events.append(shown(START + n * MINUTE, f"{tag}-{n}", tag))
        if tag == "gore":
            events.append(disliked(START + n * MINUTE + 1, f"{tag}-{n}", tag))
    return Life(user_id, events, START + DAY_MS)


def lives() -> list[Life]:
    """At even places half of the users are shown gore, at odd ones nobody is."""
    return [life(f"u{n}", "gore" if n % 4 == 0 else "cats") for n in range(80)]


def test_each_half_has_a_snapshot_of_its_own_after_all_sessions_have_sealed() -> None:
    even, odd = rates(lives(), ALL_COUNT)
    # 20 users and 200 dislikes of gore, 40 users of both tags, 5 dislikes each: .04 · 300 ÷ 200, .04 · 100 ÷ 200
    assert {tag: round(rate, 4) for tag, rate in even.tags.items()} == {"gore": 0.06, "cats": 0.02}
    assert odd.tags == {}


def test_users_are_judged_by_the_other_half_and_only_by_rules_that_go_by_others() -> None:
    even, odd = among(contenders(["ours", "alone", "explicit"], ALL_COUNT), lives)
    assert [contender.label for contender in even] == [contender.label for contender in odd]
    assert [contender.rules.priors.tags.get("gore") for contender in odd] == [0.06, None, None]
    assert [contender.rules.priors.tags.get("gore") for contender in even] == [None, None, None]
    assert even[0].rules.priors.version == 1
    assert even[1].rules.priors is even[2].rules.priors is DEFAULT
