"""The population's snapshot, as a profile goes by it and as it is replaced under a running worker (spec §10)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from lab.oracle.oracle import Oracle, same
from streamer.errors import StateCorrupt, StateTooNew
from streamer.events import Event
from streamer.profile import Profile, Rules
from streamer.profile.codec import HEAD
from streamer.profile.crowd.priors_in_force import ANYTHING, NOTHING, REMEMBERED, Changed, PriorsInForce, changes
from streamer.scoring.document import Document
from streamer.scoring.priors import DEFAULT, Priors, decode, encode
from streamer.settings import Settings
from tests.property.driving import tiles_of
from tests.steps import DAY0, HOUR, MINUTE, NOON, and_then, played, shown

SUSPECT = Priors(version=1, tags={"gore": 0.2})


def evenings(number: int) -> list[Event | int]:
    """So many days with ten showings each in first place that nobody acts on; then all are sealed."""
    steps: list[Event | int] = []
    for day in range(number):
        start = NOON + day * 24 * HOUR
        steps += [shown(start + n * MINUTE, f"c{day}-{n}", "gore") for n in range(10)]
    return [*steps, NOON + number * 24 * HOUR]


def log_odds_of(document: Document | None, tag: str) -> float | None:
    return next((e.log_odds for e in document.entries if e.value == tag), None) if document else None


def test_a_sealed_tag_is_listed_once_more_people_are_known_to_dislike_it_and_no_longer_once_fewer_are() -> None:
    profile = and_then(Profile("u", Rules(Settings())), *evenings(8))
    oracle = Oracle(Settings()).run(evenings(8))
    assert log_odds_of(profile.document(), "gore") is None
    seen = []
    for population in (SUSPECT, replace(SUSPECT, version=2, tags={"gore": 0.12}), replace(DEFAULT, version=3)):
        assert profile.rules.adopt(population)
        oracle.population = population
        assert same(profile.document(), oracle.document()) == []
        seen.append(log_odds_of(profile.document(), "gore"))
    assert seen == [-0.2354, -0.8416, None]  # E = 1.50: logit of .2, of .12 (.6062 less), of .04 (1.7918 less)


def test_who_leaves_as_others_do_is_expected_to_stay_as_they_do_and_nobody_to_leave_for_sure() -> None:
    #   DAY0: plays from search: of unknown length, of a bucket that nine in ten leave, ten left of one that three do
    #   | a day later: one more of the first bucket; abandoned 10, expected 3 + .5 + .9, both less a day's decay
    population = Priors(version=1, abandonment=0.5, abandonments=(0.3,) * 14 + (0.9,))
    next_day = NOON + 24 * HOUR
    steps: list[Event | int] = [
        played(NOON, "unknown", "u", played_s=100),
        played(NOON, "long", "l", duration_s=3600, played_s=3600),
        *(played(NOON + n, f"left-{n}", duration_s=600, played_s=1) for n in range(10)),
        NOON + 2 * HOUR,
        played(next_day, "again", "a", duration_s=3600, played_s=3600),
        next_day + 2 * HOUR,
    ]
    profile = and_then(Profile("u", Rules(Settings(), population)), *steps)
    tiles = tiles_of(profile)
    assert tiles == Oracle(Settings(), population).run(steps).tiles()
    assert tiles[DAY0]["tag", "u"]["e"] == 250_000  # half a trial, of which half stay
    assert tiles[DAY0]["tag", "l"]["e"] == 50_000  # r·β = .05 of .1: half a trial
    # .9 x (10 + 2.5) / (4.4 + 2.5) = 1.6, at most .95; a showing passed over weighs r·β = .1 x .5: as much as all of it
    assert tiles[DAY0 + 1]["tag", "a"]["e"] == 50_000


def test_a_snapshot_that_is_not_newer_is_passed_over() -> None:
    rules = Rules(Settings(), SUSPECT)
    assert not rules.adopt(Priors(version=1, tags={"gore": 0.1}))
    assert not rules.adopt(DEFAULT)
    assert rules.priors is SUSPECT


def test_a_profile_whose_keys_did_not_change_stays_as_fresh_as_it_was() -> None:
    profile = and_then(Profile("u", Rules(Settings())), *evenings(2))
    profile.document()
    profile.rules.adopt(Priors(version=1, tags={"other": 0.2}, creators={"gore": 0.2}))
    profile.advance(profile.watermark)
    baseline = profile.baseline(DAY0 + 2)
    profile.advance(profile.watermark)
    assert profile.baseline(DAY0 + 2) is baseline


def test_the_state_says_which_snapshot_the_last_seal_went_by() -> None:
    profile = and_then(Profile("u", Rules(Settings(), replace(SUSPECT, version=7))), *evenings(1))
    head = profile.changes().parts["h"]
    assert head is not None and HEAD.decode(head).population == 7


def test_a_head_from_before_there_were_snapshots_went_by_the_constants() -> None:
    head = and_then(Profile("u", Rules(Settings())), *evenings(1)).changes().parts["h"]
    assert head is not None
    version, body = msgspec.msgpack.decode(head)
    assert HEAD.decode(msgspec.msgpack.encode((version, body[:-1]))).population == 0


# --- who is counted ---


def test_a_share_of_users_is_added_up_the_same_ones_at_any_time() -> None:
    settings = Settings(population=True, population_share=0.5)
    half, again, all_of_them, off = (
        Rules(each) for each in (settings, settings, Settings(population=True, population_share=1), Settings())
    )
    users = [f"user-{n}" for n in range(2_000)]
    counted = [user for user in users if half.adds_up(user)]
    assert 900 < len(counted) < 1_100
    assert counted == [user for user in users if again.adds_up(user)]
    assert all(all_of_them.adds_up(user) for user in users)
    assert not any(off.adds_up(user) for user in users)


# --- what has changed ----------------------------------------------------------------------------------------


def test_changes_name_the_keys_with_another_prior() -> None:
    new = Priors(tags={"a": 0.1, "b": 0.04}, creators={"c": 0.3})
    assert changes(DEFAULT, new) == Changed(frozenset({("tag", "a"), ("creator", "c")}), rates=False)
    assert changes(new, replace(new, start_rate=0.2)) == Changed(frozenset(), rates=True)
    assert changes(new, replace(new, prior=0.05)).keys is None


def test_what_was_missed_is_all_that_changed_in_between_and_anything_after_too_long() -> None:
    snapshots = PriorsInForce(DEFAULT)
    assert snapshots.since(0) == NOTHING
    for version in range(1, REMEMBERED + 2):
        snapshots.adopt(Priors(version=version, tags={f"t{version}": 0.1}))
    newest = REMEMBERED + 1
    assert snapshots.since(newest - 1).keys == {("tag", f"t{newest - 1}"), ("tag", f"t{newest}")}
    assert snapshots.since(1).keys == {("tag", f"t{n}") for n in range(1, newest + 1)}
    assert snapshots.since(0) == ANYTHING


# --- records of it -------------------------------------------------------------------------------------------


def test_a_snapshot_survives_its_record() -> None:
    population = Priors(
        version=3, as_of=9, start_rate=0.2, abandonment=0.3, abandonments=(0.3,) * 15, tags={"é": 0.1}, creators={}
    )
    assert decode(encode(population)) == population


def test_a_newer_schema_may_add_fields_but_is_refused_by_its_number() -> None:
    raw = msgspec.json.decode(encode(SUSPECT))
    assert decode(msgspec.json.encode({**raw, "more": 1})) == SUSPECT
    with pytest.raises(StateTooNew):
        decode(msgspec.json.encode({**raw, "schema": 2, "tags": []}))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"schema":1,"prior":0}',
        b'{"schema":1,"prior":1}',
        b'{"schema":1,"tags":{"a":1.5}}',
        b'{"schema":1,"abandonments":[0.3]}',
        b'{"schema":1,"version":-1}',
        b'{"schema":1,"start_rate":"0.1"}',
    ],
)
def test_what_is_no_snapshot_is_an_error(raw: bytes) -> None:
    with pytest.raises(StateCorrupt):
        decode(raw)
