"""One partition of the job, in memory: rejects, poison, alignment, crashes, erasure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

import pytest

from lab.oracle import oracle
from streamer import events as wire
from streamer.city import city
from streamer.city.disorder import disorder
from streamer.engine.kafka.records import Record
from streamer.engine.partition import users as engine_users
from streamer.engine.partition.users import UNSAVED
from streamer.engine.state.store import ERASED, WRITTEN, MemoryStore, PartitionStore
from streamer.errors import StateTooNew
from streamer.events import DAY_MS, Dislike, Erasure, Event, Impression, Play
from streamer.profile import Profile
from streamer.settings import Settings
from tests.unit.memory_job import NAMES, MemoryJob

DAY0 = 20_400 * DAY_MS
NOW = DAY0 + 40 * DAY_MS
HOUR = 3_600_000

BY_EVENTS = Settings(clock="events")
WALL = Settings(allowed_lag=30)


def dislike(user: str, ts: int, content: str = "c1") -> Dislike:
    return Dislike(user_id=user, ts=ts, action="dislike", content_id=content)


def impression(user: str, ts: int, content: str = "c1", position: int = 0) -> Impression:
    return Impression(user_id=user, ts=ts, content_id=content, visible_ms=5000, tags=("tag",), position=position)


def small_city(users: int = 12, days: int = 6, seed: int = 3) -> list[tuple[str, Event]]:
    return list(city.generate(users=users, days=days, seed=seed, end_ms=NOW - DAY_MS))


def filled(
    settings: Settings,
    events: Iterable[tuple[str, Event]],
    hot_users: int = 100,
    open_store: Callable[[], PartitionStore] = MemoryStore,
) -> MemoryJob:
    job = MemoryJob(settings, NOW, hot_users, open_store)
    last = 0
    for name, event in events:
        job.produce(name, event, event.user_id.encode())
        last = max(last, event.ts)
    job.watermark(last + 3 * HOUR)
    return job


# --- bad input --------------------------------------------------------------------------------------------------


BAD: list[tuple[str, bytes | None, bytes | None]] = [
    ("malformed_json", None, b"{"),
    ("malformed_json", b"u", None),
    ("not_an_object", None, b"[1]"),
    ("missing_field", None, b'{"user_id":"u","ts":1}'),
    ("wrong_type", None, b'{"user_id":"u","ts":"1","action":"dislike","content_id":"c"}'),
    ("out_of_range", None, b'{"user_id":"","ts":1,"action":"dislike","content_id":"c"}'),
    ("unknown_value", None, b'{"user_id":"u","ts":1,"action":"frown","content_id":"c"}'),
    ("key_mismatch", b"v", b'{"user_id":"u","ts":1,"action":"dislike","content_id":"c"}'),
    ("too_large", None, b" " * 65_537),
    ("from_the_future", None, b'{"user_id":"u","ts":9999999999999,"action":"dislike","content_id":"c"}'),
]


ELSEWHERE = {"missing_key", "wrong_partition"}
"""Tried in tests/unit/engine/test_placement.py."""


def test_every_reject_code_but_poison_is_tried() -> None:
    assert {code for code, _, _ in BAD} == set(wire.REJECT_CODES) - {"poison", *ELSEWHERE}


def test_every_bad_record_is_rejected_with_its_origin_and_the_rest_is_processed() -> None:
    job = MemoryJob(WALL, NOW)
    expected = {}
    for i, (code, key, value) in enumerate(BAD):
        job.produce("dislikes", dislike(f"good{i}", NOW - HOUR))
        job.logs["dislikes"].append(Record(len(job.logs["dislikes"]), key, value, 0))
        expected["dislikes", len(job.logs["dislikes"]) - 1] = code
    job.run()
    assert job.rejects == expected
    assert set(job.written()) == {f"good{i}" for i in range(len(BAD))}
    assert job.processor.progress()["dislikes"] == 2 * len(BAD) - 1


# --- poison -----------------------------------------------------------------------------------------------------


def raising_on(
    monkeypatch: pytest.MonkeyPatch, method: str, bad: Callable[[Profile, tuple[object, ...]], bool]
) -> None:
    """A profile whose method raises: the event of a bug that nobody has met yet."""
    original = getattr(Profile, method)

    def bugged(self: Profile, *args: object) -> object:
        result = original(self, *args)
        if bad(self, args):
            raise ZeroDivisionError("a bug")
        return result

    monkeypatch.setattr(Profile, method, bugged)


def has_culprit(events: object) -> bool:
    assert isinstance(events, Sequence)
    return any(isinstance(event, Dislike) and event.content_id == "culprit" for event in events)


@pytest.mark.parametrize("saved", [False, True], ids=["unsaved steps", "saved state"])
def test_an_event_that_raises_is_poison_and_the_users_other_events_count(
    monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    raising_on(monkeypatch, "apply_all", lambda _, args: has_culprit(args[0]))
    job, clean = MemoryJob(WALL, NOW), MemoryJob(WALL, NOW)
    for j in (job, clean):
        j.produce("dislikes", dislike("u", NOW - 2 * HOUR, "before"))
        j.run()
        if saved:
            j.checkpoint()
        for content in ("a", "culprit", "b") if j is job else ("a", "b"):
            j.produce("dislikes", dislike("u", NOW - HOUR, content))
            j.produce("dislikes", dislike("v", NOW - HOUR, "a"))
        j.run()
    assert job.rejects == {("dislikes", 3): "poison"}
    assert job.computed() == clean.computed()
    assert set(job.written()) == {"u", "v"}
    assert {e.value for e in job.written()["u"].entries} == {"before", "a", "b"}


@pytest.mark.parametrize("saved", [False, True], ids=["unsaved steps", "saved state"])
def test_what_seals_change_in_the_populations_sums_is_told_once_though_poison_makes_steps_be_done_again(
    monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    """A session of yesterday is sealed and told; today's poison makes its step be done again, with those before it."""
    raising_on(monkeypatch, "apply_all", lambda _, args: has_culprit(args[0]))
    counting = WALL.model_copy(update={"population": True, "population_share": 1.0})
    job, clean = MemoryJob(counting, NOW), MemoryJob(counting, NOW)
    for j in (job, clean):
        for second in (0, 10):
            j.produce("impressions", impression("u", NOW - DAY_MS + 1000 * second))
        j.produce("dislikes", Dislike(user_id="u", ts=NOW - DAY_MS, action="dislike", scope="tag", tag="tag"))
        j.run()
        if saved:
            j.checkpoint()
        for content in ("a", "culprit", "b") if j is job else ("a", "b"):
            j.produce("dislikes", dislike("u", NOW - HOUR, content))
        j.run()
        j.checkpoint()
    assert job.rejects == {("dislikes", 2): "poison"}
    assert clean.population.tags["tag"].users == 1
    assert dict(job.population.items()) == dict(clean.population.items())


