"""Worlds with known tastes: repeatable, of the promised kind, and true to what they say of their people."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log
from statistics import median, pstdev

import pytest
from msgspec.structs import replace

from lab.worlds import REGIMES, SIZES, World
from lab.worlds.resident import DISLIKED, HOOK_DRAW, LIKED
from lab.worlds.world import DAYS, START_MS
from streamer.events import DAY_MS, Dislike, Feedback, Impression, Play
from streamer.profile import Rules
from streamer.settings import Settings

GATE = Rules(Settings()).gate


@pytest.fixture(scope="module")
def feed() -> World:
    return World(REGIMES["feed"], users=40, seed=3)


def test_the_same_seed_gives_the_same_people_and_lives_and_another_seed_others(feed: World) -> None:
    again, other = World(REGIMES["feed"], 40, 3), World(REGIMES["feed"], 40, 4)
    here, same, else_ = (list(world.residents())[10] for world in (feed, again, other))
    assert (here, feed.life(here)) == (same, again.life(same))
    assert (here, feed.life(here)) != (else_, other.life(else_))


def test_a_life_is_in_order_within_the_world_and_as_long_as_the_size_says(feed: World) -> None:
    sizes = Counter()
    for who in feed.residents():
        life = feed.life(who)
        assert all(a.ts <= b.ts for a, b in pairwise(life))
        assert START_MS <= life[0].ts <= life[-1].ts < START_MS + DAYS * DAY_MS
        shown = sum(isinstance(event, Impression) for event in life)
        least, most = SIZES[who.size]
        assert least - 40 <= shown <= most  # the last visit may reach past the world's end
        sizes[who.size] += 1
    assert sizes == {"heavy": 4, "medium": 16, "light": 20}


@pytest.mark.parametrize(("regime", "share"), [("feed", 0.30), ("browse", 0.05)])
def test_starts_are_as_rare_as_the_regime_says(regime: str, share: float) -> None:
    world = World(REGIMES[regime], users=30, seed=1)
    events = [event for who in world.residents() for event in world.life(who)]
    shown = sum(isinstance(event, Impression) for event in events)
    started = sum(
        isinstance(event, Play) or (isinstance(event, Feedback) and event.kind == "click") for event in events
    )
    assert started / shown == pytest.approx(share, rel=0.25)


def test_explicit_dislikes_are_rare_and_a_few_people_make_most_of_them() -> None:
    world = World(REGIMES["feed"], users=150, seed=1)
    medium = [who for who in world.residents() if who.size == "medium"]
    lives = [world.life(who) for who in medium]
    complaints = sorted((sum(isinstance(event, Dislike) for event in life) for life in lives), reverse=True)
    assert 0 < sum(complaints) < 0.02 * sum(map(len, lives))
    assert sum(complaints[: len(complaints) // 10]) > 0.4 * sum(complaints)
    assert complaints[len(complaints) // 2] <= 1


def test_in_the_blind_regimes_two_fifths_of_what_passes_the_gate_was_never_seen() -> None:
    for name in ("feed-blind", "browse-blind"):
        regime = REGIMES[name]
        reported = 1 - regime.unseen + regime.unseen * regime.reported_seen
        assert regime.unseen * regime.reported_seen / reported == pytest.approx(0.4)
    world = World(REGIMES["feed-blind"], users=5, seed=1)
    shown = [e for who in world.residents() for e in world.life(who) if isinstance(e, Impression)]
    assert all(GATE.passes(event) for event in shown)


def test_what_a_user_dislikes_is_started_less_often_and_left_sooner(feed: World) -> None:
    shown: Counter[bool] = Counter()
    started: Counter[bool] = Counter()
    watched: dict[bool, list[float]] = {True: [], False: []}
    items = {item.content_id: item for item in feed.catalogue.items}
    for who in feed.residents():
        for event in feed.life(who):
            item, truth = items[event.content_id or ""], who.at(event.ts)
            if isinstance(event, Impression):
                shown[min(truth.tags[tag] for tag in item.tags) <= DISLIKED] += 1
            elif isinstance(event, Play) and event.played_s is not None and item.duration_s is not None:
                started[min(truth.tags[tag] for tag in item.tags) <= DISLIKED] += 1
                watched[truth.displeases(item)].append(event.played_s / item.duration_s)
    assert started[True] / shown[True] < 0.6 * started[False] / shown[False]
    assert median(watched[True]) < 0.5 * median(watched[False])


@pytest.mark.parametrize(("regime", "sigma"), [("feed-17", 0.17), ("browse-08", 0.08)])
def test_tastes_can_be_as_small_as_on_real_data(regime: str, sigma: float) -> None:
    world = World(REGIMES[regime], users=40, seed=2)
    item = next(item for item in world.catalogue.items if len(item.tags) == 1)
    (tag,) = item.tags
    people = [replace(who.before, creators={item.creator_id: 1.0}) for who in world.residents()]
    assert all(p.draw(item, frozenset()) == pytest.approx(p.tags[tag] ** p.taste) for p in people)
    logs = [p.taste * log(ratio) for p in people for ratio in p.tags.values()]
    assert pstdev(logs) == pytest.approx(sigma, rel=0.05)


def test_what_only_a_tag_speaks_against_is_left_early_as_seldom_as_tastes_are_small() -> None:
    world = World(REGIMES["feed-08"], users=40, seed=2)
    watched: dict[bool, list[float]] = {True: [], False: []}
    items = {item.content_id: item for item in world.catalogue.items}
    for who in world.residents():
        for event in world.life(who):
            item, truth = items[event.content_id or ""], who.at(event.ts)
            if isinstance(event, Play) and event.played_s is not None and not truth.displeases_by_more(item):
                watched[truth.displeases(item)].append(event.played_s / (item.duration_s or 1))
    assert 0.7 * median(watched[False]) < median(watched[True]) < median(watched[False])


def test_hooks_draw_everybody_in_and_disappoint_about_half(feed: World) -> None:
    people = [who.before for who in feed.residents()]
    item = next(item for item in feed.catalogue.items if item.creator_id in feed.hooks)
    assert all(p.draw(item, feed.hooks) == pytest.approx(HOOK_DRAW * p.draw(item, frozenset())) for p in people)
    disappointed = [p.displeases(item) for p in people if item.creator_id in p.disappointing]
    assert all(disappointed)
    assert 0.2 < len(disappointed) / len(people) < 0.8


def test_a_change_of_taste_gives_up_dislikes_and_takes_on_one(feed: World) -> None:
    changed = [who for who in feed.residents() if who.changes_ms is not None]
    assert changed
    for who in changed:
        assert who.changes_ms is not None
        assert who.at(who.changes_ms - 1) is who.before
        assert who.at(who.changes_ms) is who.after
        assert len(who.given_up("tag")) == len(who.given_up("creator")) == 1
        assert len(who.after.disliked("tag") - who.before.disliked("tag")) == 1
    assert all(who.changes_ms is None for who in feed.residents() if who.size == "light")


def test_liked_disliked_and_neutral_are_told_apart_by_their_ratios(feed: World) -> None:
    truth = next(feed.residents()).before
    assert not truth.liked("creator") & truth.disliked("creator")
    assert {truth.tags[tag] <= DISLIKED for tag in truth.disliked("tag")} == {True}
    assert {truth.tags[tag] >= LIKED for tag in truth.liked("tag")} == {True}
    assert truth.disappointing <= truth.disliked("creator")
    assert 0.02 < len(truth.disliked("tag")) / len(truth.tags) < 0.08
