"""A coordinator that cannot tell is not taken for a group without members or offsets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kafka import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    NotCoordinatorError,
)
from kafka.protocol.consumer import OffsetFetchRequest
from kafka.protocol.metadata import FindCoordinatorRequest

from streamer.producing.coordinators import committed, membership


class Answers:
    """A connection to one broker, which gives the same answer to every request of a kind."""

    def __init__(self, found: int = 0, code: int = 0, of_partition: int = 0, node: int = 1) -> None:
        self._found = SimpleNamespace(error_code=found, node_id=node)
        group = SimpleNamespace(error_code=code, members=[], authorized_operations=None)
        partition = SimpleNamespace(partition_index=0, committed_offset=5, error_code=of_partition)
        topics = [SimpleNamespace(name="plays", partitions=[partition])] if not code else []
        self._answer = SimpleNamespace(groups=[group], error_code=code, topics=topics)
        self.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(node_id=1)])
        self._manager = self

    def run(self, _send: object, request: object, node: int | None = None) -> Any:
        return self._found if isinstance(request, FindCoordinatorRequest) else self._answer

    send = OffsetFetchRequest


def client(**answers: int) -> KafkaAdminClient:
    return cast(KafkaAdminClient, Answers(**answers))


@pytest.mark.parametrize("ask", [membership, committed])
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"found": 15}, CoordinatorNotAvailableError),
        ({"found": 30}, GroupAuthorizationFailedError),
        ({"code": 14}, CoordinatorLoadInProgressError),
        ({"code": 16}, NotCoordinatorError),
        ({"node": 7}, CoordinatorNotAvailableError),
    ],
)
def test_its_error_is_told(
    ask: Callable[[KafkaAdminClient, str], object], answers: dict[str, int], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(client(**answers), "g")


def test_so_is_that_of_one_partition() -> None:
    with pytest.raises(CoordinatorLoadInProgressError):
        committed(client(of_partition=14), "g")


def test_a_group_that_is_not_there_is_empty() -> None:
    assert membership(client(code=69), "g").members == 0
    assert committed(client(), "g") == {("plays", 0): 5}
