"""What a broker says of rights, and what is made of an answer that says nothing."""

from __future__ import annotations

import pytest
from kafka.admin import ACLOperation

from streamer.cli.check.kafka import _in_words
from streamer.producing.acls import COMMANDS, PROCESSES, Acl, needed
from streamer.producing.rights import Missing, _lacking
from streamer.settings import Settings

STATE = Acl("worker", "topic", "streamer-state", ("Read", "Write"))


@pytest.mark.parametrize(
    ("allowed", "lacking"),
    [
        ({ACLOperation.READ, ACLOperation.WRITE, ACLOperation.DESCRIBE}, []),
        ({ACLOperation.READ}, [Missing(STATE._replace(operations=("Write",)))]),
        (set(), [Missing(STATE)]),
        (None, [Missing(STATE, is_known=False, is_optional=True)]),
    ],
)
def test_what_is_not_allowed_is_missing_and_what_is_not_said_is_unknown(
    allowed: set[int] | None, lacking: list[Missing]
) -> None:
    assert _lacking(STATE, None if allowed is None else frozenset(allowed)) == lacking


def test_each_is_told_in_a_line_with_what_gives_it() -> None:
    known, unknown = (_in_words(Missing(STATE, is_known), "b:9092", "User:u") for is_known in (True, False))
    assert known == (
        "worker: Read, Write on topic streamer-state is not allowed: kafka-acls --bootstrap-server b:9092 --add "
        "--allow-principal User:u --operation Read --operation Write --topic streamer-state"
    )
    assert unknown == (
        "but: worker: Read, Write on topic streamer-state: unknown, the broker does not say who may do what"
    )


@pytest.mark.parametrize("who", [*PROCESSES, *COMMANDS])
def test_everybody_needs_something(who: str) -> None:
    everything = Settings(population=True, labels=True)
    rows = needed(everything, [who])  # type: ignore[list-item]
    assert rows
    assert {acl.process for acl in rows} == {who}
