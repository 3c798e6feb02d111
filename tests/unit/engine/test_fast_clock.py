"""A device whose clock is fast moves time for nobody else, live or in a backlog; nor does a worker's own wrong clock.

A worker has been away for six hours, and reads what 60 users did meanwhile, one after the other, as any backlog comes:
50 records of each topic at a time. Soon after the beginning another device has sent one event from the future::

    true time   now-6h ─────────────────────────────────────────────► now
    users       u0 ─── u1 ─── u2 ─── …                          u59 ───
    fast        │ at now-6h+2min: ts hours later
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from streamer.engine.kafka.records import Record
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.state.loading import load_profile
from streamer.engine.state.store import MemoryStore
from streamer.events import DAY_MS, Event, Impression, Play, encode
from streamer.profile import Rules
from streamer.settings import Settings

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 20_400 * DAY_MS + 20 * HOUR
USERS = [f"u{n}" for n in range(60)]
NAMES = ("impressions", "plays", "dislikes", "feedback", "erasures")
RIGHT = (30, 6, 6, 24)
"""Shown, started, engaged, ignored."""


class Sent(NamedTuple):
    """An event, and when it reached the broker."""

    at: int
    name: str
    event: Event


def backlog() -> list[Sent]:
    sent = []
    for n, user in enumerate(USERS):
        start = NOW - 6 * HOUR + n * (6 * HOUR - 40 * MINUTE) // 60
        for i in range(30):
            ts = start + i * 30_000
            shown = Impression(user_id=user, ts=ts, content_id=f"c{i}", tags=("x",), visible_ms=4000, position=0)
            sent.append(Sent(ts, "impressions", shown))
            if i % 5 == 2:
                played = Play(user_id=user, ts=ts + 9_000, content_id=f"c{i}", played_s=500.0, duration_s=600.0)
                sent.append(Sent(ts + 9_000, "plays", played))
    return sent


def from_a_fast_device(hours: float, events: int = 1, devices: int = 1) -> list[Sent]:
    true = NOW - 6 * HOUR + 2 * MINUTE
    return [
        Sent(
            true + n,
            "impressions",
            Impression(user_id=f"fast{n % devices}", ts=true + n + round(hours * HOUR), content_id="z"),
        )
        for n in range(events)
    ]


class Read(NamedTuple):
    late: int
    rejected: list[str]
    counts: dict[str, tuple[int, ...]]


def read(sent: list[Sent], *, appended: bool, clock_off_ms: int = 0) -> Read:
    """What a worker makes of it, with broker timestamps (LogAppendTime) or without any."""
    settings = Settings(allowed_lag=30)
    rules, store = Rules(settings), MemoryStore()
    processor = PartitionProcessor(0, settings, rules, store, 1000)
    logs: dict[str, list[Record]] = {name: [] for name in NAMES}
    for at, name, event in sorted(sent, key=lambda each: each.at):
        log = logs[name]
        stamp = at if appended else -1
        log.append(Record(len(log), event.user_id.encode(), encode(event), stamp, (), appended))
    position = dict.fromkeys(NAMES, 0)
    late, rejected = 0, []
    now_ms = NOW + clock_off_ms
    more = True
    while more:
        for name in NAMES:
            if name not in processor.too_far_ahead():
                batch = logs[name][position[name] : position[name] + 50]
                position[name] += len(batch)
                processor.receive(name, batch, now_ms)
        caught_up = {name: now_ms if position[name] == len(logs[name]) else None for name in NAMES}
        out = processor.process(now_ms, caught_up, 5_000)
        late += out.late.total()
        rejected += [reject.code for reject in out.rejects]
        more = out.more or any(position[name] < len(logs[name]) for name in NAMES)
    processor.process(NOW + 4 * HOUR, dict.fromkeys(NAMES, NOW + 4 * HOUR), 5_000)
    processor.take_changes()
    counts = {}
    for user in USERS:
        profile = load_profile(user, rules, store.parts(user), store.journal.records(user))
        (cell,) = [cell for _, cell in profile.rollup.days("tag", "x")]
        counts[user] = (cell.shown, cell.started, cell.engaged, cell.ignored)
    return Read(late, rejected, counts)


@pytest.mark.parametrize("appended", [True, False])
@pytest.mark.parametrize("hours", [0, 1, 3, 5, 5.9, 24])
def test_one_event_of_a_fast_device_makes_nobody_late(hours: float, appended: bool) -> None:
    done = read([*backlog(), *from_a_fast_device(hours)], appended=appended)
    assert done.late == 0
    assert set(done.counts.values()) == {RIGHT}
    assert done.rejected == (["from_the_future"] if hours == 24 or (appended and hours) else [])


@pytest.mark.parametrize("appended", [True, False])
def test_nor_do_many_events_of_it(appended: bool) -> None:
    done = read([*backlog(), *from_a_fast_device(5, events=200)], appended=appended)
    assert done.late == 0
    assert set(done.counts.values()) == {RIGHT}


@pytest.mark.parametrize("minutes", [4, 300])
def test_nor_does_a_fleet_of_fast_devices_where_brokers_say_when_they_appended(minutes: int) -> None:
    done = read([*backlog(), *from_a_fast_device(minutes / 60, events=200, devices=50)], appended=True)
    assert done.late == 0
    assert set(done.counts.values()) == {RIGHT}
    assert len(done.rejected) == (200 if minutes > 5 else 0)


@pytest.mark.parametrize("off", [-10 * MINUTE, -6 * HOUR])
def test_a_worker_whose_clock_is_slow_rejects_nothing_where_brokers_say_when_they_appended(off: int) -> None:
    done = read(backlog(), appended=True, clock_off_ms=off)
    assert done.rejected == []
    assert set(done.counts.values()) == {RIGHT}
