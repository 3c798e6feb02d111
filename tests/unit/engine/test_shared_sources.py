"""Two deployments with the same sources: each has the whole truth, and touches nothing of the other's."""

from __future__ import annotations

import pytest

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.state.store import MemoryStore
from streamer.events import DAY_MS, Erasure, Watermark, encode
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker
from streamer.testing.worker import MemoryWorker
from tests.deployment import NOW, city_of

FIRST = Settings(clock="events", topic_prefix="dev-", labels=True)
SHADOW = Settings(clock="events", topic_prefix="try-", source_prefix="dev-", group="try", labels=True)
OUTPUTS = ("streamer-state", "streamer-journal", "avoid-lists", "labels")


def fed() -> tuple[MemoryBroker, str]:
    """A broker with a city's events, one of whose users is erased, and that user."""
    broker = MemoryBroker()
    events = city_of("", users=5)
    for topic, event in events:
        broker.append(f"dev-{topic}", [NewRecord(event.user_id.encode(), encode(event))])
    for topic in FIRST.topics.sources:
        broker.append(topic, [NewRecord(None, encode(Watermark(NOW + DAY_MS)))])
    erased = events[0][1].user_id
    broker.append("dev-erasures", [NewRecord(erased.encode(), encode(Erasure(erased, NOW - DAY_MS)))])
    broker.append("dev-plays", [NewRecord(b"u", b"nonsense")])
    return broker, erased


def run(settings: Settings, broker: MemoryBroker) -> None:
    broker.committed.clear()  # offsets are kept by group
    worker = MemoryWorker(settings, Rules(settings), broker, MemoryStore(), lambda: NOW + DAY_MS, 100)
    worker.work()
    worker.checkpoint()


def newest(broker: MemoryBroker, topic: str) -> dict[bytes | None, bytes | None]:
    return {record.key: record.value for record in broker.logs[topic] if record.key != b"@"}


@pytest.mark.parametrize("deployments", [(FIRST, SHADOW), (SHADOW, FIRST)], ids=["first", "shadow first"])
def test_both_write_the_same_to_topics_of_their_own(deployments: tuple[Settings, Settings]) -> None:
    broker, erased = fed()
    sources = {topic: list(broker.logs[topic]) for topic in (*FIRST.topics.sources, FIRST.topics.erasures)}
    before, after = deployments
    run(before, broker)
    its_own = {topic: list(log) for topic, log in broker.logs.items() if topic.startswith(before.topic_prefix)}
    run(after, broker)
    assert {topic: list(broker.logs[topic]) for topic in its_own} == its_own
    assert {topic: broker.logs[topic] for topic in sources} == sources
    for topic in OUTPUTS:
        assert newest(broker, "try-" + topic) == newest(broker, "dev-" + topic)
    documents = newest(broker, "try-avoid-lists")
    assert sum(value is not None for value in documents.values()) > 2
    assert documents.keys() >= {erased.encode()}
    (reject,) = broker.logs["try-rejects"]
    assert dict(reject.headers)["topic"] == b"dev-plays"
    assert {topic for topic in broker.logs if topic.startswith("try-")} <= {
        "try-" + name for name in (*OUTPUTS, "rejects", "population")
    }
