"""The part of the reader that both the sync and the asyncio one share: which keys, and what the answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from streamer.errors import RedisUnavailable, SettingsError, StateCorrupt, StateTooNew
from streamer.scoring.document import encode
from streamer.serving import AvoidList
from streamer.serving.cache import NearCache
from streamer.serving.index import Index
from streamer.serving.lookup import Default, Lookup, Lookups, read
from streamer.sinks.keys import Keys
from tests.avoid_lists import TODAY, document, entry


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lookups(
    on_unavailable: str = "raise",
    *,
    cache: NearCache[Index | None] | None = None,
    defaults: NearCache[Default] | None = None,
    explore: float = 0.05,
    prefix: str = "",
) -> Lookups:
    return Lookups(
        on_unavailable=on_unavailable,  # type: ignore[arg-type]
        explore=explore,
        clock=lambda: TODAY,
        cache=NearCache(0, 1, Seconds()) if cache is None else cache,
        defaults=NearCache(0, 1, Seconds()) if defaults is None else defaults,
        keys=Keys(prefix),
    )


def answer(lookup: Lookup[Any], stored: Mapping[str, bytes | str]) -> tuple[Any, list[list[str]]]:
    """Runs a lookup over a dict; returns what it found, and what it asked for."""
    asked = []
    try:
        keys = next(lookup)
        while True:
            asked.append(keys)
            keys = lookup.send([stored.get(key) for key in keys])
    except StopIteration as done:
        return done.value, asked


OWN = encode(document(entry("tag", "own")))
COHORT = encode(document(entry("tag", "cohort"), user_id="~cohort:de"))
EVERYBODY = encode(document(entry("tag", "all"), user_id="~all"))


@pytest.mark.parametrize(
    ("stored", "source", "listed"),
    [
        ({"avoid:u1": OWN, "avoid:~cohort:de": COHORT, "avoid:~all": EVERYBODY}, "user", ["own"]),
        ({"avoid:~cohort:de": COHORT, "avoid:~all": EVERYBODY}, "cohort", ["cohort"]),
        ({"avoid:~cohort:fr": COHORT, "avoid:~all": EVERYBODY}, "default", ["all"]),
        ({}, "none", []),
    ],
)
def test_the_first_document_found_is_the_list(stored: dict[str, bytes], source: str, listed: list[str]) -> None:
    found, _ = answer(lookups().one("u1", "de"), stored)
    assert (found.source, found.user_id) == (source, "u1")
    assert [e.value for e in (found.document.entries if found.document else ())] == listed


def test_a_newcomer_costs_one_round_trip_as_everybody_does() -> None:
    keys = ["avoid:u1", "avoid:~cohort:de", "avoid:~all"]
    for stored in ({"avoid:u1": OWN}, {"avoid:~all": EVERYBODY}, {}):
        assert answer(lookups().one("u1", "de"), stored)[1] == [keys]


def test_default_lists_are_kept_a_while_so_that_others_cost_one_key() -> None:
    seconds = Seconds()
    kept = lookups(defaults=NearCache(10, 5, seconds))
    stored = {"avoid:u1": OWN, "avoid:~all": EVERYBODY}
    asked = [answer(kept.one(user, cohort), stored)[1] for user, cohort in (("u1", None), ("u2", "de"), ("u3", "de"))]
    assert asked == [[["avoid:u1", "avoid:~all"]], [["avoid:u2", "avoid:~cohort:de"]], [["avoid:u3"]]]
    found, _ = answer(kept.one("u4", "de"), {})
    assert found.source == "default"
    seconds.now = 10
    found, asked_again = answer(kept.one("u4", "de"), {})
    assert (found.source, asked_again) == ("none", [["avoid:u4", "avoid:~cohort:de", "avoid:~all"]])


def test_a_default_list_that_cannot_be_read_is_the_newcomers_trouble_alone() -> None:
    kept = lookups("raise", defaults=NearCache(10, 5, Seconds()))
    stored = {"avoid:u1": OWN, "avoid:~all": b"{"}
    assert answer(kept.one("u1", None), stored)[0].source == "user"
    for _ in range(2):
        with pytest.raises(StateCorrupt, match="avoid:~all"):
            answer(kept.one("u2", None), stored)
    assert answer(lookups("empty").one("u2", None), stored)[0].source == "none"


def test_a_document_that_lists_nothing_is_still_the_users_own() -> None:
    found, _ = answer(lookups().one("u1", None), {"avoid:u1": encode(document()), "avoid:~all": EVERYBODY})
    assert (found.source, bool(found)) == ("user", False)


def test_many_users_cost_one_round_trip_and_no_key_twice() -> None:
    cohorts = {"u2": "de", "u3": "de", "u4": "fr"}
    found, asked = answer(lookups().many(["u1", "u2", "u3", "u4", "u1"], cohorts), {"avoid:u1": OWN})
    assert asked == [
        ["avoid:u1", "avoid:u2", "avoid:u3", "avoid:u4", "avoid:~cohort:de", "avoid:~cohort:fr", "avoid:~all"],
    ]
    assert {user: lists.source for user, lists in found.items()} == {
        "u1": "user", "u2": "none", "u3": "none", "u4": "none",
    }  # fmt: skip


def test_nobody_costs_nothing() -> None:
    assert answer(lookups().many([], {}), {}) == ({}, [])


def test_text_answers_are_read_like_bytes() -> None:
    assert answer(lookups().one("u1", None), {"avoid:u1": OWN.decode()})[0].document == document(entry("tag", "own"))


# --- what cannot be read ---------------------------------------------------------------------------------------------

BAD_DAY = encode(document(entry("tag", "a", last_day="yesterday")))
NEWER = msgspec.json.encode({"schema": 2, "people": []})


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"schema":1}', b"\xff\xfe", BAD_DAY])
def test_what_is_no_document_is_corrupt(raw: bytes) -> None:
    with pytest.raises(StateCorrupt, match=r"'avoid:u1' holds no avoid list .*rebuild-redis"):
        read("avoid:u1", raw)
    with pytest.raises(StateCorrupt):
        answer(lookups("raise").one("u1", None), {"avoid:u1": raw})
    assert answer(lookups("empty").one("u1", None), {"avoid:u1": raw})[0].source == "none"


@pytest.mark.parametrize("raw", [NEWER, OWN.replace(b'"schema":1', b'"schema":2')])
def test_what_a_newer_version_wrote_is_said_to_be_newer(raw: bytes) -> None:
    with pytest.raises(StateTooNew, match="upgrade this reader"):
        read("avoid:u1", raw)


def test_one_unreadable_list_does_not_take_the_others_with_it() -> None:
    found, _ = answer(lookups("empty").many(["u1", "u2"], {}), {"avoid:u1": b"{", "avoid:u2": OWN})
    assert (found["u1"].source, found["u2"].source) == ("none", "user")


# --- Redis away ------------------------------------------------------------------------------------------------------


def away(lookup: Lookup[AvoidList]) -> AvoidList:
    next(lookup)
    with pytest.raises(StopIteration) as done:
        lookup.throw(RedisUnavailable("away"))
    found: AvoidList = done.value.value
    return found


def test_away_is_raised() -> None:
    lookup = lookups("raise").one("u1", None)
    next(lookup)
    with pytest.raises(RedisUnavailable):
        lookup.throw(RedisUnavailable("away"))


def test_away_is_empty_at_once_and_logged_once_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    both = lookups("empty")
    assert [away(both.one("u1", "de")).source for _ in range(3)] == ["none"] * 3
    answer(both.one("u1", "de"), {"avoid:u1": OWN})
    assert [record.message for record in caplog.records] == [
        "serving without avoid lists: away",
        "Redis is back: serving with avoid lists again",
    ]


# --- near cache ------------------------------------------------------------------------------------------------------


def test_a_cached_list_is_served_until_its_time_is_up() -> None:
    seconds = Seconds()
    cached = lookups(cache=NearCache(5, 10, seconds))
    assert answer(cached.one("u1", None), {"avoid:u1": OWN})[1] == [["avoid:u1", "avoid:~all"]]
    seconds.now = 4.9
    found, asked = answer(cached.one("u1", None), {})
    assert (found.source, asked) == ("user", [])
    seconds.now = 5.0
    found, asked = answer(cached.one("u1", None), {})
    assert (found.source, asked) == ("none", [["avoid:u1", "avoid:~all"]])


def test_that_there_is_no_document_is_cached_too() -> None:
    cached = lookups(cache=NearCache(5, 10, Seconds()), defaults=NearCache(5, 10, Seconds()))
    answer(cached.one("u1", None), {"avoid:~all": EVERYBODY})
    found, asked = answer(cached.one("u1", None), {})
    assert (found.source, asked) == ("default", [])


def test_being_away_is_not_cached_and_does_not_hide_what_is() -> None:
    cached = lookups("empty", cache=NearCache(5, 10, Seconds()))
    answer(cached.one("u1", None), {"avoid:u1": OWN})
    lookup = cached.many(["u1", "u2"], {})
    assert next(lookup) == ["avoid:u2", "avoid:~all"]
    with pytest.raises(StopIteration) as done:
        lookup.throw(RedisUnavailable("away"))
    assert {user: lists.source for user, lists in done.value.value.items()} == {"u1": "user", "u2": "none"}
    assert answer(cached.one("u2", None), {"avoid:u2": OWN})[0].source == "user"


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago() -> None:
    cache: NearCache[int] = NearCache(5, 2, Seconds())
    cache.put_many({"a": 1, "b": 2})
    cache.get_many(["a"])
    cache.put_many({"c": 3})
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "c": 3}


def test_a_cache_of_no_seconds_keeps_nothing() -> None:
    cache: NearCache[int] = NearCache(0, 2, Seconds())
    cache.put_many({"a": 1})
    assert cache.get_many(["a"]) == {}


def test_settings_that_cannot_work_are_named_all_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        lookups("maybe", explore=2)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["on_unavailable", "explore"]
