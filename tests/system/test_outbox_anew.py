"""The outbox is deleted and made anew under its name: Redis takes its documents, though their offsets begin again."""

from __future__ import annotations

from pathlib import Path

from kafka import KafkaAdminClient

from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.deployment import NOW, newest_in_outbox, served
from tests.processes import Progress, running, wait_for

USERS = [f"user{number}" for number in range(5)]


def block(settings: Settings, creator: str, ts: int) -> None:
    with SignalProducer(settings) as producer:
        for user in USERS:
            producer.send(Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator))
        producer.watermark(ts)


def make_anew(settings: Settings) -> None:
    """Deletes the outbox, and makes a topic of the same name."""
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    admin.delete_topics([settings.topics.avoid_lists])
    wait_for("it is gone", lambda: settings.topics.avoid_lists not in admin.list_topics(), None)
    admin.close()
    assert topics.create(settings) == [settings.topics.avoid_lists]


def blocked(settings: Settings) -> set[tuple[str, ...]]:
    return {document.avoid.creators for document in served(settings, USERS).values()}


def test_every_user_is_served_what_was_said_after_the_outbox_was_made_anew(
    settings: Settings, source: Progress, tmp_path: Path
) -> None:
    for number, creators in enumerate([("a",), ("b", "a"), ("c", "b", "a")]):
        block(settings, creators[0], NOW + number)
        if number == 2:
            make_anew(settings)
        with (
            running("worker", settings, tmp_path / "worker.log") as worker,
            running("publisher", settings, tmp_path / "publisher.log") as publisher,
        ):
            wait_for("all is committed", source.done, worker)
            wait_for("all is served", lambda wanted=creators: blocked(settings) == {wanted}, publisher)  # type: ignore[misc]
    assert len(served(settings, USERS)) == len(USERS)
    assert newest_in_outbox(settings).keys() == set(USERS)


def test_documents_that_have_not_changed_are_in_the_new_outbox_too(
    settings: Settings, source: Progress, tmp_path: Path
) -> None:
    block(settings, "a", NOW)
    with running("worker", settings, tmp_path / "worker.log") as worker:
        wait_for("all is committed", source.done, worker)
    before = newest_in_outbox(settings)
    make_anew(settings)
    with running("worker", settings, tmp_path / "worker.log") as worker:
        wait_for("every list is there again", lambda: newest_in_outbox(settings) == before, worker)
    assert before.keys() == set(USERS)
