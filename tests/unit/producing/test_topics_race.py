"""Topics are made at several brokers: the controller moves, others make them too, and not all know of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamer.errors import TopicsError
from streamer.producing import topics
from streamer.producing.connection import TopicError
from streamer.settings import Settings

NOT_CONTROLLER, EXISTS, BAD_REPLICATION = 41, 36, 38


class Cluster:
    """Answers as told, one answer for each attempt to make topics; then knows what is made after some questions."""

    embedded = False

    def __init__(self, settings: Settings, answers: list[int], known_after: int = 0) -> None:
        self._settings = settings
        self._answers = answers
        self._known_after = known_after
        self.there: set[str] = set()
        self.asked = 0

    def partitions(self, names: list[str]) -> dict[str, int]:
        return dict.fromkeys(self.there & set(names), self._settings.partitions)

    def hidden(self, _names: list[str]) -> list[str]:
        return []

    def configs(self, names: list[str], _keys: list[str]) -> dict[str, dict[str, str]]:
        wanted = topics.wanted(self._settings)
        return {name: {"cleanup.policy": wanted[name]["cleanup.policy"], "retention.ms": "-1"} for name in names}

    def create(self, asked: dict[str, dict[str, str]], partitions: int, replication: int) -> dict[str, TopicError]:
        code = self._answers.pop(0) if self._answers else 0
        if code in (0, EXISTS):
            self.there |= asked.keys()
        return {name: TopicError(code, f"code {code}") for name in asked} if code else {}

    def known_everywhere(self, _names: list[str]) -> bool:
        self.asked += 1
        return self.asked > self._known_after


@pytest.fixture
def settings() -> Settings:
    return Settings(broker_timeout=0.5)


def create(settings: Settings, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    @contextmanager
    def connect(_settings: Settings) -> Iterator[Cluster]:
        yield cluster

    monkeypatch.setattr(topics, "connect", connect)
    return topics.create(settings)


def test_a_controller_that_moves_is_asked_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create(settings, Cluster(settings, [NOT_CONTROLLER, NOT_CONTROLLER]), monkeypatch)
    assert sorted(made) == sorted(topics.wanted(settings))


def test_what_another_makes_meanwhile_is_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert create(settings, Cluster(settings, [EXISTS]), monkeypatch) == []


def test_all_brokers_are_to_know_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(settings, [], known_after=2)
    assert create(settings, cluster, monkeypatch)
    assert cluster.asked == 3


@pytest.mark.parametrize(
    ("answers", "known_after"),
    [([NOT_CONTROLLER] * 100, 0), ([], 100), ([BAD_REPLICATION], 0)],
    ids=["no controller", "not known in time", "refused"],
)
def test_what_does_not_pass_in_time_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, answers: list[int], known_after: int
) -> None:
    with pytest.raises(TopicsError):
        create(settings, Cluster(settings, answers, known_after), monkeypatch)
