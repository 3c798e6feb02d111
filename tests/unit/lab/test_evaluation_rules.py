"""Every rule on a tiny example with a known answer, and ours against the worker's own document."""

from __future__ import annotations

from math import exp, log

import pytest

from lab.evaluation.contenders import contenders
from lab.evaluation.joining import Joining
from lab.evaluation.rules import RULES, Listed, Rule
from lab.evaluation.rules.abandonment_count import AbandonmentCount
from lab.evaluation.rules.abandonment_rate import AbandonmentRate
from lab.evaluation.rules.explicit_only import ExplicitOnly
from lab.evaluation.rules.feedback_fatigue import FeedbackFatigue
from lab.evaluation.rules.impression_discounting import ImpressionDiscounting
from lab.evaluation.rules.likelihood_ratio import LikelihoodRatio, signed_g2
from lab.evaluation.rules.ours import CERTAIN, Ours
from lab.evaluation.rules.weighted_sum import WeightedSum
from streamer.errors import SettingsError
from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.profile import Profile, Rules
from streamer.serving.candidate import Candidate
from streamer.settings import Settings

T0 = 20_000 * DAY_MS + 8 * 3_600_000
RULES_OF = Rules(Settings())
NEWS, CATS, ANN = ("tag", "news"), ("tag", "cats"), ("creator", "ann")


def shown(at_s: int, content: str, *tags: str, creator: str = "ann") -> Impression:
    return Impression(
        user_id="u", ts=T0 + at_s * 1000, content_id=content, creator_id=creator, tags=tags, duration_s=100.0,
        position=0, visible_ms=5000,
    )  # fmt: skip


def played(at_s: int, content: str, seconds: float, *tags: str, creator: str = "ann") -> Play:
    return Play(
        user_id="u", ts=T0 + at_s * 1000, content_id=content, creator_id=creator, tags=tags, duration_s=100.0,
        played_s=seconds,
    )  # fmt: skip


def disliked(at_s: int, content: str, *tags: str) -> Dislike:
    return Dislike(
        user_id="u", ts=T0 + at_s * 1000, content_id=content, creator_id="ann", tags=tags, action="dislike"
    )  # fmt: skip


def told(rule: Rule, *events: Event, now_s: int = 10_000) -> int:
    """Tells a rule the events as the harness does; returns the time after them."""
    joining = Joining(RULES_OF)
    for event in events:
        for sitting in joining.add(event):
            rule.sit(sitting)
        rule.see(event)
    for sitting in joining.advance(T0 + now_s * 1000):
        rule.sit(sitting)
    return T0 + now_s * 1000


def test_a_sitting_has_what_was_shown_joined_with_what_was_done() -> None:
    joining = Joining(RULES_OF)
    assert not joining.add(shown(0, "a", "news"))
    assert not joining.add(played(10, "a", 90, "news"))
    assert not joining.add(shown(20, "b", "cats"))
    (sitting,) = joining.add(shown(10_000, "c"))  # more than half an hour later
    assert [joined.keys for joined in sitting.joined] == [(NEWS, ANN), (CATS, ANN)]
    assert [joined.outcome.engaged for joined in sitting.joined] == [True, False]
    assert [joined.outcome.ignored for joined in sitting.joined] == [False, True]
    assert joining.advance(T0 + 10_000_000) == []
    assert len(joining.advance(T0 + 20_000_000)) == 1


def test_explicit_only_lists_what_was_named_and_nothing_else() -> None:
    rule = ExplicitOnly("u", RULES_OF)
    named = Dislike(user_id="u", ts=T0 + 5000, scope="tag", tag="cats", action="hide")
    now = told(rule, shown(0, "a", "news"), named, disliked(10, "a"))
    assert rule.listed(now) == {CATS: Listed("hard", 0.0), ("content", "a"): Listed("hard", 0.0)}
    assert rule.scores(now) == {CATS: 1, NEWS: 1, ANN: 1}  # the dislike of a takes its keys from the showing
    assert rule.penalties([Candidate("x", "ann", ("cats",)), Candidate("y", "ann", ("news",))], now) == [0.0, 1.0]


def test_an_undo_takes_a_complaint_back() -> None:
    rule = ExplicitOnly("u", RULES_OF)
    undo = Dislike(user_id="u", ts=T0 + 9000, content_id="a", action="undo")
    now = told(rule, disliked(5, "a", "news"), undo)
    assert rule.scores(now) == {}
    assert rule.listed(now) == {}


def test_abandonments_are_counted_and_listed_from_three() -> None:
    rule = AbandonmentCount("u", RULES_OF)
    events = [played(n * 10, f"i{n}", 5, "news", "cats" if n else "dogs") for n in range(4)]
    now = told(rule, *events, played(60, "z", 95, "dogs"))
    assert rule.scores(now) == {NEWS: 4, CATS: 3, ("tag", "dogs"): 1, ANN: 4}
    assert rule.listed(now).keys() == {NEWS, CATS, ANN}


def test_counts_fade_by_half_in_a_half_life() -> None:
    rule = AbandonmentCount("u", RULES_OF)
    told(rule, played(0, "a", 5, "news"))
    assert rule.scores(T0 + 90 * DAY_MS)[NEWS] == pytest.approx(0.5)


def test_the_abandonment_rate_is_abandonments_of_plays() -> None:
    rule = AbandonmentRate("u", RULES_OF)
    now = told(
        rule, *(played(n * 100, f"i{n}", 5 if n % 2 else 95, "news") for n in range(4)), played(600, "x", 5, "cats")
    )
    assert rule.scores(now) == {NEWS: 0.5, CATS: 1.0, ANN: 3 / 5}
    assert rule.listed(now).keys() == {NEWS, ANN}  # one play is too few to list cats


