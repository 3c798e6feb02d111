"""What `streamer erase` says is left of a user, and until when: by what the brokers have, not by what they should."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamer.events import DAY_MS
from streamer.producing import topics
from streamer.producing.acls import needed
from streamer.producing.remains import remains
from streamer.settings import Settings
from tests.backends.acls import grant
from tests.backends.choose import Kafka
from tests.backends.secured import SecuredKafka
from tests.deployment import make_topic, settings_of

NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
GIVEN = {"retention_days": 7, "labels": True, "population": True, "store": "rocksdb"}


@pytest.fixture
def settings(kafka: Kafka, prefix: str, tmp_path: Path) -> Settings:
    return settings_of(prefix, kafka.bootstrap, "redis://nobody", tmp_path, **GIVEN)


def told(settings: Settings) -> dict[str, str]:
    return dict(remains(settings, NOW))


def test_topics_as_we_make_them_are_rid_of_a_user_a_day_after_their_retention(settings: Settings) -> None:
    topics.create(settings)
    found = told(settings)
    assert found["Redis"] == "nothing"
    for place in ("sources", "rejects", "erasures", "labels"):
        assert "until 2026-01-10 (retention.ms)" in found[place], found[place]
    for place in ("state", "outbox"):
        assert "by 2026-01-03 (max.compaction.lag.ms)" in found[place], found[place]
    assert {"journal", "files", "data_dir", "population"} <= found.keys()


def test_topics_that_others_have_made_are_told_as_they_are(settings: Settings) -> None:
    count = settings.partitions
    make_topic(settings, "rejects", count, retention_ms="-1")
    make_topic(settings, "plays", count, retention_ms=str(30 * DAY_MS), segment_ms=str(10 * DAY_MS))
    make_topic(settings, "erasures", count, retention_ms=str(2 * DAY_MS))
    make_topic(settings, "avoid-lists", count, cleanup_policy="compact")
    topics.create(settings)
    found = told(settings)
    assert "for ever: retention.ms sets no end" in found["rejects"]
    assert "until 2026-02-11" in found["sources"]
    assert "until 2026-01-11" in found["erasures"], "segments are of seven days where nothing is said"
    assert "which it promises for no day" in found["outbox"]


def test_who_may_not_ask_is_told_what_the_settings_say(secured: SecuredKafka, prefix: str, tmp_path: Path) -> None:
    owner = settings_of(prefix, secured.server.bootstrap, "redis://nobody", tmp_path, **GIVEN)
    topics.create(owner)
    grant(secured.server.bootstrap, needed(owner, ["erase"]))
    assert told(secured.as_user(owner, "erase")) == told(owner)
