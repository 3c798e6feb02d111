"""The HTTP service while Kafka goes away and comes back: nothing hangs, nothing is said to be sent that is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from streamer.producing import topics
from streamer.service.backends import SENDING, WAITING
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import records_of, settings_of
from tests.processes import wait_for
from tests.service import serving


@pytest.mark.kills("kafka")
def test_events_are_refused_while_kafka_is_away_lists_are_served_and_it_goes_on_when_it_is_back(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path
) -> None:
    redis_server.flush()
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, clock="wall")
    topics.create(settings)

    def block(user: str) -> httpx.Response:
        event = {"topic": "dislikes", "user_id": user, "action": "block", "content_id": "c"}
        return service.full.post("/v1/events", json={"events": [event]}, timeout=120)

    with serving(settings, tmp_path) as service:
        assert block("before").status_code == 202
        kafka.kill()
        try:
            with ThreadPoolExecutor(2 * (SENDING + WAITING)) as callers:
                asked = [callers.submit(block, f"away-{n}") for n in range(2 * (SENDING + WAITING))]
                assert service.full.get("/v1/users/ann/avoid-list").status_code == 200
                assert service.full.get("/livez").status_code == 200
                answers = [each.result() for each in asked]
        finally:
            kafka.start()
        assert {answer.status_code for answer in answers} == {503}
        assert all("Retry-After" in answer.headers for answer in answers)
        wait_for("it takes events again", lambda: block("after").status_code == 202, None)
    written = {record.key for record in records_of(settings, settings.topics.dislikes)}
    assert written >= {b"before", b"after"}
