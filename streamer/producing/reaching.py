"""Whether a broker lets this client in, and if not, which setting to look at."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)

from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.security import Security
from streamer.errors import BrokerUnavailable
from streamer.settings import Settings

_ASKED_S: Final = 2.0


def reach(settings: Settings, security: Security) -> list[str]:
    """Waits until one of the brokers answers; those that do.

    Kafka's clients would find out too, but say only that a timeout passed.

    Raises:
        BrokerUnavailable: none does within ``broker_timeout``, or none ever will.
    """
    servers, timeout_s = bootstrap.servers_of(settings.brokers), settings.broker_timeout
    found = bootstrap.ask(servers, timeout_s, security.context, again=True)
    if found.answering:
        return found.answering
    if found.refused:
        server, why = next(iter(found.refused.items()))
        raise BrokerUnavailable(f"the Kafka broker at {server} cannot be spoken to: {why}")
    if found.accepting:
        raise _not_as_a_broker(settings, found.reason)
    raise BrokerUnavailable(
        f"no Kafka broker answered within {timeout_s:g} s ({found.reason}): "
        "start Kafka, or set brokers (STREAMER_BROKERS) to where it is"
    )


def ensure_reachable(settings: Settings, security: Security, named: Sequence[str]) -> None:
    """Makes sure that one of the addresses by which brokers call themselves answers.

    Args:
        named: these addresses; those of ``brokers`` are passed over, as they have answered.

    Raises:
        BrokerUnavailable: none does.
    """
    others = [address for address in named if address not in bootstrap.servers_of(settings.brokers)]
    found = bootstrap.ask(others, _ASKED_S, security.context, again=False) if others else None
    if found is not None and not found.answering:
        raise BrokerUnavailable(
            f"the Kafka broker at {settings.brokers} says that it is reached at {', '.join(others)}, but there "
            f"nobody answers ({found.reason}): set its advertised.listeners to an address that this machine can reach"
        )


class Heard(logging.Handler):
    """Hears why a client of kafka-python could not connect: it says so in its log, and only that it took too long in
    its error. Nobody else hears it.

    Attributes:
        last: the last cause; None: none was told.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Called for every record."""
        for each in record.args or ():
            if isinstance(each, KafkaError) and not isinstance(each, KafkaTimeoutError):
                self.last = self.last if isinstance(self.last, SaslAuthenticationFailedError) else each


def unusable(settings: Settings, error: KafkaError, heard: Heard) -> BrokerUnavailable:
    """What to raise for an error of kafka-python: it names the setting to look at."""
    cause = heard.last or error if isinstance(error, KafkaTimeoutError) else error
    at = f"the Kafka broker at {settings.brokers}"
    if isinstance(cause, SaslAuthenticationFailedError):
        given = "the token" if settings.sasl_mechanism == "OAUTHBEARER" else "sasl_username and sasl_password"
        return BrokerUnavailable(f"{at} does not let this client in by {settings.sasl_mechanism}: check {given}")
    if isinstance(cause, UnsupportedSaslMechanismError):
        return BrokerUnavailable(f"{at} does not know {settings.sasl_mechanism}: check sasl_mechanism")
    if isinstance(cause, AuthorizationError):
        return BrokerUnavailable(f"{at} does not allow this ({cause}): give its user the right to")
    return _not_as_a_broker(settings, str(cause))


def _not_as_a_broker(settings: Settings, why: str) -> BrokerUnavailable:
    who = "sasl_mechanism, sasl_username and sasl_password" if settings.uses_sasl else "whether it wants SASL"
    return BrokerUnavailable(
        f"what answers at {settings.brokers} does not answer as a Kafka broker should ({why}): "
        f"check brokers (STREAMER_BROKERS), security_protocol, and {who}"
    )