def test_the_weighted_sum_adds_the_unified_weights() -> None:
    rule = WeightedSum("u", RULES_OF)
    like = Feedback(user_id="u", ts=T0 + 200_000, content_id="a", creator_id="ann", tags=("news",), kind="like")
    events = [shown(0, "a", "news"), played(100, "a", 95, "news"), like, disliked(300, "b", "cats")]
    now = told(rule, *events)
    # shown .01 + watched .60 + like .70; a dislike is −1.50
    assert rule.scores(now)[NEWS] == pytest.approx(-1.31)
    assert rule.scores(now)[CATS] == pytest.approx(1.5, abs=0.01)
    assert rule.listed(now) == {}
    assert rule.scores(now)[ANN] == pytest.approx(0.19, abs=0.01)


def test_feedback_fatigue_keeps_away_for_two_weeks_and_comes_back_slowly() -> None:
    rule = FeedbackFatigue("u", RULES_OF)
    told(rule, disliked(0, "a", "news"))
    for days, tier, factor in ((1, "hard", 0.0), (14, "strong", 0.2), (84, "strong", 0.6)):
        assert rule.listed(T0 + days * DAY_MS)[NEWS] == Listed(tier, pytest.approx(factor))  # type: ignore[arg-type]
        assert rule.scores(T0 + days * DAY_MS)[ANN] == pytest.approx(1 - factor)
    assert rule.listed(T0 + 154 * DAY_MS) == {}


def test_impressions_in_vain_discount_until_the_next_engagement() -> None:
    rule = ImpressionDiscounting("u", RULES_OF)
    vain = [shown(n * 10, f"i{n}", "news", "cats") for n in range(8)]
    now = told(rule, *vain, shown(90, "z", "cats"), played(100, "z", 95, "cats"))
    assert rule.scores(now) == {NEWS: 8, CATS: 0, ANN: 0}
    assert rule.listed(now) == {NEWS: Listed("strong", exp(-0.8))}


def test_dunnings_ratio_is_the_textbook_one() -> None:
    # 2 of 20 against 30 of 60: G² = 2 Σ observed · ln(observed ÷ expected)
    hits, trials, other, others = 2, 20, 30, 60
    pooled = (hits + other) / (trials + others)
    table = [(hits, trials * pooled), (trials - hits, trials * (1 - pooled))]
    table += [(other, others * pooled), (others - other, others * (1 - pooled))]
    expected = 2 * sum(o * log(o / e) for o, e in table)
    assert signed_g2(hits, trials, other, others) == pytest.approx(expected)
    assert signed_g2(other, others, hits, trials) == pytest.approx(-expected)


def test_dunnings_rule_compares_a_key_with_everything_else() -> None:
    rule = LikelihoodRatio("u", RULES_OF)
    events: list[Event] = []
    for n in range(20):
        events += [shown(n * 200, f"n{n}", "news"), shown(n * 200 + 5, f"c{n}", "cats", creator="bob")]
        events += [played(n * 200 + 150, f"c{n}", 95, "cats", creator="bob")]
    now = told(rule, *events, now_s=20_000)
    assert rule.scores(now)[NEWS] == pytest.approx(signed_g2(0, 20, 20, 20))
    assert rule.listed(now).keys() == {NEWS, ANN}


def test_ours_is_the_workers_profile_and_document() -> None:
    events: list[Event] = []
    for day in range(12):
        at = day * 86_400
        for n in range(6):
            events += [shown(at + n * 10, f"n{day}-{n}", "news", creator="bob")]
            events += [
                shown(at + n * 10 + 5, f"c{day}-{n}", "cats"),
                played(at + n * 10 + 9, f"c{day}-{n}", 95, "cats"),
            ]
    events.sort(key=lambda event: event.ts)
    now = T0 + 13 * DAY_MS
    rule, profile = Ours("u", RULES_OF), Profile("u", RULES_OF)
    told(rule, *events, now_s=13 * 86_400)
    for event in events:
        profile.advance(event.ts)
        profile.apply(event, event.ts)
    profile.advance(now)
    document = profile.document()
    assert document is not None
    entry = next(each for each in document.entries if each.value == "news")
    assert rule.listed(now)[NEWS].tier == entry.tier == "strong"
    assert rule.scores(now)[NEWS] == pytest.approx(entry.log_odds, abs=1e-4)
    assert rule.scores(now)[CATS] < rule.neutral < rule.scores(now)[NEWS]
    assert rule.penalties([Candidate("x", "carl", ("news",))], now)[0] < 0.6


def test_ours_ranks_what_was_named_above_all_else_and_open_sessions_count() -> None:
    rule = Ours("u", RULES_OF)
    named = Dislike(user_id="u", ts=T0 + 20_000, scope="creator", creator_id="bob", action="block")
    told(rule, shown(0, "a", "news"), shown(10, "b", "cats"), named, now_s=21)
    now = T0 + 2_000_000  # closed, not sealed
    assert rule.scores(now)["creator", "bob"] == CERTAIN
    assert rule.scores(now).keys() >= {NEWS, CATS}


def test_contenders_are_the_rules_named_and_a_changed_setting_enters_ours_again() -> None:
    found = contenders(["dunning", "ours"], Settings(), {"half_life_days": 30})
    assert [each.label for each in found] == ["ours", "ours, half_life_days=30", "dunning"]
    assert [each.rules.half_life_days for each in found] == [90, 30, 90]
    assert [each.label for each in contenders([], Settings())] == list(RULES)
    with pytest.raises(SettingsError, match="no such rule, there are ours, "):
        contenders(["nonsense"], Settings())
    with pytest.raises(SettingsError, match="half_life_days"):
        contenders([], Settings(), {"half_life_days": -1})
