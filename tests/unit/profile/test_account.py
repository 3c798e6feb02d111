"""What `streamer explain` tells: it agrees with the document, for every key of real users of a generated city."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.city.city import City
from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.explaining.explanation import ExplainedKind, KeyExplanation, explain_key
from streamer.profile import Profile, Rules
from streamer.settings import load

NOON = 20_370 * DAY_MS + DAY_MS // 2
SETTLED = 6_000_000


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules(load())


def profile_of(rules: Rules, *events: Event, settled: bool = True) -> Profile:
    profile = Profile("u1", rules)
    for event in events:
        profile.apply(event, 0)
    if settled:
        profile.advance(max(event.ts for event in events) + SETTLED)
    return profile


def shown(ts: int, content: str, *tags: str, creator: str = "c1") -> Impression:
    return Impression(
        user_id="u1", ts=ts, content_id=content, tags=tags, creator_id=creator, visible_ms=5000, position=0
    )


@pytest.mark.parametrize("settled", [True, False], ids=["sealed", "open"])
def test_every_key_of_a_user_has_the_entries_of_the_document_or_something_missing(rules: Rules, settled: bool) -> None:
    city = City(1, 40, 3, NOON, events=1_500, items=60, tags=20, creators=15)
    (user,) = city.user_ids()
    profile = Profile(user, rules)
    for _, event in city.events():
        profile.apply(event, 0)
        if settled:
            profile.advance(event.ts)
    document = profile.document()
    assert document is not None
    assert len({(entry.kind, entry.tier) for entry in document.entries}) > 4
    keys: list[tuple[ExplainedKind, str]] = [("tag", tag) for tag in city.catalogue.tags]
    keys += [("creator", creator) for creator in city.catalogue.creators]
    keys += [("content", item.content_id) for item in city.catalogue.items]
    cap = explain_key(profile, "duration", "")
    assert cap.entries == tuple(entry for entry in document.entries if entry.kind == "duration")
    assert bool(cap.missing) == (not cap.entries)
    for kind, value in keys:
        account = explain_key(profile, kind, value)
        entries = tuple(entry for entry in document.entries if (entry.kind, entry.value) == (kind, value))
        assert account.entries == entries
        plain = [entry for entry in entries if entry.context is None]
        assert bool(account.missing) == all(entry.tier == "hard" for entry in plain), account
        assert sum("; listed there" in line for line in account.details) == len(entries) - len(plain)
        for entry in plain:
            if entry.log_odds is not None:
                assert account.scored is not None
                assert account.scored.log_odds == pytest.approx(entry.log_odds, abs=1e-4)


def missing(account: KeyExplanation) -> str:
    return "; ".join(account.missing)


def test_a_named_tag_that_was_engaged_with_again_is_told(rules: Rules) -> None:
    events: list[Event] = [Dislike(user_id="u1", ts=NOON, action="dislike", scope="tag", tag="news")]
    for day in (1, 2, 3):
        ts = NOON + day * DAY_MS
        events += [
            shown(ts, f"c{day}", "news", creator=f"c{day}"),
            Play(user_id="u1", ts=ts + 60_000, content_id=f"c{day}", tags=("news",), played_s=50, duration_s=50),
        ]
    assert explain_key(profile_of(rules, *events[:-1]), "tag", "news").entries[0].tier == "hard"
    account = explain_key(profile_of(rules, *events), "tag", "news")
    assert account.entries == ()
    assert "they named it, but since then have engaged with it on 3 days or more" in missing(account)


def test_a_tag_seen_once_lacks_evidence_and_odds(rules: Rules) -> None:
    profile = profile_of(rules, shown(NOON, "a", "news"), shown(NOON + 60_000, "b", "sport"))
    account = explain_key(profile, "tag", "news")
    assert [cell.ignored for _, cell in account.days] == [1]
    assert "too little evidence: 0.0" in missing(account)
    assert "with a probability of 4%, and it takes 27%" in missing(account)


def test_what_was_never_seen_is_not_known(rules: Rules) -> None:
    account = explain_key(profile_of(rules, shown(NOON, "a", "news")), "tag", "chess")
    assert not account.known
    assert "nothing of it was really seen" in missing(account)


def test_a_content_tells_how_many_times_are_missing(rules: Rules) -> None:
    days = [
        shown(NOON + n * DAY_MS + step, content, "news")
        for n in range(1)
        for step, content in ((0, "a"), (60_000, "b"))
    ]
    account = explain_key(profile_of(rules, *days), "content", "a")
    assert account.missing == ("shown in vain 1 of the 2 times needed", "never left early")


def test_a_content_engaged_with_later_is_not_abandoned(rules: Rules) -> None:
    first = Play(user_id="u1", ts=NOON, content_id="a", played_s=2.0, duration_s=600.0)
    again = Play(user_id="u1", ts=NOON + DAY_MS, content_id="a", played_s=500.0, duration_s=600.0)
    assert explain_key(profile_of(rules, first), "content", "a").entries
    assert "but engaged with that day or later" in missing(explain_key(profile_of(rules, first, again), "content", "a"))


def test_a_stated_dislike_is_told_with_its_undo(rules: Rules) -> None:
    no = Dislike(user_id="u1", ts=NOON, action="dislike", scope="tag", tag="news")
    undo = Dislike(user_id="u1", ts=NOON + 1000, action="undo", scope="tag", tag="news")
    account = explain_key(profile_of(rules, no), "tag", "news")
    assert "hard" in {entry.tier for entry in account.entries}
    assert account.said == ("2025-10-09 12:00 UTC: dislike",)
    undone = explain_key(profile_of(rules, no, undo), "tag", "news")
    assert undone.entries == ()
    assert undone.said == ("2025-10-09 12:00 UTC: dislike", "2025-10-09 12:00 UTC: undo of all dislikes")


def test_a_tag_tells_how_it_does_in_each_context(rules: Rules) -> None:
    def said(ts: int, content: str, device: str) -> list[Event]:
        common: dict[str, Any] = {"user_id": "u1", "tags": ("news",), "device": device}
        if device == "phone":
            return [Dislike(**common, ts=ts + n, content_id=f"{content}{n}", action="dislike") for n in range(4)]
        return [Feedback(**common, ts=ts + n, content_id=f"{content}{n}", kind="like") for n in range(5)]

    profile = profile_of(rules, *said(NOON, "a", "phone"), *said(NOON + 60_000, "b", "tv"))
    account = explain_key(profile, "tag", "news")
    # afternoon: all of it, LD = 8 - 7.5 | phone 8 | tv -7.5
    afternoon, phone, tv = account.details
    assert afternoon.startswith("daypart afternoon: ")
    assert "not listed there: needs +0.0" in afternoon
    assert phone.endswith("said +8.00: log odds +0.10; listed there")
    assert "not listed there" in tv
    assert account.missing


def lengths(n: int, long_played_s: float) -> list[Event]:
    found: list[Event] = []
    for i in range(n):
        ts = NOON + i % 3 * DAY_MS + i * 1000
        found.append(Play(user_id="u1", ts=ts, content_id=f"s{i}", played_s=45.0, duration_s=50.0))
        found.append(Play(user_id="u1", ts=ts, content_id=f"l{i}", played_s=long_played_s, duration_s=1800.0))
    return found


def test_the_duration_tells_the_plays_by_length_and_what_a_cap_lacks(rules: Rules) -> None:
    capped = explain_key(profile_of(rules, *lengths(9, 2.0)), "duration", "")
    assert [entry.value for entry in capped.entries] == [1440]
    assert capped.missing == ()
    assert capped.details == (
        "45 to 60 s: 9 plays; left early 0.0, where people at large leave 3.1",
        "1440 to 1920 s: 9 plays; left early 8.9, where people at large leave 3.1",
    )
    evening = [event for event in lengths(36, 2.0) if event.ts < NOON + DAY_MS]
    of_one_evening = explain_key(profile_of(rules, *evening), "duration", "")
    assert "something longer than 1440 s was left early on 1 days, a cap takes 3" in missing(of_one_evening)
    few = explain_key(profile_of(rules, *lengths(5, 2.0)), "duration", "")
    assert missing(few) == "fewer than 6 plays of known length on one side of every possible cap"
    patient = explain_key(profile_of(rules, *lengths(9, 1700.0)), "duration", "")
    assert "the difference is certain to 0.0 (a cap takes 5.0)" in missing(patient)
    assert not explain_key(profile_of(rules, shown(NOON, "a", "news")), "duration", "").known
