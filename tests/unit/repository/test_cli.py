"""The command line without any server: help, settings, and what an unreachable broker or Redis looks like."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.cli.settings import as_markdown

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "worker", "publisher", "demo", "topics", "replay", "inspect", "explain", "rebuild-redis", "erase",
    "repartition", "rejects", "labels", "train", "responsiveness", "check", "settings", "emit", "serve", "api-key",
)  # fmt: skip


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **(env or {})}, prog_name="streamer")


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A port of this machine at which nobody answers, as long as the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def away(nowhere: int) -> tuple[str, ...]:
    """Options of a deployment whose broker and Redis are away."""
    options = (f"brokers=127.0.0.1:{nowhere}", "broker_timeout=0.5", f"redis_url=redis://127.0.0.1:{nowhere}/0")
    return tuple(part for option in options for part in ("--set", option))


@pytest.mark.parametrize("command", [*COMMANDS, "topics create", "topics check", "labels export", "labels stats"])
def test_every_command_tells_what_it_does(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Usage: streamer {command}" in result.output


def test_help_names_every_command() -> None:
    assert all(f"\n  {command} " in run("--help").output for command in COMMANDS)


def test_help_loads_no_client_library() -> None:
    """So that it is quick, and works without the extras."""
    program = (
        "import sys, streamer.cli\n"
        "try: sys.argv = ['streamer', '--help']; streamer.cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'faust', 'kafka', 'aiokafka', 'redis', 'confluent_kafka', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [("worker",), ("publisher",), ("topics", "check"), ("inspect", "u1"), ("settings",), ("rebuild-redis",), ("demo",)],
)
def test_bad_settings_are_all_named_at_once_with_exit_code_2(command: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "streamer.toml"
    config.write_text("grace = -1\nno_such_thing = 3\n")
    result = run("--config", str(config), "--set", "partitions=none", *command, env={"STREAMER_TYPO": "1"})
    assert result.exit_code == 2
    assert result.stderr.startswith("streamer: 4 settings cannot work:")
    assert all(name in result.stderr for name in ("grace", "no_such_thing", "partitions", "STREAMER_TYPO"))


def test_set_wins_over_environment_and_file(tmp_path: Path) -> None:
    config = tmp_path / "streamer.toml"
    config.write_text("grace = 1\nsession_gap = 2\nmin_session = 3\n")
    result = run("--config", str(config), "--set", "grace=60", "settings", env={"STREAMER_SESSION_GAP": "61"})
    now = {words[0]: words[2] for line in result.output.splitlines() if len(words := line.split()) > 2}
    assert (now["grace"], now["session_gap"], now["min_session"], now["allowed_lag"]) == ("60", "61", "3", "=")


def test_set_without_a_value_says_how_to_write_it() -> None:
    result = run("--set", "grace", "settings")
    assert (result.exit_code, "NAME=VALUE" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("worker",),
        ("publisher",),
        ("topics", "create"),
        ("topics", "check"),
        ("explain", "u1", "news"),
        ("rebuild-redis",),
        ("replay", "kuairand", str(ROOT / "tests/fixtures/kuairand")),
    ],
)
def test_an_unreachable_broker_is_one_message_that_says_what_to_do(
    command: tuple[str, ...], away: tuple[str, ...]
) -> None:
    result = run(*away, *command)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("streamer: no Kafka broker answered within 0.5 s (127.0.0.1:")
    assert "set brokers (STREAMER_BROKERS)" in result.stderr


@pytest.mark.parametrize("command", [("inspect", "u1"), ("erase", "u1")])
def test_an_unreachable_redis_is_one_message_that_says_what_to_do(
    command: tuple[str, ...], away: tuple[str, ...]
) -> None:
    result = run(*away, *command)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "streamer: Redis at redis://127.0.0.1:" in result.stderr
    assert "check that it runs" in result.stderr


def test_check_names_every_problem_at_once(away: tuple[str, ...]) -> None:
    result = run(*away, "check")
    assert result.exit_code == 1
    assert result.output.count("✗") == 3
    assert result.output.count("✓") == 1
    assert "no Kafka broker answered" in result.output
    assert "Redis at redis://" in result.output
    assert "3 problems" in result.stderr


def test_check_with_bad_settings_names_them() -> None:
    result = run("--set", "grace=-1", "--set", "window_days=0", "check")
    assert result.exit_code == 1
    assert result.output.count("✗") == 3
    assert "grace" in result.output
    assert "window_days" in result.output


def test_replay_of_an_unknown_data_set_names_those_that_are_known() -> None:
    result = run("replay", "netflix", "/nowhere")
    assert result.exit_code == 2
    assert all(name in result.stderr for name in ("kuairand", "open-bandit", "movielens"))


def test_replay_of_a_missing_path_says_so() -> None:
    result = run("replay", "kuairand", "/nowhere")
    assert (result.exit_code, "/nowhere does not exist" in result.stderr) == (1, True)


def test_explain_of_an_unknown_kind_names_those_that_are_known() -> None:
    result = run("explain", "u1", "news", "--kind", "film")
    assert (result.exit_code, "tag, creator, content" in result.stderr) == (2, True)


def test_a_city_too_small_for_its_events_says_what_to_raise() -> None:
    result = run("demo", "--users", "1", "--days", "2", "--events", "100000")
    assert (result.exit_code, "raise users or days" in result.stderr) == (2, True)


def test_settings_page_is_what_the_settings_are() -> None:
    """If not:  streamer settings --markdown > docs/settings.md"""
    assert (ROOT / "docs/settings.md").read_text() == as_markdown()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8"])
def test_terminals_with_few_signs_get_others_instead(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    environment |= {"STREAMER_BROKERS": "127.0.0.1:1", "STREAMER_BROKER_TIMEOUT": "0.1"}
    for command, code in (("settings", 0), ("check", 1)):
        done = subprocess.run(
            [sys.executable, "-m", "streamer.cli", command], env=environment, capture_output=True, check=False, cwd=ROOT
        )
        shown = done.stdout.decode(encoding)
        assert (done.returncode, b"Traceback" in done.stderr) == (code, False), done.stderr
        assert command == "settings" or "✗ " in shown or "NO" in shown


@pytest.mark.parametrize(
    "command",
    [
        ("erase",),
        ("inspect",),
        ("explain",),
        ("rejects", "count", "--user"),
        ("rejects", "show", "--topic"),
    ],
)
def test_an_argument_that_is_no_text_is_told(command: tuple[str, ...]) -> None:
    result = run(*command, os.fsdecode(b"x\xff"), *(["news"] if command == ("explain",) else []))
    assert (result.exit_code, "is no UTF-8 text" in result.output) == (2, True), result.output
