"""The console in memory: who gets in, what is escaped, what is said, and that nothing is done for strangers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from streamer.engine.population.announcement import Announcement
from streamer.events import Dislike, Erasure, Event
from streamer.population import health
from streamer.population.health import Health
from streamer.producing import dead_letters
from streamer.producing.dead_letters import DeadLetter, Resent, Wanted
from streamer.scoring.document import Avoid, Document, Entry, Evidence, encode
from streamer.scoring.priors import Priors
from streamer.service.app import create
from streamer.service.backends import Backends
from streamer.service.console import acts, browsing, population
from streamer.service.console.sessions import LASTS_S, Sessions
from streamer.service.keys import SCOPES, ApiKeys, Caller
from streamer.serving import AsyncAvoidListReader, AvoidList
from streamer.settings import load

KEY: Final = "sk_test"
READS: Final = "sk_reads"
WRITES: Final = "sk_writes"
HOST: Final = "http://service"
NOW_MS: Final = 1_790_000_000_000
DAY_MS: Final = 86_400_000
SCRIPT: Final = "<script>alert(1)</script>"


def made(**more: Any) -> FastAPI:
    """A service whose Redis and Kafka are away."""
    nowhere = "127.0.0.1:1"
    settings = load(None, redis_url=f"redis://{nowhere}/0", brokers=nowhere, broker_timeout=0.5, **more)
    callers = {
        KEY: Caller("test", frozenset(SCOPES)),
        READS: Caller("reader", frozenset(["read"])),
        WRITES: Caller("writer", frozenset(["admin", "write"])),
    }
    return create(settings, ApiKeys((sha256(key.encode()).hexdigest(), who) for key, who in callers.items()))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """Its clock stands still."""
    monkeypatch.setattr(Backends.__init__, "__defaults__", (lambda: NOW_MS,))
    return made()


class Browser:
    """Somebody with a browser, which keeps cookies and follows nothing by itself."""

    def __init__(self, app: FastAPI, key: str = "") -> None:
        self.app = app
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        if key:
            answer = self.ask("POST", "/console/login", data={"key": key})
            assert answer.status_code == 303, answer.text
            found = re.search(r'name="csrf" value="([^"]+)"', self.ask("GET", "/console/login").text)
            assert found is not None
            self.csrf = found[1]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HOST, cookies=self.cookies) as client:
                answer = await client.request(method, path, **more)
                self.cookies = dict(client.cookies)
                return answer

        return asyncio.run(asked())

    def say(self, **fields: str) -> httpx.Response:
        return self.ask("POST", "/console/say", data={"csrf": self.csrf, **fields})


def entry(value: str | int = "news", **more: Any) -> Entry:
    evidence = Evidence(40, 4, 3, 0, 38, 9, 5.0, 0.0, 0.0, "2026-08-20", "2026-09-20")
    values = {
        "kind": "tag", "value": value, "context": None, "tier": "strong", "multiplier": 0.3, "log_odds": 0.3481,
        "reasons": ("ignored",), "evidence": evidence, "since": NOW_MS - 30 * DAY_MS,
        "expires_at": NOW_MS + 43 * DAY_MS,
    }  # fmt: skip
    return Entry(**{**values, **more})


def said(value: str = "gore", **more: Any) -> Entry:
    return entry(value, **{"tier": "hard", "multiplier": 0.0, "reasons": ("explicit",), "evidence": Evidence(), **more})


Lists = dict[str, tuple[Entry, ...]]


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    """What Redis has, by user."""
    there: Lists = {}

    async def get(_: object, user_id: str, cohort: str | None = None) -> AvoidList:
        if user_id not in there:
            return AvoidList(None, user_id=user_id)
        return AvoidList(Document(1, user_id, NOW_MS, None, Avoid(), there[user_id], {}), user_id=user_id)

    monkeypatch.setattr(AsyncAvoidListReader, "get", get)
    return there


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Event | Erasure]:
    taken: list[Event | Erasure] = []

    async def deliver(_: Backends, events: Sequence[Event | Erasure]) -> list[None]:
        taken.extend(events)
        return [None] * len(events)

    monkeypatch.setattr(Backends, "deliver", deliver)
    monkeypatch.setattr(acts, "_SHOWS_S", 0.0)
    return taken


def words(page: str) -> str:
    """What a page says, its pictures left out."""
    text = re.sub(r"<svg.*?</svg>|<script.*?</script>|<head>.*?</head>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_nobody_gets_in_without_a_key_that_is_known(app: FastAPI) -> None:
    browser = Browser(app)
    for path in ("/console", "/console/", "/console/user?id=a%2Fb", "/console/none"):
        answer = browser.ask("GET", path)
        assert (answer.status_code, answer.headers["Location"].startswith("/console")) == (303, True), path
    assert browser.ask("GET", "/console/user?id=a%2Fb").headers["Location"] == (
        "/console/login?next=%2Fconsole%2Fuser%3Fid%3Da%252Fb"
    )
    wrong = browser.ask("POST", "/console/login", data={"key": "sk_wrong"})
    assert (wrong.status_code, "not known" in wrong.text, browser.cookies) == (401, True, {})
    assert browser.ask("POST", "/console/say", data={"id": "ann"}).headers["Location"] == "/console/login"


def test_the_cookie_of_a_session_is_for_the_console_alone_and_no_script_can_read_it(app: FastAPI) -> None:
    answer = Browser(app).ask("POST", "/console/login", data={"key": f" {KEY} ", "next": "/console/user?id=ann"})
    assert answer.headers["Location"] == "/console/user?id=ann"
    cookie = answer.headers["Set-Cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/console")), cookie
    for elsewhere in ("//evil.example", "https://evil.example/console/", "/v1/score", "/console/../v1", "/console/\\x"):
        answer = Browser(app).ask("POST", "/console/login", data={"key": KEY, "next": elsewhere})
        assert answer.headers["Location"] == "/console/", elsewhere


def test_who_has_logged_out_is_out_and_who_does_nothing_for_long_too(app: FastAPI) -> None:
    browser = Browser(app, KEY)
    kept = dict(browser.cookies)
    assert browser.ask("POST", "/console/logout", data={"csrf": browser.csrf}).status_code == 303
    browser.cookies = kept
    assert browser.ask("GET", "/console/user").status_code == 303
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    token = sessions.begin(Caller("ann", frozenset()))
    now[0] = LASTS_S - 1
    assert sessions.find(token) is not None
    now[0] += LASTS_S
    assert sessions.find(token) is None


def test_nothing_is_done_for_a_form_that_is_not_ours(app: FastAPI, sent: list[Event], lists: Lists) -> None:
    browser = Browser(app, KEY)
    form = {"id": "ann", "kind": "tag", "value": "t", "action": "block"}
    posts = ["/console/say", "/console/logout", "/console/rejects/resend"]
    for path in posts:
        for csrf in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "ü"}):
            assert browser.ask("POST", path, data=form | csrf).status_code == 403, path
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = browser.ask("POST", path, data=form | {"csrf": browser.csrf}, headers=headers)
            assert (answer.status_code, "another site" in answer.text) == (403, True), path
    login = browser.ask("POST", "/console/login", data={"key": KEY}, headers={"Origin": "https://evil.example"})
    assert login.status_code == 403
    assert browser.ask("POST", "/console/say", content=b"csrf=%FF").status_code == 400
    assert sent == []


def test_browsers_run_nothing_but_our_own_files(app: FastAPI, lists: Lists) -> None:
    lists[SCRIPT] = (
        entry(SCRIPT),
        said(SCRIPT, kind="creator"),
        entry("c", kind="content", context={"device": SCRIPT}),
    )
    browser = Browser(app, KEY)
    paths = [
        "/console/login",
        "/console/none",
        f"/console/user?id={quote(SCRIPT)}&tags={quote(SCRIPT)}&item={quote(SCRIPT)}",
        "/console/user?id=" + "u" * 257,
        "/console/static/console.css",
        "/console/static/none",
        "/console/user?length_s=%22%3E" + quote(SCRIPT) + "&id=u",
    ]
    for path in paths:
        answer = browser.ask("GET", path)
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "<script>alert" not in answer.text, path
        assert not re.search(r"<(?:script|style)>| style=| on[a-z]+=", answer.text), path
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.ask("GET", paths[2]).text


def test_a_list_says_why_until_when_and_how_to_take_it_off_in_words_of_every_day(app: FastAPI, lists: Lists) -> None:
    lists["ann"] = (
        said(since=NOW_MS - DAY_MS, expires_at=None),
        entry(),
        entry("k", kind="creator", tier="soft", multiplier=0.7),
        entry(360, kind="duration", tier="soft", multiplier=0.5, log_odds=None, reasons=("too_long",)),
        entry("old", expires_at=NOW_MS),
    )
    told = words(Browser(app, KEY).ask("GET", "/console/user?id=ann").text)
    for part in (
        "Never shown 1", "Tag “gore” Left out Why They said no to it, on 20 September 2026.",
        "It has no end: it stands until it is taken off.", "Take the no back",
        "Shown much less 1", "Tag “news” Ranked at 32% of what it would be",
        "ignored 38 of 40 times it was seen, in 9 sessions",
        "It ends on 3 November 2026, in 43 days, if nothing new is found. It grows weaker every day until then.",
        "Seen 40 times, passed over 38 times, begun 4 times, left early 3 times, chosen never, from 20 August to 20",
        "So the chance that they dislike it is 59%.", "and on 3 November 2026 by itself",
        "Creator “k”", "It comes off at once when they follow this creator", "Anything longer than 6 min",
    ):  # fmt: skip
        assert part in told, f"{part!r} is not in {told}"
    assert "old" not in told.split()
    for term in (
        "log odds",
        "tier",
        "hard",
        "soft",
        "evidence",
        "multiplier",
        "hysteresis",
        "watermark",
        "provisional",
    ):
        assert not re.search(rf"\b{term}\b", told), term


def test_an_item_is_tried_as_the_reader_would_rank_it(app: FastAPI, lists: Lists) -> None:
    lists["ann"] = (said(), entry(), entry(360, kind="duration", tier="soft", multiplier=0.5, reasons=("too_long",)))
    browser = Browser(app, KEY)

    def tried(**fields: str) -> str:
        return words(browser.ask("GET", "/console/user", params={"id": "ann", **fields}).text)

    assert "It would be left out." in tried(tags="x, GORE")
    assert "It would be ranked at 32% of what it would be." in tried(item="c1", tags="news")
    assert "Anything longer than 6 min" in tried(length_s="361").partition("It would be ranked")[2]
    assert "ranked as usual" in tried(item="c1", length_s="360", creator="k", daypart="morning", device="tv")


def test_a_no_is_sent_and_what_it_changed_is_said_once(app: FastAPI, lists: Lists, sent: list[Event]) -> None:
    lists["ann/1"] = (entry(),)
    browser = Browser(app, KEY)

    answer = browser.say(id="ann/1", kind="tag", value="gore", action="not_interested")
    assert answer.headers["Location"] == "/console/user?id=ann%2F1"
    assert sent == [Dislike(user_id="ann/1", ts=NOW_MS, action="not_interested", scope="tag", tag="gore")]
    assert "has not changed yet" in browser.ask("GET", answer.headers["Location"]).text
    assert "has not changed yet" not in browser.ask("GET", answer.headers["Location"]).text
    browser.say(id="ann/1", kind="creator", value="k", action="undo")
    assert sent[1] == Dislike(user_id="ann/1", ts=NOW_MS, action="undo", scope="creator", creator_id="k")
    for wrong in (
        {"id": "~all"}, {"id": ""}, {"id": "u" * 257}, {"value": ""}, {"value": "t" * 257}, {"kind": "all"},
        {"action": "erase"}, {"action": ""},
    ):  # fmt: skip
        refused = browser.say(**({"id": "ann", "kind": "tag", "value": "t", "action": "block"} | wrong))
        assert (refused.status_code, 'role="alert"' in refused.text) == (422, True), wrong
    assert len(sent) == 2


def test_a_key_opens_the_pages_of_its_scopes_and_others_are_not_offered(
    app: FastAPI, lists: Lists, sent: list[Event]
) -> None:
    lists["ann"] = (said(),)
    browser = Browser(app, READS)
    page = browser.ask("GET", "/console/user?id=ann").text
    assert "Population" in page and "Pipeline" not in page and "Take the no back" not in page
    for path in ("/console/pipeline", "/console/pipeline/live", "/console/rejects"):
        assert browser.ask("GET", path).status_code == 403, path
    assert browser.say(id="ann", kind="tag", value="t", action="block").status_code == 403
    assert browser.ask("POST", "/console/rejects/resend", data={"csrf": browser.csrf}).status_code == 403
    assert sent == []


@pytest.mark.parametrize("user_id", ["a/b", "\0", "ü😀", "a b", "%", "a?b#c", "u" * 256, "ann\n"])
def test_whatever_an_id_is_its_page_leads_to_itself(app: FastAPI, lists: Lists, user_id: str) -> None:
    lists[user_id] = (entry(),)
    page = Browser(app, KEY).ask("GET", "/console/user", params={"id": user_id}).text
    found = re.search(r'href="(/console/user\?id=[^"&]*)&amp;past=1"', page)
    assert found is not None
    assert "Tag “news”" in Browser(app, KEY).ask("GET", found[1]).text


def test_while_redis_or_kafka_is_away_a_page_says_so_and_of_strangers_that_nothing_is_known(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(app, KEY)
    answer = browser.ask("GET", "/console/user?id=ann")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "Redis does not answer" in answer.text and "127.0.0.1" not in answer.text
    assert browser.ask("GET", "/console/user").status_code == 200  # it only finds no ids

    async def get(_: object, user_id: str, cohort: str | None = None) -> AvoidList:
        return AvoidList(None, user_id=user_id)

    monkeypatch.setattr(AsyncAvoidListReader, "get", get)
    assert "There is no list" in browser.ask("GET", "/console/user?id=ann").text
    answer = browser.ask("GET", "/console/user?id=ann&ask=news")
    assert (answer.status_code, "Kafka does not answer" in answer.text) == (503, True)
    answer = browser.say(id="ann", kind="tag", value="t", action="block")
    assert (answer.status_code, "Kafka does not answer" in answer.text) == (503, True)

    async def breaks(*_: object) -> AvoidList:
        raise RuntimeError("a secret")

    monkeypatch.setattr(AsyncAvoidListReader, "get", breaks)
    answer = browser.ask("GET", "/console/user?id=ann")
    assert (answer.status_code, "secret" in answer.text, "Traceback" in answer.text) == (500, False, False)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_rejects_are_shown_mended_and_refused_with_the_reason(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [
        DeadLetter("plays", 0, 1, "missing_field", "no `content_id`", NOW_MS, b"u", b'{"user_id": "u", "n": 1}'),
        DeadLetter("plays", 0, 2, "malformed_json", SCRIPT, NOW_MS, b"u", f"</textarea>{SCRIPT}".encode()),
        DeadLetter("plays", 0, 3, "malformed_json", "no UTF-8", NOW_MS, None, b"\xff"),
        DeadLetter("", -1, -1, "", "", NOW_MS, None, None),
    ]
    resent: list[DeadLetter] = []

    async def found(_: object, wanted: Wanted) -> AsyncIterator[DeadLetter]:
        for letter in there:
            if wanted.takes(letter):
                yield letter

    def resend(_: object, letters: Sequence[DeadLetter], timeout_s: float) -> Resent:
        resent.extend(letters)
        return Resent(len(letters), 0)

    monkeypatch.setattr(browsing, "dead_letters", found)
    monkeypatch.setattr(dead_letters, "resend", resend)
    browser = Browser(app, KEY)
    page = browser.ask("GET", "/console/rejects").text
    assert "<script>alert" not in page and page.count("</textarea>") == 2
    assert "4 in all" in words(page) and "A field is missing." in words(page)
    assert "1 in all" in words(browser.ask("GET", "/console/rejects?code=missing_field&hours=1&user=u").text)
    assert "none like this" in words(browser.ask("GET", "/console/rejects?topic=feedback").text)
    assert browser.ask("GET", "/console/rejects?code=other").status_code == 422

    def send(**fields: str) -> httpx.Response:
        return browser.ask("POST", "/console/rejects/resend", data={"csrf": browser.csrf, "topic": "plays", **fields})

    good = '{"user_id": "u", "content_id": "c", "ts": 1700000000000}'
    refused = send(value='{"user_id": "u", "text": "</textarea><b>"}')
    assert (refused.status_code, "missing required field" in refused.text) == (422, True)
    assert "&lt;/textarea&gt;&lt;b&gt;" in refused.text  # what was typed is not lost
    for wrong in (
        {"value": "{}", "topic": "avoid-lists"},
        {"value": '{"watermark": 1790000000000}'},
        {"value": ""},
        {"value": good.replace('"u"', '"~all"')},
    ):
        assert send(**wrong).status_code == 422, wrong
    assert resent == []
    assert send(value=good).headers["Location"] == "/console/rejects"
    assert [(letter.topic, letter.value) for letter in resent] == [("plays", good.encode())]
    assert "Sent again, to plays." in browser.ask("GET", "/console/rejects").text


def test_metrics_name_the_pages_and_never_users(app: FastAPI, lists: Lists) -> None:
    browser = Browser(app, KEY)
    browser.ask("GET", "/console/user?id=secret-user")
    text = browser.ask("GET", "/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    assert 'route="/console/user",status="200"' in text
    assert "secret-user" not in text


def test_a_forgetting_is_sent_again_only_by_who_may_erase(app: FastAPI) -> None:
    browser = Browser(app, WRITES)
    form = {"csrf": browser.csrf, "topic": "erasures", "value": '{"user_id": "u", "ts": 1700000000000}'}
    answer = browser.ask("POST", "/console/rejects/resend", data=form)
    assert (answer.status_code, "“erase”" in answer.text) == (403, True)


def test_everybodys_figures_are_told_and_that_there_are_none_too(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(app, READS)
    assert "is off" in browser.ask("GET", "/console/population").text
    known = Priors(version=7, as_of=NOW_MS, prior=0.04, tags={"gore": 0.2, SCRIPT: 0.1, "cats": 0.01})
    newcomers = Document(1, "~all", NOW_MS, None, Avoid(), (entry("gore", tier="soft", reasons=("cohort",)),), {})
    hook = Health(
        creator_id="bait", as_of=NOW_MS, flags=("hook",), users=60, prior=0.3, starts=130, expected_starts=100.0,
        plays=140, abandoned=70, expected_abandoned=50.0,
    )  # fmt: skip
    announcement = Announcement(known, {b"~all": encode(newcomers)}, {b"bait": health.encode(hook)})

    async def announced(_: object) -> Announcement:
        return announcement

    monkeypatch.setattr(population, "_announced", announced)
    monkeypatch.setattr(population, "is_stale", lambda *_: True)
    page = Browser(made(population=True), READS).ask("GET", "/console/population").text
    told = words(page)
    assert "gore 20.0%" in told and "cats" not in told and "<script>alert" not in page
    assert "This is old." in told and "bait 130 100 70 50 60 30%" in told
    assert "All newcomers Tag “gore”: ranked at" in told
