"""How soon a no shows in what is shown: followed at seals, in memory, told as metrics."""

from __future__ import annotations

from typing import Final

import pytest
from prometheus_client import generate_latest

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.metrics import Metrics
from streamer.engine.partition import responses as module
from streamer.engine.partition.responses import HORIZON_MS, Response, Responses
from streamer.engine.state.store import MemoryStore
from streamer.events import DAY_MS, Dislike, Erasure, Event, Impression, Watermark, encode
from streamer.profile import Profile, Rules
from streamer.settings import Settings
from streamer.testing import StreamerJob
from streamer.testing.broker import MemoryBroker
from streamer.testing.worker import MemoryWorker

NOON: Final = 20_000 * DAY_MS + DAY_MS // 2
HOUR_MS: Final = 3_600_000
RULES: Final = Rules(Settings())


def shown(ts: int, content: str, creator: str | None = "a", tags: tuple[str, ...] = ("x",), ms: int = 3000) -> Event:
    return Impression(user_id="u", ts=ts, content_id=content, creator_id=creator, tags=tags, visible_ms=ms)


def no(ts: int, content: str = "c", **more: object) -> Event:
    return Dislike(user_id="u", ts=ts, action="dislike", content_id=content, **more)  # type: ignore[arg-type]


def live(responses: Responses, *events: Event) -> None:
    """One user's events, in order, until the last session has sealed."""
    profile = Profile("u", RULES)
    for event in [*events, None]:
        ts = max(each.ts for each in events) + DAY_MS if event is None else event.ts
        for session in profile.advance(ts):
            responses.take("u", session)
        if event is not None:
            profile.apply(event, ts)


def after(*events: Event) -> list[Response]:
    responses = Responses(RULES)
    live(responses, *events)
    assert responses.settle(NOON + HORIZON_MS) == []
    found = responses.settle(NOON + HORIZON_MS + 3 * DAY_MS)
    assert len(responses) == 0
    assert responses.settle(NOON + HORIZON_MS + 9 * DAY_MS) == []
    return found


def test_showings_since_a_no_are_counted_by_content_creator_and_tag() -> None:
    found = after(
        shown(NOON, "c"),
        no(NOON + 1000),
        shown(NOON + 2000, "d", creator="a", tags=("y",)),
        shown(NOON + DAY_MS, "c"),
        shown(NOON + 2 * DAY_MS, "e", creator="b", tags=("x", "z")),
        shown(NOON + 3 * DAY_MS, "f", creator="b", tags=("y",)),
    )
    assert found == [
        Response("content", 1, DAY_MS - 1000),
        Response("creator", 2, DAY_MS - 1000),
        Response("tag", 2, 2 * DAY_MS - 1000),
    ]


def test_a_no_that_nothing_similar_follows_tells_none_at_once() -> None:
    assert after(shown(NOON, "c"), no(NOON + 1000), shown(NOON + DAY_MS, "d", "b", ("y",))) == [
        Response(similar, 0, 0) for similar in ("content", "creator", "tag")
    ]


def test_what_was_shown_before_or_unseen_or_a_week_later_does_not_count() -> None:
    found = after(
        shown(NOON - 1000, "d"),
        no(NOON, creator_id="a", tags=("x",)),
        shown(NOON + DAY_MS, "e", ms=100),
        shown(NOON + HORIZON_MS + 1, "c"),
    )
    assert [each.showings for each in found] == [0, 0, 0]


@pytest.mark.parametrize(
    ("said", "similar"),
    [({"scope": "creator", "creator_id": "a"}, "creator"), ({"scope": "tag", "tag": "x"}, "tag")],
)
def test_a_no_to_a_creator_or_tag_is_about_nothing_else(said: dict[str, object], similar: str) -> None:
    assert after(no(NOON, **said), shown(NOON + DAY_MS, "d")) == [Response(similar, 1, DAY_MS)]


def test_repeats_change_nothing() -> None:
    events = [shown(NOON, "c"), no(NOON + 1000), shown(NOON + DAY_MS, "d"), no(NOON + DAY_MS + 1000)]
    assert after(*events) == after(*(event for event in events for _ in range(2)))


