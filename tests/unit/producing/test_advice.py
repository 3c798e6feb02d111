"""What is said about replicas is what the broker has, whatever the settings say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamer.producing import topics
from streamer.producing.advice import advice
from streamer.settings import Settings


class Cluster:
    """Whose topics all have so many replicas, so many of which must be in sync, and take large records."""

    embedded = False

    def __init__(self, replicas: int, in_sync: int) -> None:
        self._replicas = replicas
        self._in_sync = in_sync

    def configs(self, names: list[str], _keys: list[str]) -> dict[str, dict[str, str]]:
        values = {
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(self._in_sync),
            "max.message.bytes": str(topics.LARGEST_BATCH),
        }
        return dict.fromkeys(names, values)

    def replicas(self, names: list[str]) -> dict[str, int]:
        return dict.fromkeys(names, self._replicas)


@pytest.mark.parametrize(
    ("replicas", "in_sync", "said"),
    [
        (1, 1, ["1 replica, so what its broker loses is lost"]),
        (2, 1, ["2 replicas"]),
        (2, 2, ["2 replicas", "nothing can be written while a broker is away"]),
        (3, 1, ["min.insync.replicas is 1"]),
        (3, 2, []),
        (3, 3, ["nothing can be written while a broker is away"]),
    ],
)
@pytest.mark.parametrize("setting", [1, 3])
def test_replicas_and_how_many_must_be_in_sync(
    replicas: int, in_sync: int, said: list[str], setting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def connect(_settings: Settings) -> Iterator[Cluster]:
        yield Cluster(replicas, in_sync)

    monkeypatch.setattr("streamer.producing.advice.connect", connect)
    lines = advice(Settings(replication=setting))
    assert len(lines) == len(said)
    for line, words in zip(lines, said, strict=True):
        assert words in line
        assert line.startswith("impressions, ")


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_topics_are_made_so_that_a_record_that_counts_as_written_survives_a_broker(
    replication: int, in_sync: str
) -> None:
    asked = topics.wanted(Settings(replication=replication, labels=True, population=True))
    assert {configs["min.insync.replicas"] for configs in asked.values()} == {in_sync}