def test_an_event_after_which_no_document_can_be_formed_is_poison(monkeypatch: pytest.MonkeyPatch) -> None:
    knows_culprit = "culprit"
    raising_on(monkeypatch, "document", lambda p, _: any(knows_culprit in str(s.interactions) for s in p.sessions))
    job = MemoryJob(WALL, NOW)
    for content in ("a", "b", "culprit", "d"):
        job.produce("dislikes", dislike("u", NOW - HOUR, content))
    job.run()
    assert job.rejects == {("dislikes", 2): "poison"}
    assert {e.value for e in job.written()["u"].entries} == {"a", "b", "d"}


def test_a_state_that_raises_by_itself_stops_only_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("dislikes", dislike("u", NOW - HOUR, "a"))
    job.run()
    job.checkpoint()
    raising_on(monkeypatch, "advance", lambda p, _: p.user_id == "u")
    job.now_ms += 3 * HOUR
    job.process()
    job.produce("dislikes", dislike("u", NOW + HOUR, "b"))
    job.produce("dislikes", dislike("v", NOW + HOUR, "b"))
    job.run()
    assert set(job.processor.users.stuck) == {"u"}
    assert job.rejects == {("dislikes", 1): "poison"}
    assert set(job.written()) == {"u", "v"}


def test_a_user_whose_changes_cannot_be_encoded_stays_as_last_saved_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("dislikes", dislike("u", NOW - HOUR, "a"))
    job.run()
    job.checkpoint()
    saved = {name: value for name, value in job.store.parts("u").items() if name != WRITTEN}
    with monkeypatch.context() as broken:
        raising_on(broken, "changes", lambda p, _: p.user_id == "u")
        for user in ("u", "v"):
            job.produce("dislikes", dislike(user, NOW - HOUR, "b"))
        job.run()
        job.checkpoint()
    assert set(job.processor.users.stuck) == {"u"}
    assert "'u' cannot be saved and stays as last saved, 1 events since are lost" in caplog.text
    assert job.processor.users._rules.dropped == {UNSAVED: 1}
    job.crash(Random(1))
    assert {name: value for name, value in job.store.parts("u").items() if name != WRITTEN} == saved
    for user in ("u", "v"):
        job.produce("dislikes", dislike(user, NOW - HOUR, "c"))
    job.run()
    job.checkpoint()
    assert not job.processor.users.stuck
    found = {user: {entry.value for entry in document.entries} for user, document in job.written().items()}
    assert found == {"u": {"a", "c"}, "v": {"b", "c"}}


