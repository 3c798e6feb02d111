"""Events that come at the wrong time: a topic a day behind, from the future, from 1973."""

from __future__ import annotations

import time

import pytest
from kafka import KafkaProducer

from lab.oracle.oracle import Oracle
from streamer.events import DAY_MS, LEAST_TS_MS, Dislike, Event, Feedback, Play, encode
from streamer.producing import SignalProducer
from tests.backends.ports import free_port
from tests.deployment import Story, records_of, story_of
from tests.feeding import Feed
from tests.processes import measured, wait_for
from tests.system.faults.deployed import Deployed


@pytest.mark.long  # test_alignment.py has one of them
@pytest.mark.parametrize("behind", ["impressions", "plays", "dislikes", "feedback"])
def test_not_one_event_is_late_because_its_topic_comes_a_day_behind_the_others(
    deployment: Deployed, behind: str
) -> None:
    """
    others  day 0 ━━━━━━ 1 ━━━━━━ 2 ━━━━━━ 3 ━━━━━━ 4 ━━━━━━ 5
    behind               day 0 ━━━━━━ 1 ━━━━━━ 2 ━━━━━━ 3 ━━━━━━ 4 ━━━━━━ 5
    """
    story = story_of(40, 5)
    arriving = sorted(story.events, key=lambda pair: pair[1].ts + (DAY_MS if pair[0] == behind else 0))
    port = free_port()
    worker = deployment.spawn("worker", deployment.settings.model_copy(update={"metrics_port": port}))
    feed = Feed(deployment.settings, arriving, story.end, rate=2_000, lateness_ms=2 * DAY_MS)
    feed.start()
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("all is committed", deployment.source.done, worker)
    assert measured(port, "events_total") >= len(story.events)
    assert measured(port, "late_events_total") == 0
    deployment.finish(story, feed, worker, None)


@pytest.mark.long
def test_events_from_the_future_are_rejected_and_move_no_watermark(deployment: Deployed) -> None:
    settings, story = deployment.settings, story_of(40, 5)
    feed = deployment.feed(story, shares=2)
    worker = deployment.spawn("worker")
    feed.allow()
    wait_for("some is committed", deployment.source.committed, worker)
    tomorrow = time.time_ns() // 1_000_000 + DAY_MS
    producer = KafkaProducer(bootstrap_servers=settings.brokers)
    sent = []
    for number, user in enumerate(sorted(story.users)):
        early = encode(Play(user_id=user, ts=tomorrow + number, content_id="c"))
        sent.append(producer.send(settings.topics.plays, early, key=user.encode()).get(30).offset)
    sent.append(producer.send(settings.topics.plays, b'{"watermark":%d}' % tomorrow).get(30).offset)
    producer.close()
    feed.allow()
    deployment.finish(story, feed, worker, None)
    codes = [dict(record.headers)["code"] for record in records_of(settings, settings.topics.rejects)]
    assert codes == [b"from_the_future"] * len(sent)


@pytest.mark.long
def test_of_events_from_1973_only_hard_entries_remain(deployment: Deployed) -> None:
    """A known user's are late: metered, not counted, but what they state explicitly holds. A stranger's count as
    anyone's first events do, whose window has long passed: only what never ends is kept of them.
    """
    settings, story = deployment.settings, story_of(40, 5)
    known = sorted(story.truth)[:4]
    watermark = story.end
    old = LEAST_TS_MS
    ancient: list[Event] = []
    for number, user in enumerate([*known, "stranger-1", "stranger-2"]):
        ancient.append(Play(user_id=user, ts=old + 1, content_id="old", tags=("old",), played_s=1.0, duration_s=600.0))
        ancient.append(Feedback(user_id=user, ts=old + 2, kind="like", content_id="old", creator_id="old"))
        if number % 2:
            ancient.append(Dislike(user_id=user, ts=old + 3, action="block", scope="creator", creator_id="never"))
        ancient.append(Dislike(user_id=user, ts=old + 4, action="dislike", scope="creator", creator_id="once"))
    worker = deployment.spawn("worker")
    feed = deployment.feed(story)
    feed.allow()
    wait_for("everything is produced", lambda: feed.finished, worker)
    wait_for("the present is processed", deployment.source.done, worker)
    with SignalProducer(settings) as producer:
        for event in ancient:
            producer.send(event)
        producer.watermark(watermark + 1)
    told = Story([*story.events, *(("", event) for event in ancient)], watermark + 1, dict(story.truth))
    deployed_truth = {}
    for user in told.users:
        own = [event for _, event in story.events if event.user_id == user]
        steps = [*own, watermark, *(event for event in ancient if event.user_id == user), watermark + 1]
        document = Oracle(settings).run(steps).document()
        if document is not None:
            deployed_truth[user] = document
    blocked = {user for user, document in deployed_truth.items() if "never" in document.avoid.creators}
    assert blocked == {known[1], known[3], "stranger-2"}
    assert "stranger-1" not in deployed_truth
    deployment.finish(told._replace(truth=deployed_truth), None, worker, None)
