"""``streamer labels`` on a broker: from the topic to files, and on."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import Producer
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.learning.examples.folder import read_manifest
from streamer.profile import Label
from streamer.profile.labels import encode
from streamer.settings import Settings
from tests.unit.learning.examples import DAY_0, label


def options(settings: Settings) -> list[str]:
    names = ("brokers", "topic_prefix", "partitions", "declare_topics")
    values = [f"{name}={str(getattr(settings, name)).lower()}" for name in names]
    return [part for value in [*values, "labels=true"] for part in ("--set", value)]


def tell(settings: Settings, *records: tuple[int, str, Label | None]) -> None:
    producer = Producer({"bootstrap.servers": settings.brokers})
    for partition, user, said in records:
        value = None if said is None else encode(said)
        producer.produce(settings.topics.labels, value, user.encode(), partition)
    assert producer.flush(30) == 0


def test_labels_of_all_partitions_are_exported_and_a_second_run_goes_on(settings: Settings, tmp_path: Path) -> None:
    out, call = tmp_path / "labels", [*options(settings), "labels"]
    assert CliRunner().invoke(app, [*options(settings), "topics", "create"]).exit_code == 0
    tell(settings, *((n % settings.partitions, f"u{n}", label(f"u{n}", DAY_0 + n)) for n in range(10)))
    first = CliRunner().invoke(app, [*call, "export", str(out)])
    assert first.exit_code == 0, first.output
    assert "10 sessions' labels with 10 examples" in first.output
    tell(settings, (1, "u1", None), (2, "u2", label("u2", DAY_0 + 2)), (3, "u3", label("u3", DAY_0 + 99)))
    second = CliRunner().invoke(app, [*call, "export", str(out)])
    assert second.exit_code == 0, second.output
    assert "1 sessions' labels with 1 examples" in second.output
    assert "1 labels were there already" in second.output
    assert "1 examples of erased users" in second.output
    assert sum(part.rows for part in read_manifest(out).files.values()) == 10
    counted = CliRunner().invoke(app, [*call, "stats", str(out)])
    assert "10 examples of 9 users on 1 days" in counted.output
    of_topic = CliRunner().invoke(app, [*call, "stats"])
    assert "12 examples of 10 users on 1 days" in of_topic.output