def test_unreadable_state_is_kept_and_its_users_events_are_poison() -> None:
    job = MemoryJob(WALL, NOW)
    job.store.put("u", "h", b"\xc1")
    job.produce("dislikes", dislike("u", NOW - HOUR))
    job.run()
    job.checkpoint()
    assert job.rejects == {("dislikes", 0): "poison"}
    assert dict(job.store.parts("u")) == {"h": b"\xc1"}


def test_state_of_a_newer_streamer_stops_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Profile:
        raise StateTooNew("upgrade this worker")

    job = MemoryJob(WALL, NOW)
    job.store.put("u", "h", b"new")
    monkeypatch.setattr(engine_users.Profile, "load", refuse)
    job.produce("dislikes", dislike("u", NOW - HOUR))
    job.fetch("dislikes", 1)
    with pytest.raises(StateTooNew):
        job.run()


# --- alignment and time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", ["impressions", "dislikes"])
@pytest.mark.parametrize("settings", [BY_EVENTS, WALL], ids=["events", "wall"])
def test_a_topic_read_days_ahead_of_the_others_makes_no_event_late(settings: Settings, ahead: str) -> None:
    events = small_city()
    aligned, skewed = filled(settings, events), filled(settings, events)
    aligned.run(dict.fromkeys(NAMES, 10_000))
    skewed.run({**dict.fromkeys(NAMES, 3), ahead: 5_000})
    assert skewed.late == aligned.late == 0
    assert skewed.computed() == aligned.computed()


def test_a_topic_too_far_ahead_is_held_until_half_of_its_buffer_is_used() -> None:
    job = MemoryJob(Settings(buffer_events=100), NOW)
    for i in range(150):
        job.produce("dislikes", dislike("u", DAY0 + i))
    job.produce("plays", Play(user_id="u", ts=DAY0 + 80, content_id="c"))
    job.produce("plays", Play(user_id="u", ts=DAY0 + 200, content_id="c"))
    for name in ("impressions", "feedback", "erasures"):
        job.fetch(name, 1)
    job.fetch("dislikes", 120)
    assert job.processor.too_far_ahead() == ["dislikes"]
    job.fetch("plays", 1)
    job.process()
    assert job.processor.too_far_ahead() == []
    assert "dislikes" in job.processor.wants_more()


def test_a_session_of_an_idle_user_closes_by_time_alone() -> None:
    job = MemoryJob(WALL, NOW)
    for i in range(20):
        job.produce("impressions", impression("u", NOW - HOUR + 1000 * i, f"c{i}"))
        job.produce("impressions", impression("u", NOW - HOUR + 1000 * i, f"d{i}"))
    job.run()
    before = job.processor.users.deadlines.get("u")
    job.now_ms += 3 * HOUR
    job.process()
    after = job.processor.users.deadlines.get("u")
    assert before is not None and before <= job.processor.clock.watermark
    assert after is None or after > job.processor.clock.watermark


def test_records_delivered_again_after_a_seek_back_are_passed_over() -> None:
    job = MemoryJob(WALL, NOW)
    for i in range(4):
        job.produce("dislikes", dislike(f"u{i}", NOW - HOUR))
    job.run()
    job.position["dislikes"] = 1
    for name in NAMES:
        job.fetch(name, 10)
    assert job.process().events["dislikes"] == 0


# --- the whole job ------------------------------------------------------------------------------------------------


def assert_as_the_oracle_says(job: MemoryJob, events: Iterable[tuple[str, Event]]) -> None:
    truth = oracle.documents(job.settings, [event for _, event in events], job.processor.clock.watermark)
    written = job.written()
    for user in truth.keys() | written.keys():
        assert oracle.disagreements(written.get(user), truth.get(user)) == [], user


def test_the_job_writes_what_the_oracle_says() -> None:
    events = small_city()
    job = filled(BY_EVENTS, disorder(events, HOUR, 0.1, seed=1), hot_users=3)
    job.run()
    assert job.late == 0
    assert_as_the_oracle_says(job, events)


def test_a_store_kept_through_a_rebalance_is_what_recovery_would_read() -> None:
    job = filled(BY_EVENTS, small_city())
    job.run()
    job.produce("erasures", Erasure(next(iter(job.written())), NOW))
    job.run()
    job.checkpoint()
    kept = job.store
    job.start()
    assert {user: job.store.parts(user) for user in job.store} == {user: kept.parts(user) for user in kept}
    assert {user: job.store.journal.records(user) for user in job.store.journal} == {
        user: kept.journal.records(user) for user in kept.journal
    }
    assert job.store.deadlines == kept.deadlines != {}
    assert (job.store.erased, job.store.size) == (kept.erased, kept.size)


