"""Settings: where values come from, which of them wins, and that every problem is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from streamer.errors import SettingsError
from streamer.settings import Settings, TileCaps, Topics, load


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


# --- as people write them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("AVOID_TIERS", "hard, strong,soft", ("hard", "strong", "soft")),
        ("AVOID_TIERS", '["hard"]', ("hard",)),
        ("AVOID_TIERS", "", ()),
        ("CONTEXT_DIMENSIONS", "daypart", ("daypart",)),
        ("ATTENTION_TABLE", "1.0,0.7", (1.0, 0.7)),
        ("TILE_CAPS", "tags=32, creators=16", TileCaps(tags=32, creators=16)),
        ("TILE_CAPS", '{"tags": 32}', TileCaps(tags=32)),
    ],
)
def test_lists_come_with_commas_or_as_json(
    variable: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"STREAMER_{variable}", text)
    assert getattr(load(), variable.lower()) == value


def test_lists_that_are_none_are_told_with_all_other_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"AVOID_TIERS": "hard;soft", "ATTENTION_TABLE": "[1.0", "TILE_CAPS": "tags", "GRACE": "soon"}
    for name, text in given.items():
        monkeypatch.setenv(f"STREAMER_{name}", text)
    problems = problems_of()
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "attention_table", "avoid_tiers.0", "grace", "tile_caps.tags",
    ]  # fmt: skip
    assert "attention_table: write it as JSON, or with commas, got '[1.0'" in problems


def test_what_kubernetes_sets_for_its_services_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for of in ("", "WORKER_"):
        links = {
            "SERVICE_HOST": "10.0.0.7", "SERVICE_PORT": "9100", "SERVICE_PORT_METRICS": "9100",
            "PORT": "tcp://10.0.0.7:9100", "PORT_9100_TCP": "tcp://10.0.0.7:9100", "PORT_9100_TCP_PROTO": "tcp",
            "PORT_9100_TCP_PORT": "9100", "PORT_9100_TCP_ADDR": "10.0.0.7",
        }  # fmt: skip
        for name, text in links.items():
            monkeypatch.setenv(f"STREAMER_{of}{name}", text)
    assert load() == load()
    monkeypatch.setenv("STREAMER_METRIC_PORT", "9100")  # a typo
    monkeypatch.setenv("STREAMER_METRICS_PORT", "tcp://10.0.0.7:9100")  # a service that is named as a setting is
    typo, taken = problems_of()
    assert typo.startswith("environment variable STREAMER_METRIC_PORT: there is no such setting")
    assert "the service streamer-metrics; set enableServiceLinks: false" in taken


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "streamer.toml"
    file.write_bytes("group = 'süd'\r\n".encode(encoding))
    assert load(file).group == "süd"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_no_utf_8_is_told(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "streamer.toml"
    file.write_bytes("group = 'süd'\n".encode(encoding))
    assert problems_of(file) == [f"config file {file} is not UTF-8: save it as UTF-8"]


# --- Kafka's security ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"security_protocol": "SASL_SSL"}, ["sasl_username", "sasl_password"]),
        ({"security_protocol": "SASL_SSL", "sasl_username": "me", "sasl_password": "x"}, []),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, ["sasl_token_file"]),
        ({"sasl_username": "me", "sasl_password": "x"}, ["sasl_username", "sasl_password"]),
        ({"ssl_ca": "ca.pem"}, ["ssl_ca"]),
        ({"security_protocol": "SSL", "ssl_ca": "", "ssl_key": "k.pem"}, ["ssl_cert"]),
        (
            {"security_protocol": "SASL_SSL", "sasl_username": "me", "sasl_password": "x", "sasl_password_file": "f"},
            ["sasl_password"],
        ),
    ],
)
def test_security_that_contradicts_itself_is_told(given: dict[str, object], problems: list[str]) -> None:
    told = [] if not problems else problems_of(**given)
    if not problems:
        load(**given)
    assert [problem.split(":")[0] for problem in told] == problems


def test_no_problem_and_no_text_of_settings_shows_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = {"sasl_password": 8_675_309, "redis_url": 8_675_309, "ssl_key_password": 8_675_309}
    text = "\n".join(f"{name} = {value}" for name, value in secret.items())
    problems = problems_of(toml(tmp_path, text))
    assert sorted(problem.split(":")[0] for problem in problems) == sorted(secret)
    assert "8675309" not in "".join(problems)
    monkeypatch.setenv("STREAMER_SASL_PASSWORD", "8675309")
    settings = load(security_protocol="SASL_SSL", sasl_username="me")
    assert "8675309" not in f"{settings!r}{settings}{settings.model_dump()}"
