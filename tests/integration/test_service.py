"""The HTTP service as a process, in front of broker, worker, publisher and Redis: what callers see."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from streamer.service.keys import SCOPES
from streamer.settings import Settings
from tests.processes import wait_for
from tests.service import Service, serving

CANDIDATES: Final = [
    {"content_id": "c1", "tags": ["Yoga"]},
    {"content_id": "c2", "creator_id": "k", "duration_s": 60},
    {"content_id": "c3"},
]


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[Service]:
    """Nobody works on what it is sent."""
    with serving(settings, tmp_path, alone=True) as found:
        yield found


@pytest.fixture
def whole(settings: Settings, tmp_path: Path) -> Iterator[Service]:
    """With a worker and a publisher behind it."""
    with serving(settings, tmp_path) as found:
        yield found


def test_events_sent_over_http_are_in_the_list_the_scores_the_words_and_gone_when_erased(whole: Service) -> None:
    http, user = whole.full, "ann/of the north"
    path = "/v1/users/ann%2Fof%20the%20north"
    nothing = http.get(f"{path}/avoid-list").json()
    assert nothing == {"user_id": user, "source": "none", "document": None}
    events = [
        {"topic": "dislikes", "user_id": user, "action": "not_interested", "scope": "tag", "tag": "yoga"},
        {"topic": "dislikes", "user_id": user, "action": "block", "scope": "creator", "creator_id": "k"},
        {"topic": "plays", "user_id": user},
        {"topic": "likes", "user_id": user},
    ]
    sent = http.post("/v1/events", json={"events": events})
    assert (sent.status_code, sent.json()["accepted"]) == (202, 2)
    assert [(each["index"], each["code"]) for each in sent.json()["errors"]] == [
        (2, "missing_field"),
        (3, "unknown_value"),
    ]

    def entries() -> int:
        document = http.get(f"{path}/avoid-list").json()["document"]
        return 0 if document is None else len(document["entries"])

    wait_for("both are listed", lambda: entries() == 2, None)
    found = http.get(f"{path}/avoid-list")
    assert found.json()["document"]["user_id"] == user
    again = http.get(f"{path}/avoid-list", headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

    scored = http.post(f"{path}/score", json={"candidates": CANDIDATES, "relevance": [0.9, 0.8, 0.5]}).json()
    assert [(each["penalty"], each["score"]) for each in scored["items"]] == [(0, 0), (0, 0), (1, 0.5)]
    assert scored["order"] == [2]
    assert scored["items"][0]["reasons"] == ["tag yoga: excluded, because they said so"]
    many = http.post(
        "/v1/score", json={"candidates": CANDIDATES, "users": [{"user_id": user}, {"user_id": "bob"}]}
    ).json()["users"]
    assert [(each["source"], each["order"]) for each in many] == [("user", [2]), ("none", [0, 1, 2])]

    def words() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"{path}/explain", params={"value": "yoga"}).json()
        return found

    wait_for("workers have saved it", lambda: bool(words()["asked"]), None)
    told = words()
    assert {(each["target"], each["effect"]) for each in told["entries"]} == {
        ("tag yoga", "excluded"),
        ("creator k", "excluded"),
    }
    (asked,) = told["asked"]
    assert (asked["kind"], asked["listed"][0]["why"]) == ("tag", "they said so")
    held = http.get(f"{path}/export").json()
    assert held["document"]["user_id"] == user
    assert held["state"].keys() >= {"days", "open_sessions", "last_document"}

    assert http.post(f"{path}/undo", json={"scope": "tag", "value": "yoga"}).status_code == 202
    wait_for("it is taken back", lambda: entries() == 1, None)
    assert http.delete(path).status_code == 202
    wait_for("it is forgotten", lambda: entries() == 0, None)


def test_a_key_is_good_for_its_scopes_and_nothing_else(service: Service) -> None:
    asked = {
        "read": ("GET", "/v1/users/ann/avoid-list"),
        "write": ("POST", "/v1/users/ann/undo"),
        "erase": ("GET", "/v1/users/ann/export"),
        "admin": ("GET", "/metrics"),
    }
    bodies = {"write": {"scope": "tag", "value": "yoga"}}
    for scope in SCOPES:
        with service.client(scope) as http:
            answers = {of: http.request(*request, json=bodies.get(of)).status_code for of, request in asked.items()}
        assert answers == {of: (202 if of == "write" else 200) if of == scope else 403 for of in asked}, scope
    with httpx.Client(base_url=service.url) as http:
        assert {http.request(*request).status_code for request in asked.values()} == {401}
        assert http.get("/metrics", headers={"Authorization": "Bearer sk_wrong"}).status_code == 401
        assert {http.get(path).status_code for path in ("/livez", "/readyz")} == {200}


def test_metrics_name_routes_and_never_users(service: Service) -> None:
    service.full.get("/v1/users/secret-user/avoid-list")
    text = service.full.get("/metrics").text
    assert 'streamer_service_requests_total{route="/v1/users/{user_id}/avoid-list",status="200"}' in text
    assert "secret-user" not in text


def test_clients_that_never_read_keep_nobody_waiting(service: Service) -> None:
    body = orjson.dumps({"candidates": [{"content_id": f"c{n}" + "x" * 100} for n in range(10_000)]})
    host, port = service.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/users/ann/score HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {service.everything}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(10):
            silent = stack.enter_context(socket.create_connection((host, int(port))))
            silent.sendall(head.encode() + body)
        for _ in range(10):
            assert service.full.get("/v1/users/ann/avoid-list", timeout=10).status_code == 200


@pytest.mark.timeout(240)
def test_whatever_the_contract_allows_and_whatever_it_does_not_gets_an_answer_as_documented(
    service: Service, tmp_path: Path
) -> None:
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
    )
    ran = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis", "run", f"{service.url}/openapi.json", "--checks", checks,
            "--header", service.full.headers["Authorization"].join(("Authorization: ", "")), "--max-examples", "15",
            "--seed", "7", "--generation-database", "none", "--phases", "coverage,fuzzing",
            "--exclude-operation-id", "exportUser",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=220, check=False,
    )  # fmt: skip
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout
