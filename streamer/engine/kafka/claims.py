"""The producer id and epoch that Kafka gives to a transactional id: taken by a new owner, renewed by a living one.

Faust seam: none. aiokafka knows the first version of InitProducerId only, which always takes; renewing needs the third
(KIP-360, Kafka 2.5): it names the id and epoch that one has, and is refused if they are not the newest.

A broker forgets. The coordinator forgets a transactional id that has begun no transaction for
``transactional.id.expiration.ms`` (7 days): whoever claims it then gets another producer id, which fences nobody. The
leader of a partition forgets a producer id that has written nothing there for ``producer.id.expiration.ms`` (a day):
then it takes batches of older epochs, too. Both begin anew when a claim is renewed and its new epoch written.

What must hold for it to be right:
- A renewal takes nothing from anybody: a process that is not the newest owner is told so (``ProducerFenced``).
- If the coordinator had forgotten the id, another one may have come and gone: that counts as being told so.
- It comes well before either has forgotten, so that a frozen owner's claim is remembered until another has taken over.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    KafkaError,
    NotCoordinatorError,
    ProducerFenced,
    for_code,
)
from aiokafka.producer.transaction_manager import PidAndEpoch
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.protocol.types import CompactString, Int16, Int32, Int64, Schema, TaggedFields

from streamer.errors import BrokerUnavailable

PATIENCE_S: Final = 60.0
"""As long as a coordinator may take to be found and to answer, s: while it fails over, it has to read its topic."""
_BACKOFF_S: Final = 0.1
_TRANSACTION_MS: Final = 10_000
"""How long a transaction may take; none begins, but brokers refuse what is above their limit."""
_FENCED: Final = (47, 90)
"""INVALID_PRODUCER_EPOCH, and PRODUCER_FENCED, which aiokafka does not know."""
_LATER: Final = (
    NotCoordinatorError,
    CoordinatorNotAvailableError,
    CoordinatorLoadInProgressError,
    ConcurrentTransactions,
)
_MEMORIES: Final = ("transactional.id.expiration.ms", "producer.id.expiration.ms")
_BROKER: Final = 4


class _Renewed(Response):  # type: ignore[misc]
    API_KEY = 22
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )


class _Renew3(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 22
    API_VERSION = 3
    RESPONSE_TYPE = _Renewed
    SCHEMA = Schema(
        ("transactional_id", CompactString("utf-8")),
        ("transaction_timeout_ms", Int32),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )


class _Renew(Request[_Renew3]):  # type: ignore[misc]
    API_KEY = 22

    def __init__(self, transactional_id: str, held: PidAndEpoch) -> None:
        no_tags: dict[int, bytes] = {}
        self._fields = (transactional_id, _TRANSACTION_MS, held.pid, held.epoch, no_tags)

    def build(self, request_struct_class: type[_Renew3]) -> _Renew3:
        return request_struct_class(*self._fields)


async def take(client: AIOKafkaClient, transactional_id: str) -> PidAndEpoch:
    """The producer id of this transactional id, with an epoch that fences whoever had it before.

    Raises:
        BrokerUnavailable: no coordinator answered in time, or it gives no producer id.
    """
    answer = await _ask(client, transactional_id, InitProducerIdRequest(transactional_id, _TRANSACTION_MS))
    return PidAndEpoch(answer.producer_id, answer.producer_epoch)


async def renew(client: AIOKafkaClient, transactional_id: str, held: PidAndEpoch) -> PidAndEpoch:
    """The same producer id with the next epoch.

    Raises:
        ProducerFenced: another process has claimed it since, or may have.
        BrokerUnavailable: no coordinator answered in time, or it is older than Kafka 2.5.
    """
    answer = await _ask(client, transactional_id, _Renew(transactional_id, held))
    if answer.error_code in _FENCED or answer.producer_id != held.pid:
        raise ProducerFenced(f"the claim {transactional_id} is another's, or has lapsed")
    return PidAndEpoch(answer.producer_id, answer.producer_epoch)


async def _ask(client: AIOKafkaClient, transactional_id: str, request: Request[Any]) -> Any:
    why: object = "no coordinator was found"
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    node = await client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
                    answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
                except (IncompatibleBrokerVersion, NotImplementedError) as error:
                    raise BrokerUnavailable(f"claims cannot be renewed at brokers before Kafka 2.5: {error}") from None
                except KafkaError as error:
                    if not error.retriable and not isinstance(error, _LATER):
                        raise _refused(transactional_id, error) from None
                    why = repr(error)
                else:
                    if answer.error_code in _FENCED or not answer.error_code:
                        return answer
                    failed = for_code(answer.error_code)
                    if failed not in _LATER:
                        raise _refused(transactional_id, failed())
                    why = failed.__name__
                client.force_metadata_update()
                await asyncio.sleep(_BACKOFF_S)
    raise BrokerUnavailable(f"no producer id for {transactional_id} within {PATIENCE_S:g} s: {why}")


def _refused(transactional_id: str, error: KafkaError) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"the broker gives no producer id for the transactional id {transactional_id}: {error!r}. "
        "Allow Write and Describe on transactional ids that begin with the topic's name"
    )


async def remembered_s(client: AIOKafkaClient) -> float | None:
    """How long brokers remember a claim, s; None if they do not say: it needs DescribeConfigs on the cluster."""
    node = client.get_random_node()
    try:
        answer = await client.send(node, DescribeConfigsRequest([(_BROKER, str(node), list(_MEMORIES))]))
    except (KafkaError, NotImplementedError):
        return None
    found = [
        int(entry[1])
        for resource in answer.resources
        if resource[0] == 0
        for entry in resource[4]
        if entry[0] in _MEMORIES and entry[1] is not None
    ]
    return min(found) / 1000 if found else None