def test_a_document_written_just_before_a_crash_goes_if_the_rerun_has_none() -> None:
    """The outbox may be ahead of the state: a dislike, its document, then the crash; its undo follows."""
    job = MemoryJob(WALL, NOW)
    job.produce("dislikes", dislike("u", NOW - HOUR))
    job.run()
    assert set(job.written()) == {"u"}
    job.start()
    job.produce("dislikes", Dislike(user_id="u", ts=NOW - HOUR + 1, action="undo", content_id="c1"))
    job.run(dict.fromkeys(NAMES, 10))
    assert job.written() == {}


# --- erasure ------------------------------------------------------------------------------------------------------


def test_erasure_deletes_every_part_and_the_document_at_once() -> None:
    job = filled(BY_EVENTS, small_city(users=3))
    job.run()
    job.checkpoint()
    victim = next(iter(job.written()))
    job.produce("erasures", Erasure(victim, NOW))
    job.run()
    assert victim not in job.written()
    job.checkpoint()
    job.start()
    assert set(job.store.parts(victim)) == {ERASED}


@pytest.mark.parametrize("saved", [False, True])
def test_events_from_before_an_erasure_stay_forgotten_even_if_read_after_it(saved: bool) -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("erasures", Erasure("u", NOW - HOUR))
    job.run()
    if saved:
        job.checkpoint()
        job.start()
    job.produce("dislikes", dislike("u", NOW - 2 * HOUR, "old"))
    job.produce("dislikes", dislike("u", NOW - HOUR + 1, "new"))
    job.run()
    assert job.erased == 1
    assert {e.value for e in job.written()["u"].entries} == {"new"}


def erased_days_ago(days: int) -> MemoryJob:
    job = MemoryJob(WALL, NOW)
    job.produce("erasures", Erasure("u", NOW - HOUR))
    job.run()
    job.checkpoint()
    job.now_ms += days * DAY_MS
    job.process()
    job.checkpoint()
    job.start()
    return job


def test_the_mark_of_an_erasure_stays_as_long_as_the_sources_may_hold_events_from_before_it() -> None:
    job = erased_days_ago(WALL.retention_days - 1)
    job.produce("dislikes", dislike("u", NOW - 2 * HOUR, "old"))
    job.run()
    assert job.erased == 1
    assert job.written() == {}


def test_then_it_is_dropped() -> None:
    assert list(erased_days_ago(WALL.retention_days + 1).store) == []


def test_an_erasure_read_again_after_a_crash_does_not_delete_what_came_after_it() -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("erasures", Erasure("u", NOW - HOUR))
    job.run()
    job.produce("dislikes", dislike("u", NOW - HOUR + 1, "new"))
    job.run()
    job.checkpoint()
    job.committed["erasures"] = 0
    job.start()
    job.run()
    assert set(job.written()) == {"u"}


# --- slices -----------------------------------------------------------------------------------------------------


def test_a_full_slice_reaches_the_same_time_in_all_topics() -> None:
    job = MemoryJob(BY_EVENTS, NOW)
    for second in range(200):
        job.produce("impressions", impression("u", NOW - HOUR + 1000 * second))
        if second % 4 == 0:
            job.produce("plays", Play(user_id="u", ts=NOW - HOUR + 1000 * second, content_id="c"))
    job.watermark(NOW)
    for name in NAMES:
        job.fetch(name, 1000)
    for _ in range(4):
        taken = job.process(limit=50).events
        assert 35 <= taken["impressions"] <= 40
        assert 8 <= taken["plays"] <= 10
        assert taken.total() <= 50


@pytest.mark.parametrize("seed", range(5))
def test_slices_however_full_come_to_an_end_with_any_order_of_event_times(seed: int) -> None:
    rng = Random(seed)
    job = MemoryJob(BY_EVENTS, NOW)
    for _ in range(100):
        for name, event in (("impressions", impression), ("dislikes", dislike)):
            job.produce(name, event("u", NOW - rng.randrange(HOUR)))
    job.watermark(NOW)
    for name in NAMES:
        job.fetch(name, 1000)
    done, more = 0, True
    while more:
        out = job.process(limit=rng.randint(1, 30))
        taken = out.events.total()
        assert 0 < taken <= 30
        done, more = done + taken, out.more
    assert done == 204
