"""`streamer check` on a Kafka with ACLs: whoever lacks a right is told which, and what gives it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.producing import topics
from streamer.producing.acls import PROCESSES, Acl, needed
from streamer.producing.rights import creating, missing
from streamer.settings import Settings
from tests.backends.acls import grant, revoke
from tests.backends.choose import Kafka, RealRedis
from tests.backends.secured import PASSWORDS, SecuredKafka
from tests.deployment import settings_of
from tests.processes import environment_of

EVERYBODY = "everybody"
"""A user for all processes, as most deployments have."""


@pytest.fixture
def owner(secured: SecuredKafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    """A deployment whose topics are there."""
    redis_server.flush()
    given = {"clock": "wall", "population": True, "labels": True, "broker_timeout": 10.0}
    found = settings_of(prefix, secured.server.bootstrap, redis_server.url, tmp_path, **given)
    topics.create(found)
    return found


@pytest.fixture
def settings(secured: SecuredKafka, owner: Settings) -> Settings:
    """Of one who has all rights that processes need, and no others."""
    grant(secured.server.bootstrap, needed(owner), EVERYBODY)
    return secured.as_user(owner, EVERYBODY)


def check(settings: Settings, *arguments: str) -> Result:
    env = {**environment_of(settings), "COLUMNS": "400"}
    return CliRunner().invoke(app, ["check", *arguments], env=env)


def rights_in(result: Result) -> list[str]:
    """What is told of rights, without the sign."""
    lines = [line.strip() for line in io.StringIO(result.stdout)]
    return [line[1:].strip() for line in lines if line[1:].strip().startswith("rights")]


def test_with_all_rights_nothing_is_missing(settings: Settings) -> None:
    assert missing(settings, PROCESSES) == []
    (told,) = rights_in(check(settings))
    assert "enough for worker, publisher, population, producer" in told


def test_each_right_that_is_taken_is_named_with_what_gives_it(secured: SecuredKafka, settings: Settings) -> None:
    bootstrap = secured.server.bootstrap
    for acl in needed(settings):
        revoke(bootstrap, [acl], EVERYBODY)
        try:
            told = [each.acl for each in missing(settings, [acl.process]) if each.acl.name == acl.name]
            # Another process' row may give a part of it back.
            assert all(set(each.operations) <= set(acl.operations) for each in told)
            others = {
                operation
                for other in needed(settings)
                if other.name == acl.name and other.process != acl.process
                for operation in other.operations
            }
            wanted = set(acl.operations)
            assert {operation for each in told for operation in each.operations} == wanted, (acl, told, others)
        finally:
            grant(bootstrap, [acl], EVERYBODY)


def test_one_operation_of_several_is_named_alone(secured: SecuredKafka, settings: Settings) -> None:
    delete = Acl("worker", "topic", settings.topics.journal, ("Delete",))
    revoke(secured.server.bootstrap, [delete], EVERYBODY)
    result = check(settings)
    (told,) = rights_in(result)
    assert result.exit_code == 1
    assert f"worker: Delete on topic {settings.topics.journal} is not allowed: kafka-acls" in told
    assert told.endswith(f"--add --allow-principal User:{EVERYBODY} --operation Delete --topic {delete.name}")


def test_who_may_do_nothing_is_told_all_of_it_and_every_other_part_is_looked_at(
    secured: SecuredKafka, owner: Settings
) -> None:
    result = check(secured.as_user(owner, "rejects"))
    assert result.exit_code == 1
    assert len(rights_in(result)) >= len(needed(owner))
    assert "may not see who is in it" in result.stdout
    assert "takes a publisher's writes" in result.stdout
    assert "Traceback" not in result.output


def test_a_process_with_a_user_of_its_own_is_asked_for_its_own_rights(secured: SecuredKafka, owner: Settings) -> None:
    grant(secured.server.bootstrap, needed(owner, ["publisher"]))
    settings = secured.as_user(owner, "publisher")
    assert check(settings, "--of", "publisher").exit_code == 0
    (first, *_) = rights_in(check(settings, "--of", "producer"))
    assert first.removeprefix("rights").strip().startswith(f"producer: Write on topic {owner.topics.impressions}")


def test_to_make_topics_is_a_right_of_its_own(secured: SecuredKafka, settings: Settings) -> None:
    (told,) = creating(settings, [settings.topic_prefix + "new"])
    assert told.acl.operations == ("Create",)
    assert creating(settings.model_copy(update={"declare_topics": False}), ["new"]) == []
    assert creating(secured.as_user(settings, "owner"), [settings.topic_prefix + "new"]) == []


def test_asking_leaves_nothing(secured: SecuredKafka, settings: Settings) -> None:
    owner = secured.as_user(settings, "owner")
    creating(owner, [settings.topic_prefix + "new"])
    assert missing(owner, PROCESSES) == []
    new = owner.model_copy(update={"topic_prefix": settings.topic_prefix + "new"})
    assert set(topics.missing(new)) == set(topics.wanted(new))
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=secured.server.bootstrap)
    try:
        assert not [each for each in admin.list_transactions() if settings.topic_prefix in str(each)]
        assert settings.group not in {group["group_id"] for group in admin.list_groups()}
    finally:
        admin.close()


def test_a_kafka_without_acls_allows_everything(kafka: Kafka, redis_server: RealRedis, prefix: str) -> None:
    open_to_all = settings_of(prefix, kafka.bootstrap, redis_server.url, Path(), population=True)
    topics.create(open_to_all)
    assert missing(open_to_all, PROCESSES) == []


def test_a_wrong_password_ends_in_time_and_redis_is_looked_at_all_the_same(
    secured: SecuredKafka, settings: Settings
) -> None:
    result = check(secured.as_user(settings, EVERYBODY, sasl_password="guessed", broker_timeout=3.0))
    assert result.exit_code == 1
    assert "sasl_password" in result.stdout
    assert "takes a publisher's writes" in result.stdout
    assert "guessed" not in result.output
    assert PASSWORDS[EVERYBODY] not in result.output


def test_making_topics_prints_what_each_process_needs(settings: Settings) -> None:
    result = CliRunner().invoke(app, ["topics", "create"], env=environment_of(settings))
    assert result.exit_code == 0, result.output
    for acl in needed(settings):
        assert acl.command(settings.brokers, f"User:streamer-{acl.process}") in result.output
