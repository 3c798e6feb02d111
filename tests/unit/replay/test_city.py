"""The generated city: repeatable, in order, of the promised mix, and true to its users' tastes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from streamer.city.city import VISITS_A_DAY, City, disorder, generate
from streamer.events import EVENT_TYPES, Event, EventDecoder, Feedback, Impression, Play, encode

END = 1_760_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def city() -> City:
    return City.of_size(30_000, end_ms=END, seed=7, days=20)


@pytest.fixture(scope="module")
def events(city: City) -> list[tuple[str, Event]]:
    return list(city.events())


def test_the_same_seed_gives_the_same_events_and_another_seed_others() -> None:
    first = list(generate(users=5, days=3, seed=1, end_ms=END))
    assert first == list(generate(users=5, days=3, seed=1, end_ms=END))
    assert first != list(generate(users=5, days=3, seed=2, end_ms=END))


@pytest.mark.parametrize("size", [1, 39, 5_000])
def test_a_city_of_a_size_makes_exactly_so_many_events(size: int) -> None:
    assert len(list(City.of_size(size, end_ms=END, days=3).events())) == size


def test_events_come_in_event_time_order_and_fill_the_days_up_to_the_end(events: list[tuple[str, Event]]) -> None:
    times = [event.ts for _, event in events]
    assert all(a <= b for a, b in pairwise(times))
    assert times[0] >= END - 20 * DAY
    assert END - HOUR <= times[-1] <= END


def test_every_event_survives_the_wire_and_its_checks(events: list[tuple[str, Event]]) -> None:
    decoders = {topic: EventDecoder(topic, max_future_ms=0) for topic in EVENT_TYPES}
    for topic, event in events:
        assert decoders[topic].decode(event.user_id.encode(), encode(event), END) == event


def test_the_mix_and_the_size_of_events_are_those_of_the_benchmark_workload(events: list[tuple[str, Event]]) -> None:
    share = {topic: count / len(events) for topic, count in Counter(topic for topic, _ in events).items()}
    assert share["impressions"] == pytest.approx(0.80, abs=0.02)
    assert share["plays"] == pytest.approx(0.17, abs=0.02)
    assert share["dislikes"] == pytest.approx(0.01, abs=0.005)
    assert share["feedback"] == pytest.approx(0.02, abs=0.005)
    assert 250 <= sum(len(encode(event)) for _, event in events) / len(events) <= 300


def test_items_carry_three_tags_on_average_and_popular_ones_far_more_often(city: City) -> None:
    items = city.catalogue.items
    assert sum(len(item.tags) for item in items) / len(items) == pytest.approx(3, abs=0.1)
    assert all(len(set(item.tags)) == len(item.tags) for item in items)
    counts = [count for _, count in Counter(tag for item in items for tag in item.tags).most_common()]
    assert counts[0] > 5 * counts[len(counts) // 2]


def test_viewability_is_partly_missing_and_partly_below_the_gate(events: list[tuple[str, Event]]) -> None:
    impressions = [event for _, event in events if isinstance(event, Impression)]
    missing = sum(event.visible_ms is None for event in impressions) / len(impressions)
    passed = sum((event.visible_ms or 0) >= 2000 and event.visible_ratio >= 0.5 for event in impressions)
    assert 0.02 < missing < 0.06
    assert 0.6 < passed / len(impressions) < 0.9


def test_progress_reports_are_followed_by_an_end_unless_the_app_was_killed(events: list[tuple[str, Event]]) -> None:
    plays: dict[tuple[str, str | None, str, str], list[Play]] = {}
    for _, event in events:
        if isinstance(event, Play) and event.session_id is not None:
            plays.setdefault((event.user_id, event.session_id, event.content_id, event.playback_id), []).append(event)
    reported = [reports for reports in plays.values() if not reports[0].ended]
    followed = [reports for reports in reported if reports[-1].ended]
    assert 0.9 * len(reported) < len(followed) < len(reported)
    for first, *_, last in followed:
        assert (first.played_s or 0) <= (last.played_s or 0)


def test_every_kind_of_event_and_context_occurs(events: list[tuple[str, Event]]) -> None:
    everything = [event for _, event in events]
    assert {event.media for event in everything} >= {"video", "audio", "article", "product"}
    assert len({event.device for event in everything}) == 4
    assert len({event.tz_offset_min for event in everything}) > 3
    assert {event.session_id is None for event in everything} == {True, False}
    dislikes = [encode(event) for topic, event in events if topic == "dislikes"]
    for action in ("dislike", "not_interested", "hide", "block", "report", "undo"):
        assert any(f'"action":"{action}"'.encode() in value for value in dislikes), action
    for scope in ("creator", "tag"):
        assert any(f'"scope":"{scope}"'.encode() in value for value in dislikes), scope
    kinds = {event.kind for event in everything if isinstance(event, Feedback)}
    assert kinds == {
        "click", "like", "love", "save", "share", "follow", "comment", "rating", "purchase", "return", "undo",
    }  # fmt: skip


def test_users_start_what_they_like_and_leave_alone_what_they_dislike(
    city: City, events: list[tuple[str, Event]]
) -> None:
    shown: Counter[str] = Counter()
    started: Counter[str] = Counter()
    truths = {user: city.truth(user) for user in city.user_ids()}
    for _, event in events:
        if isinstance(event, Impression | Play):
            truth = truths[event.user_id]
            group = (
                "disliked"
                if truth.disliked_tags.intersection(event.tags) or event.creator_id in truth.disliked_creators
                else "liked"
                if truth.liked_tags.intersection(event.tags)
                else "neutral"
            )
            (shown if isinstance(event, Impression) else started)[group] += 1
    rate = {group: started[group] / shown[group] for group in shown}
    assert rate["disliked"] < rate["neutral"] / 2
    assert rate["neutral"] < rate["liked"]


def test_visits_of_a_day_are_few_and_their_events_seconds_apart(events: list[tuple[str, Event]]) -> None:
    sessions: dict[tuple[str, str], list[int]] = {}
    for _, event in events:
        if event.session_id is not None:
            sessions.setdefault((event.user_id, event.session_id), []).append(event.ts)
    gaps = sorted(b - a for times in sessions.values() for a, b in pairwise(times))
    assert 1_000 < gaps[len(gaps) // 2] < 10_000
    shown = Counter((e.user_id, e.session_id) for _, e in events if isinstance(e, Impression) and e.session_id)
    assert max(shown.values()) <= 40
    days = Counter((user, (min(times) - END) // DAY) for (user, _), times in sessions.items())
    assert max(days.values()) <= VISITS_A_DAY


def test_the_truth_is_known_of_residents_only(city: City) -> None:
    truth = city.truth("user-00000")
    assert truth == city.truth("user-00000")
    assert truth.disliked_tags
    assert not truth.disliked_tags & truth.liked_tags
    assert not truth.disliked_creators & truth.liked_creators
    for stranger in ("user-99999", "user-0", "nobody"):
        with pytest.raises(KeyError):
            city.truth(stranger)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"users": 0}, "users must be >= 1, got 0"),
        ({"days": 0}, "days must be >= 1, got 0"),
        ({"end_ms": 5}, "end_ms must be >= 86400000, got 5"),
        ({"events": 1_000}, "raise users or days, or lower events"),
    ],
)
def test_a_city_that_cannot_be_is_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        City(**{"users": 1, "days": 1, "seed": 0, "end_ms": END, **arguments})


def test_disorder_moves_and_repeats_events_but_never_beyond_the_grace(events: list[tuple[str, Event]]) -> None:
    arrived = list(disorder(events, grace_ms=HOUR, duplicates=0.1, seed=3))
    assert arrived == list(disorder(events, grace_ms=HOUR, duplicates=0.1, seed=3))
    assert set(arrived) == set(events)
    assert len(arrived) / len(events) == pytest.approx(1.1, abs=0.01)
    newest = out_of_order = 0
    for _, event in arrived:
        assert newest - event.ts < HOUR
        out_of_order += event.ts < newest
        newest = max(newest, event.ts)
    assert out_of_order > len(events) / 2


@pytest.mark.parametrize(("grace_ms", "duplicates"), [(0, 0.1), (1000, -0.1), (1000, 1.1)])
def test_disorder_refuses_arguments_out_of_range(grace_ms: int, duplicates: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        disorder([], grace_ms, duplicates, seed=0)


def test_disorder_refuses_events_that_are_not_in_order(events: list[tuple[str, Event]]) -> None:
    with pytest.raises(ValueError, match="event-time order"):
        list(disorder(reversed(events[:100]), grace_ms=HOUR, duplicates=0, seed=0))
