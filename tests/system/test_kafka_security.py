"""A Kafka that wants TLS, a certificate, a password or a token: whoever has it works, others are told why not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.errors import BrokerUnavailable, StreamerError
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import RealRedis
from tests.backends.secured import PASSWORDS, SecuredKafka, token
from tests.deployment import served, settings_of
from tests.processes import environment_of, start, wait_for

PASSWORD = PASSWORDS["owner"]


@pytest.fixture
def plain(secured: SecuredKafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    """A deployment that nobody has told yet how to come in."""
    redis_server.flush()
    return settings_of(prefix, secured.server.bootstrap, redis_server.url, tmp_path, clock="wall", broker_timeout=4.0)


Given = dict[str, object]


def by_password(mechanism: str, password: str = PASSWORD) -> Given:
    return {"sasl_mechanism": mechanism, "sasl_username": "owner", "sasl_password": password}


def secured_by(plain: Settings, secured: SecuredKafka, protocol: str, given: Given) -> Settings:
    """Settings of one who comes in by a door; names of files of `secured` stand for these."""
    files = {name: getattr(secured, str(value), value) for name, value in given.items()}
    given = {"brokers": secured.door(protocol), "security_protocol": protocol, **files}
    return Settings(**{**plain.model_dump(exclude_unset=True), **given})


WAYS: dict[str, tuple[str, Given]] = {
    "PLAIN over TLS": ("SASL_SSL", {"ssl_ca": "ca", **by_password("PLAIN")}),
    "SCRAM-SHA-256 over TLS": ("SASL_SSL", {"ssl_ca": "ca", **by_password("SCRAM-SHA-256")}),
    "SCRAM-SHA-512": ("SASL_PLAINTEXT", by_password("SCRAM-SHA-512")),
    "a token from a command": (
        "SASL_SSL",
        {"ssl_ca": "ca", "sasl_mechanism": "OAUTHBEARER", "sasl_token_command": "echo " + token("owner")},
    ),
    "a client certificate": ("SSL", {"ssl_ca": "ca", "ssl_cert": "client"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_worker_publisher_producer_and_command_line_come_in(way: str, secured: SecuredKafka, plain: Settings) -> None:
    settings = secured_by(plain, secured, *WAYS[way])
    topics.create(settings)
    children = [start(kind, settings, settings.data_dir / f"{kind}.log") for kind in ("worker", "publisher")]
    try:
        with SignalProducer(settings) as producer:
            ts = time.time_ns() // 1_000_000
            producer.send(Dislike(user_id="ann", ts=ts, action="block", scope="creator", creator_id="loud"))
        wait_for("the list is served", lambda: "ann" in served(settings, ["ann"]), children[0])
        result = CliRunner().invoke(app, ["erase", "ann"], env=environment_of(settings))
        assert (result.exit_code, "confirmed" in result.output) == (0, True), result.output
        assert served(settings, ["ann"]) == {}
    finally:
        for child in children:
            child.kill()


def test_a_password_or_token_in_a_file_is_read_there(secured: SecuredKafka, plain: Settings, tmp_path: Path) -> None:
    password, renewed = tmp_path / "password", tmp_path / "token"
    password.write_text(PASSWORD + "\n")
    renewed.write_text(token("owner"))
    by_token: Given = {"sasl_mechanism": "OAUTHBEARER", "sasl_token_file": renewed}
    by_file: Given = {"sasl_mechanism": "PLAIN", "sasl_username": "owner", "sasl_password_file": password}
    topics.create(secured_by(plain, secured, "SASL_PLAINTEXT", by_file))
    settings = secured_by(plain, secured, "SASL_PLAINTEXT", by_token)
    renewed.write_text(token("owner", lives_s=-60))
    with pytest.raises(BrokerUnavailable):
        topics.create(settings)
    renewed.write_text(token("owner"))
    topics.create(settings)


TLS, SASL = "SASL_SSL", "SASL_PLAINTEXT"
TRUSTED: Given = {"ssl_ca": "ca", **by_password("PLAIN")}
REFUSED: dict[str, tuple[str, str, Given, str]] = {
    "a wrong password": (TLS, TLS, {**TRUSTED, "sasl_password": "guessed"}, "sasl_password"),
    "a wrong SCRAM password": (SASL, SASL, by_password("SCRAM-SHA-256", "guessed"), "sasl_password"),
    "an authority nobody knows": (TLS, TLS, {**TRUSTED, "ssl_ca": "other_ca"}, "ssl_ca"),
    "this machine's authorities": (TLS, TLS, by_password("PLAIN"), "ssl_ca"),
    "no client certificate": ("SSL", "SSL", {"ssl_ca": "ca"}, "ssl_cert"),
    "an expired client certificate": ("SSL", "SSL", {"ssl_ca": "ca", "ssl_cert": "expired"}, "ssl_cert"),
    "no TLS where it is wanted": (TLS, SASL, by_password("PLAIN"), "security_protocol"),
    "TLS where there is none": (SASL, TLS, TRUSTED, "security_protocol"),
    "nothing where SASL is wanted": (SASL, "PLAINTEXT", {}, "security_protocol"),
    "nothing where all is wanted": (TLS, "PLAINTEXT", {}, "security_protocol"),
}
"""The door, the protocol spoken at it, what is given, and the setting that the error has to name."""


@pytest.mark.parametrize("what", REFUSED)
def test_whoever_may_not_come_in_is_told_which_setting_it_is(what: str, secured: SecuredKafka, plain: Settings) -> None:
    door, protocol, given, setting = REFUSED[what]
    settings = secured_by(plain, secured, protocol, given) if protocol != "PLAINTEXT" else plain
    settings = settings.model_copy(update={"brokers": secured.door(door)})
    for act in (topics.create, SignalProducer):
        with pytest.raises(StreamerError) as error:
            act(settings)
        told = str(error.value)
        assert setting in told
        assert len(told.splitlines()) == 1
        assert "guessed" not in told
        assert PASSWORD not in told
