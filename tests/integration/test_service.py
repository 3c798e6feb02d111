"""The HTTP service as a process, in front of broker, worker, publisher and Redis: what callers see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from streamer.service.keys import SCOPES, Scope, new_key
from streamer.settings import Settings
from tests.backends.ports import free_port
from tests.processes import HANGS_AFTER_S, running, start, wait_for

CANDIDATES: Final = [
    {"content_id": "c1", "tags": ["Yoga"]},
    {"content_id": "c2", "creator_id": "k", "duration_s": 60},
    {"content_id": "c3"},
]


class Service(NamedTuple):
    """A running service, and clients of it by what they may do."""

    settings: Settings
    url: str
    keys: dict[Scope, str]
    full: httpx.Client

    def client(self, scope: Scope) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.keys[scope]}"}, timeout=30)


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[Service]:
    """With a worker and a publisher behind it."""
    made = {scope: new_key(f"only {scope}", [scope]) for scope in SCOPES}
    everything, lines = new_key("everything", SCOPES)
    file = tmp_path / "keys.toml"
    file.write_text("\n".join([lines, *(each for _, each in made.values())]))
    port = free_port()
    more = {"clock": "wall", "service_keys": file, "service_port": port, "checkpoint_interval": 0.5}
    settings = settings.model_copy(update=more)
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(running("worker", settings, tmp_path / "worker.log"))
        stack.enter_context(running("publisher", settings, tmp_path / "publisher.log"))
        child = start("publisher", settings, tmp_path / "serve.log", ["-m", "streamer.cli", "serve"])
        stack.callback(child.stop, HANGS_AFTER_S)
        full = stack.enter_context(
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {everything}"}, timeout=30)
        )
        wait_for("the service is ready", lambda: ready(full), child)
        yield Service(settings, url, {scope: key for scope, (key, _) in made.items()}, full)


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_events_sent_over_http_are_in_the_list_the_scores_the_words_and_gone_when_erased(service: Service) -> None:
    http, user = service.full, "ann/of the north"
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

    told = http.get(f"{path}/explain", params={"value": "yoga"}).json()
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
    assert 'streamer_service_requests_total{route="/v1/users/{user_id:path}/avoid-list",status="200"}' in text
    assert "secret-user" not in text
