"""Dead letters on the embedded broker: counted, shown, filtered, and sent again if they are valid by now."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.embedded import EmbeddedBroker
from streamer.partitioning import partition_of
from streamer.producing.connection import PROTOCOL
from streamer.settings import Settings
from tests.deployment import records_in, settings_of
from tests.processes import environment_of

NOW = time.time_ns() // 1_000_000
VALID = {"user_id": "ann", "ts": NOW, "action": "block", "scope": "creator", "creator_id": "loud"}
LETTERS = [
    ("wrong_partition", "dislikes", b"ann", VALID),
    ("missing_key", "dislikes", None, {**VALID, "creator_id": "louder"}),
    ("missing_field", "dislikes", b"bob", {"user_id": "bob", "ts": NOW}),
    ("malformed_json", "plays", b"\xff", None),
]


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker, prefix: str, tmp_path: Path) -> Settings:
    given = {"declare_topics": False, "partitions": embedded_broker.partitions}
    found = settings_of(prefix, embedded_broker.bootstrap, "redis://localhost:1/0", tmp_path, **given)
    producer = KafkaProducer(bootstrap_servers=found.brokers, api_version=PROTOCOL)
    for number, (code, topic, key, event) in enumerate(LETTERS):
        headers = {
            "topic": prefix + topic,
            "partition": "0",
            "offset": str(number),
            "code": code,
            "detail": f"no. {number}",
        }
        value = b"{" if event is None else json.dumps(event).encode()
        pairs = [(name, text.encode()) for name, text in headers.items()]
        producer.send(found.topics.rejects, value, key, headers=pairs)
    producer.send(found.topics.rejects, b"?", b"?")  # a stranger's
    producer.close()
    return found


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["rejects", *arguments], env=environment_of(settings))


def test_they_are_counted_by_topic_and_code(settings: Settings) -> None:
    lines = run(settings, "count").output.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "1", "1", "1", "1", "5"]
    assert run(settings, "count", "--topic", "plays").output.split()[-3:] == ["1", "in", "all"]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (["--code", "missing_key"], ["no. 1"]),
        (["--user", "ann"], ["no. 0", "no. 1"]),
        (["--topic", "plays"], ["no. 3"]),
        (["--hours", "0"], []),
        (["--user", "ann", "--code", "missing_field"], []),
    ],
)
def test_they_are_shown_by_what_they_have(settings: Settings, wanted: list[str], shown: list[str]) -> None:
    output = run(settings, "show", *wanted).output
    assert sorted(line.strip() for line in output.splitlines() if "no. " in line) == shown


def test_what_is_valid_by_now_is_sent_to_its_user_s_partition_and_the_rest_stays(settings: Settings) -> None:
    result = run(settings, "resend", "--yes")
    assert result.output.strip() == "2 sent again; 3 still cannot be processed, and stay"
    home = partition_of("ann", settings.partitions)
    sent = records_in(settings, settings.topics.dislikes, [home])
    found = {(record.key, json.loads(record.value or b"")["creator_id"]) for record in sent}
    assert found == {(b"ann", "loud"), (b"ann", "louder")}


def test_nothing_is_sent_if_one_says_no(settings: Settings) -> None:
    result = CliRunner().invoke(app, ["rejects", "resend"], env=environment_of(settings), input="n\n")
    assert result.exit_code == 1
    assert records_in(settings, settings.topics.dislikes, range(settings.partitions)) == []
