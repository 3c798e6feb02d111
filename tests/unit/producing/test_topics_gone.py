"""Topics that somebody deletes while they are checked."""

from __future__ import annotations

from streamer.producing import topics
from streamer.settings import Settings


class Vanishing:
    """A cluster whose topic for rejects is deleted after the topics were listed."""

    embedded = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def hidden(self, _names: list[str]) -> list[str]:
        return []

    def partitions(self, names: list[str]) -> dict[str, int]:
        if names == [self._settings.topics.rejects]:  # asked again
            return {}
        alone = topics.of_one_partition(self._settings)
        return {name: 1 if name in alone else self._settings.partitions for name in names}

    def configs(self, names: list[str], _keys: list[str]) -> dict[str, dict[str, str]]:
        wanted = topics.wanted(self._settings)
        policies = {name: {"cleanup.policy": wanted[name]["cleanup.policy"], "retention.ms": "-1"} for name in names}
        return policies | {self._settings.topics.rejects: {}}


def test_a_topic_deleted_while_it_is_checked_is_told_as_missing() -> None:
    settings = Settings()
    [problem] = topics._problems(settings, Vanishing(settings))  # type: ignore[arg-type]
    assert problem == "topic rejects does not exist: run  streamer topics create"
