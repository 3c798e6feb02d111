"""Container files: what can be told of them without a Docker engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from streamer.settings import Settings

ROOT: Final = Path(__file__).parents[3]
SETTINGS: Final = {f"STREAMER_{name}".upper() for name in Settings.model_fields}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_compose_runs_kafka_redis_topics_and_every_agent(services: dict[str, Any]) -> None:
    assert services.keys() == {"kafka", "redis", "topics", "worker", "publisher", "population"}
    assert [services[name]["command"] for name in ("topics", "worker", "publisher", "population")] == [
        ["topics", "create"],
        ["worker"],
        ["publisher"],
        ["population"],
    ]


def test_nothing_starts_before_what_it_needs_answers(services: dict[str, Any]) -> None:
    needs = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    done, healthy = "service_completed_successfully", "service_healthy"
    assert needs == {
        "kafka": {},
        "redis": {},
        "topics": {"kafka": healthy},
        "worker": {"topics": done},
        "publisher": {"topics": done, "redis": healthy},
        "population": {"topics": done, "redis": healthy},
    }
    assert all("healthcheck" in services[name] for name in ("kafka", "redis"))


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    for name in ("worker", "publisher", "population"):
        assert not services[name].keys() & {"container_name", "ports", "volumes"}


def test_container_settings_are_settings(services: dict[str, Any]) -> None:
    for name in ("topics", "worker", "publisher", "population"):
        environment = services[name]["environment"]
        assert environment.keys() <= SETTINGS
        Settings.model_validate({key.removeprefix("STREAMER_").lower(): value for key, value in environment.items()})
    named = set(re.findall(r"STREAMER_[A-Z_]+", (ROOT / "Dockerfile").read_text()))
    assert named <= SETTINGS


def test_kafka_is_reached_where_it_advertises_itself(services: dict[str, Any]) -> None:
    kafka = services["kafka"]["environment"]
    advertised = kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"INSIDE://{services['worker']['environment']['STREAMER_BROKERS']}" in advertised
    assert "OUTSIDE://localhost:9092" in advertised and services["kafka"]["ports"] == ["127.0.0.1:9092:9092"]
    protocols = dict(pair.split(":") for pair in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols.keys() == {listener.split(":")[0] for listener in kafka["KAFKA_LISTENERS"].split(",")}


def test_the_image_runs_the_command_line_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER streamer" in lines
    assert 'ENTRYPOINT ["streamer"]' in lines
    copied = [path for line in lines if line.startswith("COPY") for path in line.split()[1:-1]]
    ignore = (ROOT / ".dockerignore").read_text().split()
    assert {f"!{path}" for path in copied} <= set(ignore)
    assert all((ROOT / path).exists() for path in copied)


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make", "--silent"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in listed.splitlines()] == [
        "help", "demo", "play", "test", "training", "system", "faults", "storm", "lint", "types", "bench",
        "bench-quick", "evaluate", "learn", "simulate", "fuzz", "soak", "clean",
    ]  # fmt: skip
