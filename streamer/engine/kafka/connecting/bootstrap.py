"""Which of several bootstrap servers answer: the others are not even tried.

Faust seam: ``AIOKafkaClient.bootstrap`` (public), and the servers that it tries.

Kafka's clients try one server after the other, in an order of their own, and wait for each as long as for any request.
One that accepts connections and says nothing (a frozen broker, a port forwarded to nowhere) then costs a start its
timeout, though the next one would have answered at once. So all are asked at the same time what they speak
(ApiVersions, which every broker answers), and the first answers are enough.

What must hold for it to be right: if none answers in time all are tried after all, so that the client says why.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

_CORRELATION: Final = 0x5EED
_QUESTION: Final = struct.pack(">ihhih", 10, 18, 0, _CORRELATION, -1)
"""ApiVersions, version 0, of a client without a name."""
_HEAD: Final = 8
"""Bytes that an answer begins with: its size, and the number of the question."""
_MORE_S: Final = 0.2
"""How long others may take to answer after the first."""
_AGAIN_S: Final = 0.1


class Answered(NamedTuple):
    """What became of asking.

    Attributes:
        answering: servers that answered as a Kafka broker does, until the first one had and a moment longer.
        accepting: those that accepted a connection.
        reason: why one did not.
        refused: by server, why it will not speak to this client whenever it is asked again.
    """

    answering: list[str]
    accepting: list[str]
    reason: str
    refused: dict[str, str]


class _Asking:
    def __init__(self, servers: Sequence[str], timeout_s: float, context: ssl.SSLContext | None, again: bool) -> None:
        self.servers = servers
        self.deadline = time.monotonic() + timeout_s
        self.accepting: set[str] = set()
        self.reason = "no address given"
        self.refused: dict[str, str] = {}
        self.ended: queue.Queue[tuple[str, bool]] = queue.Queue()
        self._context = context
        self._again = again

    def left_s(self) -> float:
        return max(0.001, self.deadline - time.monotonic())

    def ask(self, server: str) -> None:
        answers = False
        try:
            while not (answers := self._asked(server)) and self._may_change(server):
                time.sleep(_AGAIN_S)
        finally:
            self.ended.put((server, answers))

    def _may_change(self, server: str) -> bool:
        return self._again and server not in self.refused and time.monotonic() < self.deadline

    def _asked(self, server: str) -> bool:
        host, _, port = server.rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), timeout=self.left_s()) as connection:
                self.accepting.add(server)
                connection.settimeout(self.left_s())
                if self._context is None:
                    return self._answers(server, connection)
                with self._context.wrap_socket(connection, server_hostname=host) as secured:
                    return self._answers(server, secured)
        except ssl.SSLCertVerificationError as error:
            self.refused[server] = f"its certificate cannot be trusted ({error.verify_message}): check ssl_ca"
        except ssl.SSLError as error:
            why = (error.reason or "no reason given").lower().replace("_", " ")
            self.refused[server] = f"no TLS could be agreed on ({why}): check security_protocol, ssl_cert and ssl_key"
        except OSError as error:
            self.reason = f"{server}: {error.strerror or error}"
        except ValueError:
            self.reason = f"{server!r} is not host:port"
        return False

    def _answers(self, server: str, connection: socket.socket) -> bool:
        connection.sendall(_QUESTION)
        head = b""
        while len(head) < _HEAD and (more := connection.recv(_HEAD - len(head))):
            head += more
        if len(head) == _HEAD and struct.unpack(">ii", head)[1] == _CORRELATION:
            return True
        self.reason = f"{server} gave no answer to what every broker is asked first"
        return False


def ask(
    servers: Sequence[str], timeout_s: float, context: ssl.SSLContext | None = None, *, again: bool = False
) -> Answered:
    """Asks all at once; returns when one has answered, or none can any more.

    Args:
        servers: as host:port.
        timeout_s: until it is given up, s.
        context: of TLS; None: they are asked without.
        again: whether one that refuses is asked again, as it may be about to start.
    """
    asking = _Asking(servers, timeout_s, context, again)
    for server in servers:
        threading.Thread(target=asking.ask, args=(server,), name="bootstrap", daemon=True).start()
    answering: list[str] = []
    for _ in servers:
        try:
            server, answers = asking.ended.get(timeout=_MORE_S if answering else asking.left_s() + _MORE_S)
        except queue.Empty:
            break
        if answers:
            answering.append(server)
    accepting = [server for server in servers if server in asking.accepting]
    return Answered(answering, accepting, asking.reason, asking.refused)


def servers_of(brokers: str) -> list[str]:
    """The addresses in a setting.

    >>> servers_of("a:9092, b:9093")
    ['a:9092', 'b:9093']
    """
    return [server.strip() for server in brokers.split(",") if server.strip()]


def answering(brokers: str | Sequence[str], timeout_s: float, context: ssl.SSLContext | None = None) -> list[str]:
    """Those servers that answer; all of them if there is no choice, or none answers in time."""
    servers = servers_of(brokers) if isinstance(brokers, str) else list(brokers)
    if len(servers) < 2:
        return servers
    return ask(servers, timeout_s, context).answering or servers


def choose(client: Any, timeout_s: float, context: ssl.SSLContext | None = None) -> None:
    """From now on this client of aiokafka bootstraps from servers that answer."""
    bootstrap = client.bootstrap

    async def chosen() -> None:
        client._bootstrap_servers = await asyncio.to_thread(answering, client._bootstrap_servers, timeout_s, context)
        await bootstrap()

    client.bootstrap = chosen
