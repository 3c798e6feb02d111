"""The service in memory, with Redis and Kafka away: every request has its answer, and no answer says too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from streamer.events import Erasure, Event, Play
from streamer.service.app import contract, create
from streamer.service.backends import Backends
from streamer.service.bodies import BoundedBodies
from streamer.service.keys import SCOPES, ApiKeys, Caller
from streamer.settings import load

KEY = "sk_test"


def made(rate: int) -> FastAPI:
    """A service whose Redis and Kafka are away, for one caller who may do everything."""
    nowhere = "127.0.0.1:1"
    settings = load(None, redis_url=f"redis://{nowhere}/0", brokers=nowhere, broker_timeout=0.5, service_rate=rate)
    return create(settings, ApiKeys([(sha256(KEY.encode()).hexdigest(), Caller("test", frozenset(SCOPES)))]))


@pytest.fixture
def app() -> FastAPI:
    return made(rate=1_000_000)


def ask(app: FastAPI, method: str, path: str, **more: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            return await client.request(method, path, **more)

    return asyncio.run(asked())


ITEM = [{"content_id": "c"}]
SCORE = {"candidates": ITEM}
BLOCK = {"topic": "dislikes", "user_id": "u", "action": "block", "content_id": "c"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/users/u/avoid-list", None),
        ("POST", "/v1/users/u/score", SCORE),
        ("POST", "/v1/score", SCORE | {"users": [{"user_id": "u"}]}),
        ("GET", "/v1/users/u/explain", None),
        ("GET", "/v1/users/u/export", None),
        ("POST", "/v1/events", {"events": [BLOCK]}),
        ("POST", "/v1/users/u/undo", {"scope": "tag", "value": "t"}),
        ("DELETE", "/v1/users/u", None),
        ("GET", "/readyz", None),
    ],
)
def test_while_redis_or_kafka_is_away_the_answer_says_so_and_when_to_try_again(
    app: FastAPI, method: str, path: str, body: object
) -> None:
    answer = ask(app, method, path, json=body)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "127.0.0.1" not in answer.text  # where things are is no caller's business
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("GET", "/v1/users/" + "u" * 257 + "/avoid-list", None, 422, "256"),
        ("POST", "/v1/users/u/score", {"candidates": [{"content_id": 7}]}, 422, "content_id"),
        ("POST", "/v1/users/u/score", {"candidates": ITEM * 10_001}, 422, "10000"),
        ("POST", "/v1/users/u/score", SCORE | {"relevance": [1, 2]}, 422, "2 numbers for 1 candidates"),
        ("POST", "/v1/users/u/score", SCORE | {"relevance": [-1]}, 422, "relevance"),
        ("POST", "/v1/score", SCORE | {"users": [{"user_id": "u"}] * 2}, 422, "each once"),
        ("POST", "/v1/score", SCORE | {"users": [{"user_id": "~all"}]}, 422, "default list"),
        ("GET", "/v1/users/u/explain?kind=tag", None, 422, "of which value"),
        ("POST", "/v1/users/u/score", SCORE | {"relvance": [1]}, 422, "relvance"),
        ("POST", "/v1/users/u/score", {"candidates": "c"}, 422, "candidates"),
        ("POST", "/v1/score", {"candidates": ITEM * 200, "users": [{"user_id": "u"}] * 501}, 422, "100000"),
        ("POST", "/v1/events", {"events": []}, 422, "events"),
        ("POST", "/v1/events", {"events": [BLOCK | {"topic": "likes"}, {"topic": "plays"}]}, 422, "none of the events"),
        ("POST", "/v1/events", {"events": [BLOCK | {"ts": 1}]}, 422, "ms since 1970"),
        ("POST", "/v1/events", {"events": [BLOCK | {"of": "like"}]}, 422, "no such field of dislikes: of"),
        ("POST", "/v1/users/u/undo", {"scope": "all", "value": "t"}, 422, "scope"),
        ("PUT", "/v1/events", None, 405, "Method Not Allowed"),
        ("GET", "/v1/nothing", None, 404, "Not Found"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_request_is_said(
    app: FastAPI, method: str, path: str, body: object, status: int, told: str
) -> None:
    answer = ask(app, method, path, json=body)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_no_json_is_refused(app: FastAPI) -> None:
    for content in (b"{", b"\xff", b"[" * 100_000, b'{"events": [{"topic": "plays", "ts": 1e999}]}'):
        answer = ask(app, "POST", "/v1/events", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_larger_than_4_mib_is_refused_whatever_length_it_claims(app: FastAPI) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * (1 << 20)

    assert ask(app, "POST", "/v1/events", content=b" " * (5 << 20)).status_code == 413
    assert ask(app, "POST", "/v1/events", content=pieces()).status_code == 413


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*_: object) -> None:
        raise AssertionError("it must not be reached")

    middleware = BoundedBodies(app, patience_s=0.01)
    asyncio.run(asyncio.wait_for(middleware({"type": "http", "method": "POST"}, never, send), 30))
    assert sent[0]["status"] == 408


def test_more_requests_than_a_key_may_send_in_a_second_are_refused_and_told_when_to_come_again() -> None:
    app = made(rate=3)
    found = [ask(app, "GET", "/v1/users/u/avoid-list") for _ in range(8)]
    refused = [answer for answer in found if answer.status_code == 429]
    assert refused
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)


def test_an_error_of_our_own_shows_no_traceback(app: FastAPI) -> None:
    @app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError("a secret")

    answer = ask(app, "GET", "/breaks")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Event | Erasure]:
    """What is delivered, to a Kafka that takes everything."""
    taken: list[Event | Erasure] = []

    async def deliver(_: Backends, events: Sequence[Event | Erasure]) -> list[None]:
        taken.extend(events)
        return [None] * len(events)

    monkeypatch.setattr(Backends, "deliver", deliver)
    return taken


@pytest.mark.parametrize(
    "user_id",
    ["ann", "ann\n", "an\nn", "a/b", "ann/undo", "x/avoid-list", "a%2Fb", "a b", "\0", "ü😀", "a?b#c", "~ann", "%"],
)
def test_an_id_in_a_path_is_that_user_and_no_other(app: FastAPI, sent: list[Event | Erasure], user_id: str) -> None:
    path = "/v1/users/" + quote(user_id, safe="")
    undone = ask(app, "POST", f"{path}/undo", json={"scope": "tag", "value": "t"})
    erased = ask(app, "DELETE", path)
    assert (undone.status_code, erased.status_code) == (202, 202), undone.text + erased.text
    assert undone.json()["user_id"] == erased.json()["user_id"] == user_id
    assert [each.user_id for each in sent] == [user_id] * 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/users/%FF", 400),
        ("/v1/users/ann/", 404),
        ("/v1/users/ann/avoid-list", 405),
        ("/v1/users/ann%2Fundo/undo%0A", 404),
        ("/v1/users/~all", 422),
        ("/v1/users/~claim", 422),
        ("/v1/users/~cohort%3Ade", 422),
        ("/v1/users/" + "u" * 257, 422),
        ("/v1/users/", 404),
    ],
)
def test_a_path_that_is_nobodys_erases_nobody(
    app: FastAPI, sent: list[Event | Erasure], path: str, status: int
) -> None:
    assert (ask(app, "DELETE", path).status_code, sent) == (status, [])


def test_events_are_taken_as_the_contract_has_them_and_each_wrong_one_is_told(
    app: FastAPI, sent: list[Event | Erasure]
) -> None:
    body = b"""{"events": [
        {"topic": "plays", "user_id": "u", "content_id": "c", "ts": null, "played_s": 3},
        {"topic": "plays", "user_id": "u", "content_id": "c", "played_s": 1e999},
        {"topic": "plays", "user_id": "~all", "content_id": "c"},
        {"topic": "plays", "user_id": "u", "content_id": "c", "ts": 18446744073709551616},
        {"topic": ["plays"]}, [], 7, null
    ]}"""
    answer = ask(app, "POST", "/v1/events", content=body)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1), answer.text
    assert [error["index"] for error in answer.json()["errors"]] == list(range(1, 8))
    (event,) = sent
    assert isinstance(event, Play)
    assert (event.played_s, event.ts > 1_700_000_000_000) == (3.0, True)
    for wrong in (
        b'{"events": [{"topic": "plays", "played_s": NaN}]}',
        b'{"events": [{"topic": "plays", "\\ud800": 1}]}',
    ):
        assert ask(app, "POST", "/v1/events", content=wrong).status_code == 400, wrong


def test_a_key_is_asked_for_before_a_body_is_read(app: FastAPI) -> None:
    for key in ("", "Bearer", "Bearer sk_other", "Basic " + KEY):
        answer = ask(app, "POST", "/v1/events", content=b"{", headers={"Authorization": key})
        assert answer.status_code == 401, key


def test_a_caller_who_hangs_up_in_the_middle_of_a_body_is_no_error() -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def nothing(*_: object) -> None:
        raise AssertionError("nothing is to be answered")

    asyncio.run(BoundedBodies(nothing)({"type": "http", "method": "POST"}, gone, nothing))


def test_readiness_asked_by_many_at_once_looks_once(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(Backends, "_ask_kafka", lambda _: looks.append(1))

    async def many() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            await asyncio.gather(*(client.get("/readyz") for _ in range(20)))

    asyncio.run(many())
    assert looks == [1]


def test_the_contract_is_published(app: FastAPI) -> None:
    paths = ask(app, "GET", "/openapi.json").json()["paths"]
    assert paths.keys() >= {
        "/v1/users/{user_id}/avoid-list", "/v1/users/{user_id}/score", "/v1/score", "/v1/users/{user_id}/explain",
        "/v1/events", "/v1/users/{user_id}/undo", "/v1/users/{user_id}", "/v1/users/{user_id}/export",
        "/livez", "/readyz", "/metrics",
    }  # fmt: skip


def test_the_contract_that_callers_have_is_that_of_the_code() -> None:
    kept = Path(__file__).parents[3] / "deploy" / "clients" / "openapi.json"
    assert kept.read_text() == contract(), "make it anew: docs/service.md"