def test_what_is_taken_back_is_not_followed() -> None:
    undo = Dislike(user_id="u", ts=NOON + DAY_MS, action="undo", content_id="c")
    assert after(no(NOON), undo) == []
    same_session = Dislike(user_id="u", ts=NOON + 1, action="undo", content_id="c")
    assert after(no(NOON), same_session) == []


def test_what_is_followed_is_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    responses = Responses(RULES, most=3)
    live(responses, *(no(NOON + n, f"c{n}") for n in range(5)))
    assert (len(responses), responses.passed_over) == (3, 2)
    monkeypatch.setattr(module, "OF_A_USER", 1)
    of_one = Responses(RULES)
    live(of_one, *(no(NOON + n, f"c{n}") for n in range(5)))
    assert (len(of_one), of_one.passed_over) == (1, 4)


def test_of_users_who_said_nothing_nothing_is_kept() -> None:
    responses = Responses(RULES)
    live(responses, *(shown(NOON + n * HOUR_MS, f"c{n}") for n in range(30)))
    assert len(responses) == 0


def told(job: StreamerJob) -> dict[str, float]:
    registry = job._worker.context.metrics.registry
    return {
        similar: registry.get_sample_value("streamer_showings_after_no_sum", {"similar": similar}) or 0.0
        for similar in ("content", "creator", "tag")
        if registry.get_sample_value("streamer_showings_after_no_count", {"similar": similar})
    }


def test_the_worker_tells_it_in_its_metrics() -> None:
    job = StreamerJob(Settings(clock="events"))
    job.send(shown(NOON, "c"), no(NOON + 1000))
    for day in (1, 2):
        job.send(shown(NOON + day * DAY_MS, f"d{day}"))
    assert told(job) == {}
    job.advance(to_ms=NOON + 12 * DAY_MS)
    assert told(job) == {"content": 0.0, "creator": 2.0, "tag": 2.0}
    registry = job._worker.context.metrics.registry
    last = registry.get_sample_value("streamer_last_showing_after_no_seconds_sum", {"similar": "creator"})
    assert last == (2 * DAY_MS - 1000) / 1000


def test_an_erasure_takes_what_is_followed() -> None:
    job = StreamerJob(Settings(clock="events"))
    job.send(no(NOON))
    job.advance(to_ms=NOON + DAY_MS)
    job.send(Erasure("u", NOON + DAY_MS))
    job.advance(to_ms=NOON + 12 * DAY_MS)
    assert told(job) == {}


def test_what_is_not_followed_is_counted_as_a_metric() -> None:
    metrics = Metrics()
    metrics.count_responses([], 2)
    assert metrics.registry.get_sample_value("streamer_unfollowed_noes_total") == 2


def test_a_restart_tells_nothing_of_what_was_followed_rather_than_too_little() -> None:
    broker, settings, clock = MemoryBroker(), Settings(clock="events"), [NOON]

    def life() -> MemoryWorker:
        return MemoryWorker(settings, Rules(settings), broker, MemoryStore(), lambda: clock[0], 10)

    def sent(worker: MemoryWorker, *events: Event) -> None:
        for event in events:
            broker.append("dislikes" if isinstance(event, Dislike) else "impressions", [NewRecord(b"u", encode(event))])
            clock[0] = event.ts
        for topic in settings.topics.sources:
            broker.append(topic, [NewRecord(None, encode(Watermark(clock[0])))])
        worker.work()
        worker.checkpoint()

    first = life()
    sent(first, no(NOON), shown(NOON + DAY_MS, "d"), shown(NOON + 2 * DAY_MS, "e"))
    assert len(first.assigned._processor._responses) == 1  # type: ignore[union-attr]
    second = life()
    sent(second, shown(NOON + 3 * DAY_MS, "f"), shown(NOON + 12 * DAY_MS, "g"))
    assert "streamer_showings_after_no_count" not in generate_latest(second.context.metrics.registry).decode()
    third = life()
    sent(third, no(NOON + 13 * DAY_MS), shown(NOON + 14 * DAY_MS, "h"), shown(NOON + 30 * DAY_MS, "i"))
    assert (
        'streamer_showings_after_no_count{similar="content"} 1.0'
        in generate_latest(third.context.metrics.registry).decode()
    )
