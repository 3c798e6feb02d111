"""TLS to Redis that trusts the authority that is named, and no other.

redis-py trusts those of this machine besides: whoever can have a certificate signed by any of them could pose as Redis.
It has no setting for that, so its connections are made to take a context of ours, here and nowhere else.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from streamer.sinks.connection import AsyncClient

_AUTHORITIES: Final = ("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data")


def context_of(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """What connections with these options trust; None: they name no authority, and redis-py does it all.

    Args:
        options: of a connection of redis-py, ``ssl_ca_certs`` and its like.

    Raises:
        ValueError: a file is not what it should be.
    """
    if not any(options.get(name) for name in _AUTHORITIES):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if str(options.get("ssl_cert_reqs", "required")) == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.check_hostname = bool(options.get("ssl_check_hostname", True))
    file, path, data = (options.get(name) for name in _AUTHORITIES)
    try:
        context.load_verify_locations(file, path, data)
    except ssl.SSLError:
        raise ValueError(f"ssl_ca_certs: {file} holds no certificate in PEM") from None
    certificate = options.get("ssl_certfile")
    if certificate:
        try:
            context.load_cert_chain(certificate, options.get("ssl_keyfile"), options.get("ssl_password") or "")
        except ssl.SSLError:
            raise ValueError(
                f"ssl_certfile: {certificate} and ssl_keyfile are not a certificate and its key in PEM"
            ) from None
    return context


def trust_only(client: redis.Redis | AsyncClient, context: ssl.SSLContext) -> None:
    """Has a client that has not connected yet trust what the context does, and its Sentinels or nodes, too."""
    if isinstance(client, redis.asyncio.RedisCluster):
        kind = _async_with(redis.asyncio.SSLConnection, context)
        client.connection_kwargs["connection_class"] = kind
        for node in client.nodes_manager.startup_nodes.values():
            node.connection_class = kind
        return
    pool = client.connection_pool
    of = _async_with if isinstance(client, redis.asyncio.Redis) else _with
    pool.connection_class = of(pool.connection_class, context)
    if isinstance(pool, redis.sentinel.SentinelConnectionPool | redis.asyncio.sentinel.SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            own = sentinel.connection_pool
            own.connection_class = of(own.connection_class, context)


def pool_with(context: ssl.SSLContext) -> type[redis.ConnectionPool]:
    """The pools of a Cluster's nodes, for a client that connects when it is made."""

    class Pool(redis.ConnectionPool):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "connection_class": _with(redis.SSLConnection, context)})

    return Pool


def _with(kind: type[Any], context: ssl.SSLContext) -> type[Any]:
    class Trusting(kind):  # type: ignore[misc]
        def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
            return context.wrap_socket(sock, server_hostname=self.host)

    return Trusting


def _async_with(kind: type[Any], context: ssl.SSLContext) -> type[Any]:
    class Trusting(kind):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.ssl_context.context = context

    return Trusting
