"""Of several bootstrap servers those that answer are taken, at once, whatever the others do."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from streamer.engine.kafka.connecting import bootstrap


class _Answering(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        correlation = struct.unpack(">ihhih", self.request.recv(14))[3]
        self.request.sendall(struct.pack(">iih", 6, correlation, 0))


class _Else(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"HTTP/1.1 400 Bad Request")


@pytest.fixture
def broker() -> Iterator[str]:
    yield from _serving(_Answering)


@pytest.fixture
def no_broker() -> Iterator[str]:
    yield from _serving(_Else)


def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refusing() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_the_one_that_answers_is_taken_without_waiting_for_the_others(
    broker: str, no_broker: str, silent: str, refusing: str
) -> None:
    began = time.monotonic()
    assert bootstrap.answering(f"{silent}, {refusing},{no_broker},{broker}", 30) == [broker]
    assert time.monotonic() - began < 5


def test_if_none_answers_all_are_left_to_the_client(silent: str, refusing: str) -> None:
    assert bootstrap.answering(f"{silent},{refusing}", 0.3) == [silent, refusing]


def test_without_a_choice_nobody_is_asked(refusing: str) -> None:
    assert bootstrap.answering(refusing, 30) == [refusing]


def test_it_is_told_who_accepts_and_why_another_does_not(silent: str, refusing: str) -> None:
    assert bootstrap.ask([silent], 0.2).accepting == [silent]
    assert refusing in bootstrap.ask([refusing], 0.2).reason
    assert bootstrap.ask(["nonsense"], 0.2).reason == "'nonsense' is not host:port"


def test_one_that_is_about_to_start_is_waited_for(broker: str, refusing: str) -> None:
    host, port = refusing.split(":")

    def start_later() -> None:
        time.sleep(0.5)
        with socketserver.ThreadingTCPServer((host, int(port)), _Answering) as server:
            server.handle_request()

    thread = threading.Thread(target=start_later, daemon=True)
    thread.start()
    assert bootstrap.ask([refusing], 30, again=True).answering == [refusing]


def test_a_client_bootstraps_from_those_only(broker: str, silent: str) -> None:
    class Client:
        _bootstrap_servers: object = f"{silent},{broker}"
        tried: object = None

        async def bootstrap(self) -> None:
            self.tried = self._bootstrap_servers

    client = Client()
    bootstrap.choose(client, 30)
    asyncio.run(client.bootstrap())
    assert client.tried == [broker]
