"""Settings: where values come from, which of them wins, and that every problem is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from streamer.errors import SettingsError
from streamer.settings import Settings, Topics, load


def toml(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "streamer.toml"
    file.write_text(text)
    return file


def problems_of(config: Path | None = None, **overrides: object) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load(config, **overrides)
    return error.value.problems


def test_defaults_work_without_any_configuration() -> None:
    settings = load()
    assert (settings.session_gap, settings.grace, settings.window_days, settings.half_life_days) == (
        1800,
        3600,
        180,
        90,
    )


def test_later_sources_win_defaults_file_environment_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = toml(tmp_path, "partitions = 10\ngrace = 10\nsession_gap = 10\n")
    monkeypatch.setenv("STREAMER_PARTITIONS", "20")
    monkeypatch.setenv("STREAMER_GRACE", "20")
    settings = load(file, partitions=30)
    assert (settings.partitions, settings.grace, settings.session_gap, settings.replication) == (30, 20, 10, 1)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMER_CONFIG", str(toml(tmp_path, "group = 'night'")))
    assert load().group == "night"


def test_nested_and_list_settings_come_from_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = toml(tmp_path, "context_dimensions = ['device']\nattention_table = [1.0, 0.5]\n[tile_caps]\ntags = 7\n")
    settings = load(file)
    assert settings.context_dimensions == ("device",)
    assert settings.attention_table == (1.0, 0.5)
    assert (settings.tile_caps.tags, settings.tile_caps.creators) == (7, 64)
    monkeypatch.setenv("STREAMER_TILE_CAPS__CREATORS", "9")
    assert load().tile_caps.creators == 9
    monkeypatch.setenv("STREAMER_TILE_CAPS__TAGS", "8")
    caps = load(file, tile_caps={"creators": 5}).tile_caps
    assert (caps.tags, caps.creators, caps.contents) == (8, 5, 128)  # the environment's, the override's, the default
    monkeypatch.setenv("STREAMER_CONTEXT_DIMENSIONS", '["daypart"]')
    assert load(file).context_dimensions == ("daypart",)


def test_every_problem_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAMER_GRACE", "-1")
    monkeypatch.setenv("STREAMER_PARTITION", "8")
    problems = problems_of(toml(tmp_path, "explore = 2.0\nexplain = true\n"), clock="sundial")
    assert [problem.split(":")[0] for problem in sorted(problems)] == [
        "clock",
        "environment variable STREAMER_PARTITION",
        "explain",
        "explore",
        "grace",
    ]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"partitions": 0}, "partitions: Input should be greater than or equal to 1, got 0"),
        ({"grace": -1}, "grace: Input should be greater than or equal to 0, got -1"),
        ({"explore": 1.01}, "explore: Input should be less than or equal to 1, got 1.01"),
        ({"half_life_days": 0}, "half_life_days: Input should be greater than 0, got 0"),
        ({"topic_prefix": "a b"}, "topic_prefix: String should match pattern"),
        ({"avoid_tiers": ("hard", "mild")}, "avoid_tiers.1: Input should be 'hard', 'strong' or 'soft', got 'mild'"),
        ({"no_such": 1}, "no_such: there is no such setting"),
        ({"publisher_group": "streamer"}, "publisher_group: must differ from group"),
        ({"population_group": "streamer-publisher"}, "population_group: must differ from group and publisher_group"),
        (
            {"retention_days": 1, "session_gap": 43_200, "grace": 86_400},
            "retention_days: source topics must outlive session_gap + grace",
        ),
    ],
)
def test_a_value_that_cannot_work_is_named_with_what_is_wrong(overrides: dict[str, object], problem: str) -> None:
    (told,) = problems_of(**overrides)
    assert told.startswith(problem)


def test_contradictions_are_all_told() -> None:
    problems = problems_of(retention_days=1, session_gap=43_200, grace=86_400, publisher_group="streamer")
    assert [problem.split(":")[0] for problem in problems] == ["retention_days", "publisher_group"]


def test_an_unreadable_or_broken_file_is_told(tmp_path: Path) -> None:
    assert "No such file" in problems_of(tmp_path / "absent.toml")[0]
    assert "is not TOML" in problems_of(toml(tmp_path, "grace 7"))[0]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().grace = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_topic_names_carry_the_prefix() -> None:
    topics = load(topic_prefix="eu-").topics
    names = [name for slot in Topics.__slots__ if slot != "sources" for name in [getattr(topics, slot)]]
    assert len(set(names)) == 15
    assert all(name.startswith("eu-") for name in names)
    assert topics.sources == ("eu-impressions", "eu-plays", "eu-dislikes", "eu-feedback")


def test_sources_alone_may_have_another_prefix() -> None:
    topics = load(topic_prefix="try-", source_prefix="").topics
    assert topics.sources == ("impressions", "plays", "dislikes", "feedback")
    assert (topics.erasures, topics.source_prefix) == ("erasures", "")
    assert (topics.avoid_lists, topics.state, topics.rejects) == (
        "try-avoid-lists",
        "try-streamer-state",
        "try-rejects",
    )
