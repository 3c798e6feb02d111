"""What protects the way to Kafka, in the words of aiokafka and Faust.

Faust seam: its setting ``broker_credentials`` (public), which its aiokafka driver hands to every client.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiokafka.abc
import faust
from faust.auth import OAuthCredentials
from faust.types.auth import CredentialsT

from streamer.engine.kafka.connecting.security import Security, Token


class _AsyncToken(aiokafka.abc.AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, token: Token) -> None:
        self._token = token

    async def token(self) -> str:
        return await asyncio.to_thread(self._token.read)


def of_aiokafka(security: Security) -> dict[str, Any]:
    """Arguments of a client of aiokafka."""
    return security.arguments(_AsyncToken(security.token))


def of_faust(security: Security) -> CredentialsT | None:
    """A Faust app's ``broker_credentials``."""
    if security.mechanism is None:
        return None if security.context is None else faust.SSLCredentials(security.context)
    if security.mechanism == "OAUTHBEARER":
        return OAuthCredentials(oauth_cb=_AsyncToken(security.token), ssl_context=security.context)
    return faust.SASLCredentials(
        username=security.username,
        password=security.password,
        mechanism=security.mechanism,
        ssl_context=security.context,
    )


def context_of(credentials: CredentialsT | None) -> ssl.SSLContext | None:
    """The TLS context in a Faust app's ``broker_credentials``; None: without TLS."""
    match credentials:
        case faust.SSLCredentials():
            return credentials.context
        case faust.SASLCredentials() | OAuthCredentials():
            return credentials.ssl_context
        case _:
            return None
